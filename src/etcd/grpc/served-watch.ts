// ServedWatch: one watch of a stream. It follows the store as fast as the client reads, and falls back on the store's log where not.
import { type Backend, CompactedError, type Revision, type Watch, type WatchBatch } from '../backend.js';
import { keyOf, rangeEndOf } from './context.js';
import type { HeaderMessage, WatchCreateMessage, WatchResponseMessage } from './messages.js';
import type { Outbox } from './outbox.js';
import { eventResponses } from './watch-events.js';

/** Smallest key there is: what an absent one stands for. */
const FIRST_KEY = '\0';

export interface ServedWatchOptions {
  readonly id: string;
  readonly request: WatchCreateMessage;
  /** First revision to report. */
  readonly from: Revision;
  readonly backend: Backend;
  readonly header: (revision: Revision) => HeaderMessage;
  readonly outbox: Outbox<WatchResponseMessage>;
  /** It ended by itself, and its client has been told if the watch alone is concerned; otherwise the error is the stream's. */
  onEnd(error: Error | undefined): void;
  /** The answer to `requestProgress`. */
  onProgress(revision: Revision): void;
}

export class ServedWatch {
  #watch: Watch | undefined;
  #next: Revision;
  #progressWanted = false;
  /** Whether something has been sent since the last look: then a progress notice tells nothing new. */
  #active = true;

  constructor(private readonly options: ServedWatchOptions) {
    this.#next = options.from;
    this.resume();
  }

  /** Goes on behind what was last sent, if it had to stop. */
  resume(): void {
    if (this.#watch) return;
    const { backend, request } = this.options;
    const key = request.key.length === 0 ? FIRST_KEY : keyOf(request.key);
    const wanted = { key, ...rangeEndOf(request.range_end), startRevision: this.#next, prevKv: request.prev_kv };
    this.#watch = backend.watch(wanted, { onBatch: (batch) => this.#onBatch(batch), onEnd: (error) => this.#onEnd(error) });
    if (this.#progressWanted) this.#watch.requestProgress();
  }

  cancel(): void {
    this.#watch?.cancel();
  }

  requestProgress(): void {
    this.#progressWanted = true;
    this.#watch?.requestProgress();
  }

  /** For watches that asked for it: whether a notice of progress is due, none but it having been sent since the last call. */
  takeIdle(): boolean {
    const idle = !this.#active;
    this.#active = false;
    return idle && this.options.request.progress_notify;
  }

  #onBatch(batch: WatchBatch): void {
    if (batch.events.length === 0) {
      if (!this.#progressWanted) return;
      this.#progressWanted = false;
      this.options.onProgress(batch.revision);
      return;
    }
    const { outbox, header, id, request } = this.options;
    if (outbox.isFull) {
      this.#watch?.cancel();
      this.#watch = undefined;
      return;
    }
    for (const { revision, events, fragment, bytes } of eventResponses(batch, request)) {
      outbox.send({ header: header(revision), watch_id: id, events, fragment }, bytes);
      this.#active = true;
    }
    this.#next = Math.max(this.#next, batch.revision + 1);
  }

  #onEnd(error: Error): void {
    const { outbox, header, id } = this.options;
    if (!(error instanceof CompactedError)) {
      this.options.onEnd(error);
      return;
    }
    outbox.send({
      header: header(error.compactedRevision),
      watch_id: id,
      canceled: true,
      compact_revision: String(error.compactedRevision),
      cancel_reason: error.message,
    });
    this.options.onEnd(undefined);
  }
}
