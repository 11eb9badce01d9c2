// The server's side of one SPDY/3.1 connection: streams that the client opens, pings, and an end in good order.
import type { Duplex } from 'node:stream';
import type { Clock, Timer } from '../../../src/apimachinery/clock.js';
import { controlFrame, dataHeader, FLAG_FIN, FRAME, initialWindowOf, RST, readFrames, streamIdOf } from './frames.js';
import { HeaderCodec } from './headers.js';
import { SpdyStream, type StreamCarrier } from './stream.js';

/** A port-forward opens two for each connection, so this is 500 of those; upstream has no bound. */
const STREAMS_MAX = 1000;
/** As SPDY/3.1 says. */
const INITIAL_WINDOW_BYTES = 64 * 1024;
/** Credit is given back in such pieces. */
const CREDIT_STEP_BYTES = INITIAL_WINDOW_BYTES / 2;
/** While input is held back nothing is read, so a client that has left is found out only by writing to it. */
const HELD_BACK_PING_MS = 2_000;
/** How long a client may take to close its side after we have closed ours. */
const LINGER_MS = 5_000;
/** Of control frames: answers to a client that asks and does not read. */
const UNSENT_MAX_BYTES = 256 * 1024;
const SYN_STREAM_HEADER_BYTES = 10;

export interface SpdySessionOptions {
  readonly socket: Duplex;
  /** What came with the upgrade request. */
  readonly head: Buffer;
  readonly clock: Clock;
  /** Called for each stream that the client opens, after it was replied to; false refuses it. */
  accept(stream: SpdyStream): boolean;
}

export class SpdySession implements StreamCarrier {
  /** Resolves when the connection is over, however it ended. */
  readonly closed: Promise<void>;
  readonly #codec = new HeaderCodec();
  readonly #streams = new Map<number, SpdyStream>();
  /** Received and not yet credited, by stream; 0 is the session. */
  readonly #owed = new Map<number, number>();
  #lastStream = 0;
  #unsent = 0;
  /**
   * Kubernetes' Go clients neither keep to windows nor widen ours. Only a client that announces its window has flow control.
   */
  #peerInitialWindow: number | undefined;
  #sendWindow = Number.POSITIVE_INFINITY;

