// HttpWatch: one watch on its way to one HTTP client, which may be slower than the events come.
import type { Clock } from '../../apimachinery/clock.js';
import { expired, type StatusError } from '../../apimachinery/status.js';
import type { EventView } from '../storage/cache-event.js';
import type { WatchSink } from '../storage/watchers.js';
import type { EventEncoder } from './encode-events.js';

/** What is used of an HTTP/1.1 or HTTP/2 response. */
export interface ByteSink {
  write(chunk: Uint8Array): boolean;
  once(event: 'drain', listener: () => void): unknown;
  end(): unknown;
  destroy(): unknown;
}

/** Events that wait for a slow client; one that falls behind further is cut off with 410, and lists again. */
const MAX_QUEUED_EVENTS = 10_000;
/** ...and how large they may be together: events are shared by all watchers, but a client that does not read keeps them. */
const MAX_QUEUED_BYTES = 16 << 20;
/** How long a client that was cut off may take to read that it was. */
const CUT_OFF_MS = 30_000;
/** The state that a watch starts with is written in pieces of about this size. */
const CHUNK_BYTES = 64 * 1024;

export class HttpWatch implements WatchSink {
  #initial: readonly EventView[] = [];
  #nextInitial = 0;
  #queue: Buffer[] = [];
  #queued_bytes = 0;
  #blocked = false;
  #ending = false;
  #closed = false;

  constructor(
    private readonly out: ByteSink,
    private readonly encoder: EventEncoder,
    private readonly clock: Clock,
    private readonly counter: { events: number; bytes: number } = { events: 0, bytes: 0 },
  ) {}

  start(initial: readonly EventView[]): void {
    this.#initial = initial;
    this.#pump();
  }

  event(view: EventView): void {
    this.#push(this.#frame(view));
  }

  bookmark(revision: number, initialEventsEnd: boolean): void {
    this.#push(this.encoder.bookmark(revision, initialEventsEnd));
  }

  end(error?: StatusError): void {
    if (error) this.#push(this.encoder.error(error));
    this.#ending = true;
    this.#pump();
  }

  /** The client is gone. */
  close(): void {
    this.#closed = true;
    this.#clear();
  }

  #frame(view: EventView): Buffer {
    const frame = this.encoder.event(view);
    this.counter.events++;
    this.counter.bytes += frame.length;
    return frame;
  }

  #push(frame: Buffer): void {
    if (this.#closed || this.#ending) return;
    this.#queue.push(frame);
    this.#queued_bytes += frame.length;
    this.#pump();
    if (this.#queue.length > MAX_QUEUED_EVENTS || this.#queued_bytes > MAX_QUEUED_BYTES) this.#cutOff();
  }

  /** What waits is let go of; the client learns why the stream ends if it ever reads on. */
  #cutOff(): void {
    this.#clear();
    this.clock.after(CUT_OFF_MS, () => this.out.destroy());
    this.end(expired('the watch fell too far behind: list again'));
  }

  #clear(): void {
    this.#initial = [];
    this.#nextInitial = 0;
    this.#queue = [];
    this.#queued_bytes = 0;
  }

  #pump(): void {
    while (!this.#blocked && !this.#closed) {
      const chunk = this.#nextChunk();
      if (!chunk) {
        if (this.#ending) {
          this.#closed = true;
          this.out.end();
        }
        return;
      }
      if (this.out.write(chunk)) continue;
      this.#blocked = true;
      this.out.once('drain', () => {
        this.#blocked = false;
        this.#pump();
      });
    }
  }

  #nextChunk(): Buffer | undefined {
    const frames: Buffer[] = [];
    let size = 0;
    while (size < CHUNK_BYTES && this.#nextInitial < this.#initial.length) {
      const frame = this.#frame(this.#initial[this.#nextInitial++]!);
      size += frame.length;
      frames.push(frame);
    }
    if (frames.length > 0) return Buffer.concat(frames);
    if (this.#initial.length > 0) {
      this.#initial = [];
      this.#nextInitial = 0;
    }
    this.#queued_bytes = 0;
    if (this.#queue.length <= 1) return this.#queue.pop();
    const rest = Buffer.concat(this.#queue);
    this.#queue = [];
    return rest;
  }
}
