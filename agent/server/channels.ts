// Streams of a process over a WebSocket: subprotocols v5.channel.k8s.io and v4.channel.k8s.io.
import type { Readable } from 'node:stream';
import type { RawData, WebSocket } from 'ws';
import type { Logger } from '../../src/apimachinery/logger.js';
import type { ProcessStreams, TerminalSize } from '../runtime/runtime.js';

/** In the order we prefer them. v5 can also close the client's input. */
export const PROTOCOLS = ['v5.channel.k8s.io', 'v4.channel.k8s.io'] as const;

const CHANNEL_STDIN = 0;
const CHANNEL_STDOUT = 1;
const CHANNEL_STDERR = 2;
const CHANNEL_ERROR = 3;
const CHANNEL_RESIZE = 4;
/** v5: the second byte names the channel that the client closes. */
const CHANNEL_CLOSE = 255;

const CLOSE_NORMAL = 1000;

export interface ChannelOptions {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
}

/** Carries the streams until the process ends or the client leaves. Never rejects. */
export async function serveChannels(socket: WebSocket, streams: ProcessStreams, options: ChannelOptions, log: Logger): Promise<void> {
  socket.on('message', (data) => receive(socket, data, streams, options, log));
  socket.once('close', () => streams.close());
  socket.on('error', (error) => log.debug({ error: error.message }, 'a stream broke off'));
  streams.stdin.on('error', (error: Error) => log.debug({ error: error.message }, 'the input of a process broke off'));
  try {
    // Tells a client that waits for a first byte that the connection stands.
    await send(socket, options.stdout ? CHANNEL_STDOUT : options.stderr ? CHANNEL_STDERR : CHANNEL_ERROR, Buffer.alloc(0));
    await Promise.all([
      pump(socket, streams.stdout, CHANNEL_STDOUT, options.stdout),
      pump(socket, streams.stderr, CHANNEL_STDERR, options.stderr && !options.tty),
    ]);
    if (socket.readyState === socket.OPEN)
      await send(socket, CHANNEL_ERROR, Buffer.from(JSON.stringify(outcome(await streams.exitCode()))));
  } catch (error) {
    log.debug({ error: (error as Error).message }, 'a stream ended early');
    const status = {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      reason: 'InternalError',
      message: (error as Error).message,
      code: 500,
    };
    if (socket.readyState === socket.OPEN) await send(socket, CHANNEL_ERROR, Buffer.from(JSON.stringify(status))).catch(() => undefined);
  } finally {
    socket.close(CLOSE_NORMAL);
    streams.close();
  }
}

/** As upstream tells an exit code: a Status with a cause. */
export function outcome(exitCode: number | undefined): object {
  if (!exitCode) return { metadata: {}, status: 'Success' };
  return {
    metadata: {},
    status: 'Failure',
    reason: 'NonZeroExitCode',
    message: `command terminated with non-zero exit code: exit status ${exitCode}`,
    details: { causes: [{ reason: 'ExitCode', message: String(exitCode) }] },
  };
}

/** Resolves when the kernel has taken it, which holds back whoever writes faster than the client reads. */
function send(socket: WebSocket, channel: number, data: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.send(Buffer.concat([Buffer.of(channel), data]), { binary: true }, (error) => (error ? reject(error) : resolve()));
  });
}

async function pump(socket: WebSocket, source: Readable, channel: number, wanted: boolean): Promise<void> {
  for await (const chunk of source) if (wanted) await send(socket, channel, chunk as Buffer);
}

function receive(socket: WebSocket, data: RawData, streams: ProcessStreams, options: ChannelOptions, log: Logger): void {
  const message = Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data as ArrayBuffer);
  const payload = message.subarray(1);
  switch (message[0]) {
    case CHANNEL_STDIN:
      if (!options.stdin || payload.length === 0 || streams.stdin.write(payload)) return;
      socket.pause();
      streams.stdin.once('drain', () => socket.resume());
      return;
    case CHANNEL_RESIZE: {
      const size = terminalSize(payload);
      if (size) streams.resize(size).catch((error: Error) => log.debug({ error: error.message }, 'cannot resize a terminal'));
      return;
    }
    case CHANNEL_CLOSE:
      if (payload[0] === CHANNEL_STDIN && options.stdin) streams.stdin.end();
  }
}

/** undefined for what is no size: a terminal's size is not worth ending its process. */
export function terminalSize(payload: Buffer): TerminalSize | undefined {
  try {
    const { Width: width, Height: height } = JSON.parse(payload.toString('utf8')) as { Width?: unknown; Height?: unknown };
    const isSize = (n: unknown): n is number => typeof n === 'number' && Number.isInteger(n) && n > 0 && n < 65536;
    return isSize(width) && isSize(height) ? { width, height } : undefined;
  } catch {
    return undefined;
  }
}