  constructor(private readonly options: SpdySessionOptions) {
    const { socket, head } = options;
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        for (const stream of this.#streams.values()) stream.reset();
        this.#codec.close();
        resolve();
      });
    });
    socket.on('error', () => undefined);
    if (head.length > 0) socket.unshift(head);
    this.#run().then(
      () => socket.destroy(),
      () => socket.destroy(),
    );
  }

  /** What was written is sent; then both sides know that it is over. */
  close(): void {
    const { socket, clock } = this.options;
    if (socket.destroyed) return;
    this.#send(controlFrame(FRAME.goAway, 0, this.#lastStream, 0));
    socket.end();
    const timer = clock.after(LINGER_MS, () => socket.destroy());
    socket.once('close', () => timer.cancel());
  }

  sessionWindow(): number {
    return this.#sendWindow;
  }

  sendData(id: number, payload: Buffer, fin: boolean, done: (error?: Error | null) => void): void {
    const { socket } = this.options;
    if (socket.destroyed || socket.writableEnded) {
      done(new Error('the connection is closed'));
      return;
    }
    this.#sendWindow -= payload.length;
    socket.cork();
    socket.write(dataHeader(id, payload.length, fin), payload.length === 0 ? done : undefined);
    if (payload.length > 0) socket.write(payload, done);
    socket.uncork();
  }

  forget(id: number, aborted: boolean): void {
    this.#streams.delete(id);
    this.#owed.delete(id);
    if (aborted) this.#send(controlFrame(FRAME.rstStream, 0, id, RST.cancel));
  }

  async #run(): Promise<void> {
    for await (const frame of readFrames(this.options.socket)) {
      if (frame.type === 'data') await this.#receiveData(frame.stream, frame.payload, frame.fin);
      else await this.#receiveControl(frame.kind, frame.flags, frame.body);
    }
  }

  async #receiveData(id: number, payload: Buffer, fin: boolean): Promise<void> {
    const stream = this.#streams.get(id);
    if (stream) {
      const caughtUp = stream.receive(payload, fin);
      if (caughtUp) await this.#whileHeldBack(caughtUp);
      if (!fin) this.#credit(id, payload.length);
    } else if (id > this.#lastStream) {
      this.#send(controlFrame(FRAME.rstStream, 0, id, RST.invalidStream));
    }
    this.#credit(0, payload.length);
  }

  async #whileHeldBack(caughtUp: Promise<void>): Promise<void> {
    let timer: Timer;
    let pings = 2;
    const ping = () => {
      this.#send(controlFrame(FRAME.ping, 0, pings));
      pings += 2;
      timer = this.options.clock.after(HELD_BACK_PING_MS, ping);
    };
    timer = this.options.clock.after(HELD_BACK_PING_MS, ping);
    await caughtUp;
    timer.cancel();
  }

  #credit(id: number, bytes: number): void {
    const owed = (this.#owed.get(id) ?? 0) + bytes;
    this.#owed.set(id, owed < CREDIT_STEP_BYTES ? owed : 0);
    if (owed >= CREDIT_STEP_BYTES) this.#send(controlFrame(FRAME.windowUpdate, 0, id, owed));
  }

  async #receiveControl(kind: number, flags: number, body: Buffer): Promise<void> {
    switch (kind) {
      case FRAME.synStream:
        return this.#open(flags, body);
      case FRAME.headers:
        // Nobody sends them; but the compression's state goes through every block.
        await this.#codec.decode(body.subarray(4));
        return;
      case FRAME.rstStream:
        return this.#streams.get(streamIdOf(body))?.reset();
      case FRAME.ping:
        // Odd ones are the client's, the others are answers to ours.
        if (streamIdOf(body) % 2 === 1) this.#send(controlFrame(FRAME.ping, 0, body));
        return;
      case FRAME.settings:
        return this.#settings(initialWindowOf(body));
      case FRAME.windowUpdate:
        return this.#widen(streamIdOf(body), streamIdOf(body, 4));
      // Of GOAWAY nothing follows: what is open goes on, and the client closes.
    }
  }

  async #open(flags: number, body: Buffer): Promise<void> {
    const id = streamIdOf(body);
    const headers = await this.#codec.decode(body.subarray(SYN_STREAM_HEADER_BYTES));
    if (id % 2 === 0 || id <= this.#lastStream) throw new Error(`stream ${id} cannot be opened after ${this.#lastStream}`);
    this.#lastStream = id;
    if (this.#streams.size >= STREAMS_MAX) return this.#refuse(id);
    this.#send(controlFrame(FRAME.synReply, 0, id, await this.#codec.encode(new Map())));
    const stream = new SpdyStream(this, id, headers, this.#peerInitialWindow ?? Number.POSITIVE_INFINITY);
    this.#streams.set(id, stream);
    if (!this.options.accept(stream)) {
      this.#streams.delete(id);
      stream.reset();
      return this.#refuse(id);
    }
    if (flags & FLAG_FIN) stream.receive(Buffer.alloc(0), true);
  }

  #refuse(id: number): void {
    this.#send(controlFrame(FRAME.rstStream, 0, id, RST.refusedStream));
  }

  #settings(window: number | undefined): void {
    if (window === undefined) return;
    const before = this.#peerInitialWindow;
    this.#peerInitialWindow = window;
    if (before === undefined) this.#sendWindow = INITIAL_WINDOW_BYTES;
    else for (const stream of this.#streams.values()) stream.widen(window - before);
  }

  #widen(id: number, delta: number): void {
    if (id === 0) {
      this.#sendWindow += delta;
      for (const stream of this.#streams.values()) stream.wake();
    } else this.#streams.get(id)?.widen(delta);
  }

  #send(frame: Buffer): void {
    const { socket } = this.options;
    if (socket.destroyed || socket.writableEnded) return;
    this.#unsent += frame.length;
    if (this.#unsent > UNSENT_MAX_BYTES) socket.destroy(new Error('the client does not read what it is answered'));
    else
      socket.write(frame, () => {
        this.#unsent -= frame.length;
      });
  }
}
