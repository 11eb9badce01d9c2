// Streams of a process over a WebSocket.
import type { WebSocket } from 'ws';
import type { Clock } from '../../../src/apimachinery/clock.js';
import { ChannelSocket } from '../channel-socket.js';
import { endAll } from '../streams.js';
import { type ClientStreams, encodeOutcome, Resizes, type Wanted } from './client-streams.js';

/** In the order we prefer them; v5 can also end the input, those before v4 know neither sizes nor how a process ended. */
export const CHANNEL_PROTOCOLS: readonly string[] = [
  'v5.channel.k8s.io',
  'v4.channel.k8s.io',
  'v4.base64.channel.k8s.io',
  'channel.k8s.io',
  'base64.channel.k8s.io',
];

const CHANNEL_STDIN = 0;
const CHANNEL_STDOUT = 1;
const CHANNEL_STDERR = 2;
const CHANNEL_ERROR = 3;
const CHANNEL_RESIZE = 4;

export function webSocketStreams(socket: WebSocket, wanted: Wanted, clock: Clock): ClientStreams {
  const channels = new ChannelSocket(socket, clock);
  const hasStatus = /^v\d/.test(socket.protocol);
  const resizes = new Resizes();
  if (wanted.tty && hasStatus) channels.reader(CHANNEL_RESIZE).on('data', (payload: Buffer) => resizes.push(payload.toString('utf8')));
  const stdout = wanted.stdout ? channels.writer(CHANNEL_STDOUT) : undefined;
  const stderr = wanted.stderr && !wanted.tty ? channels.writer(CHANNEL_STDERR) : undefined;
  // Tells a client that waits for a first byte that the connection stands.
  void channels.send(stdout ? CHANNEL_STDOUT : stderr ? CHANNEL_STDERR : CHANNEL_ERROR, Buffer.alloc(0));
  return {
    stdin: wanted.stdin ? channels.reader(CHANNEL_STDIN) : undefined,
    stdout,
    stderr,
    onResize: (listener) => resizes.listen(listener),
    closed: channels.closed,
    async finish(outcome) {
      await endAll(stdout, stderr);
      const message = encodeOutcome(outcome, hasStatus);
      if (message.length > 0) await channels.send(CHANNEL_ERROR, message);
      channels.close();
    },
  };
}
