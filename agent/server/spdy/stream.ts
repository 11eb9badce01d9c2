// One stream of a SPDY session as a Duplex: its two directions end apart from one another.
import { Duplex } from 'node:stream';
import type { Headers } from './headers.js';

/** Past so much unread input the session stops reading; a client that keeps to windows of 64 KiB never gets there. */
const READ_BUFFER_BYTES = 1 << 20;
/** Of one DATA frame: a peer holds a frame whole before it passes it on. */
const FRAME_MAX_BYTES = 64 * 1024;

type Done = (error?: Error | null) => void;

/** What a stream needs of its session. */
export interface StreamCarrier {
  sendData(id: number, payload: Buffer, fin: boolean, done: Done): void;
  /** How much may be sent now on any stream. */
  sessionWindow(): number;
  /** The stream is over; `aborted`: the other side does not know yet. */
  forget(id: number, aborted: boolean): void;
}

export class SpdyStream extends Duplex {
  #waitsForRoom: (() => void) | undefined;
  #waitsForWindow: (() => void) | undefined;
  #isReset = false;

  constructor(
    private readonly carrier: StreamCarrier,
    readonly id: number,
    readonly headers: Headers,
    /** Bytes that the peer still takes; Infinity for a peer without flow control. */
    private window: number,
  ) {
    super({ readableHighWaterMark: READ_BUFFER_BYTES, writableHighWaterMark: FRAME_MAX_BYTES });
    // Whoever uses the stream hears of its end in other ways; a client that leaves is no error of ours.
    this.on('error', () => undefined);
  }

  /** Takes input. Returns a promise where the reader has to catch up first. */
  receive(payload: Buffer, fin: boolean): Promise<void> | undefined {
    if (this.destroyed || this.readableEnded) return undefined;
    const hasRoom = payload.length === 0 || this.push(payload);
    if (fin) this.push(null);
    if (hasRoom || fin) return undefined;
    return new Promise((resolve) => {
      this.#waitsForRoom = resolve;
    });
  }

  /** The peer has given the stream up. */
  reset(): void {
    this.#isReset = true;
    this.destroy();
  }

  widen(delta: number): void {
    this.window += delta;
    this.wake();
  }

  /** After any window has changed. */
  wake(): void {
    const send = this.#waitsForWindow;
    this.#waitsForWindow = undefined;
    send?.();
  }

  override _read(): void {
    const resolve = this.#waitsForRoom;
    this.#waitsForRoom = undefined;
    resolve?.();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    const allowed = Math.min(FRAME_MAX_BYTES, this.window, this.carrier.sessionWindow());
    if (allowed <= 0) {
      this.#waitsForWindow = () => this._write(chunk, _encoding, done);
      return;
    }
    const part = chunk.subarray(0, allowed);
    this.window -= part.length;
    this.carrier.sendData(this.id, part, false, (error) => {
      if (error || part.length === chunk.length) done(error);
      else this._write(chunk.subarray(part.length), _encoding, done);
    });
  }

  override _final(done: Done): void {
    this.carrier.sendData(this.id, Buffer.alloc(0), true, done);
  }

  override _destroy(error: Error | null, done: Done): void {
    this._read();
    const isOver = this.readableEnded && this.writableFinished;
    this.carrier.forget(this.id, !isOver && !this.#isReset);
    done(error);
  }
}
