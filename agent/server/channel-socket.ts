// ChannelSocket: numbered channels over one WebSocket, as the subprotocols of channel.k8s.io have them, with backpressure both ways.
import { Readable, Writable } from 'node:stream';
import type { RawData, WebSocket } from 'ws';
import type { Clock, Timer } from '../../src/apimachinery/clock.js';

/** v5: the payload's first byte names the channel that the client closes. */
const CHANNEL_CLOSE = 255;
/** Unread input past which the client is held back. */
const READ_BUFFER_BYTES = 1 << 20;
/** While nothing is read, a client that has left is found out only by writing to it. */
const HELD_BACK_PING_MS = 2_000;
const CLOSE_NORMAL = 1000;

export class ChannelSocket {
  /** Resolves when the connection is over, however it ended. */
  readonly closed: Promise<void>;
  readonly #readers = new Map<number, Readable>();
  readonly #full = new Set<Readable>();
  readonly #isBase64: boolean;
  readonly #canClose: boolean;
  #ping: Timer | undefined;

  constructor(
    private readonly socket: WebSocket,
    private readonly clock: Clock,
  ) {
    this.#isBase64 = socket.protocol.includes('base64');
    this.#canClose = socket.protocol.startsWith('v5.');
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#ping?.cancel();
        for (const reader of this.#readers.values()) reader.destroy();
        resolve();
      });
    });
    // 'close' follows; who it was and why is of no use to anybody here.
    socket.on('error', () => undefined);
    socket.on('message', (data) => this.#receive(data));
  }

  /** What the client sends on a channel; what comes on channels without a reader is dropped. */
  reader(channel: number): Readable {
    const reader: Readable = new Readable({ highWaterMark: READ_BUFFER_BYTES, read: () => this.#release(reader) });
    reader.on('error', () => undefined);
    reader.once('close', () => this.#release(reader));
    this.#readers.set(channel, reader);
    return reader;
  }

  writer(channel: number): Writable {
    const writer = new Writable({
      write: (chunk: Buffer, _encoding, done) => this.#send(channel, chunk, done),
    });
    writer.on('error', () => undefined);
    void this.closed.then(() => writer.destroy());
    return writer;
  }

  /** Resolves when the kernel has taken it, or nobody will. */
  send(channel: number, data: Buffer): Promise<void> {
    return new Promise((resolve) => this.#send(channel, data, () => resolve()));
  }

  close(): void {
    // The other side's goodbye is to be read.
    this.socket.resume();
    this.socket.close(CLOSE_NORMAL);
  }

  #send(channel: number, data: Buffer, done: (error?: Error | null) => void): void {
    if (this.socket.readyState !== this.socket.OPEN) done(new Error('the client has left'));
    else if (this.#isBase64) this.socket.send(`${channel}${data.toString('base64')}`, done);
    else this.socket.send(Buffer.concat([Buffer.of(channel), data]), { binary: true }, done);
  }

  #receive(data: RawData): void {
    const message = Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data as ArrayBuffer);
    if (message.length === 0) return;
    const channel = this.#isBase64 ? message[0]! - 0x30 : message[0]!;
    const payload = this.#isBase64 ? Buffer.from(message.toString('latin1', 1), 'base64') : message.subarray(1);
    if (channel === CHANNEL_CLOSE && this.#canClose) {
      this.#end(payload[0]);
      return;
    }
    const reader = this.#readers.get(channel);
    if (!reader || reader.destroyed || payload.length === 0 || reader.push(payload)) return;
    this.#full.add(reader);
    this.socket.pause();
    this.#ping ??= this.#startPings();
  }

  #end(channel: number | undefined): void {
    const reader = this.#readers.get(channel ?? -1);
    this.#readers.delete(channel ?? -1);
    reader?.push(null);
  }

  #release(reader: Readable): void {
    if (!this.#full.delete(reader) || this.#full.size > 0) return;
    this.#ping?.cancel();
    this.#ping = undefined;
    this.socket.resume();
  }

  #startPings(): Timer {
    return this.clock.after(HELD_BACK_PING_MS, () => {
      this.socket.ping();
      this.#ping = this.#startPings();
    });
  }
}
