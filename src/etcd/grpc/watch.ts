// The Watch service: streams of many watches each, made and cancelled by requests on the stream.
import type { Timer } from '../../apimachinery/clock.js';
import type { Revision } from '../backend.js';
import { currentRevision, headers, type ServiceContext, serviceError } from './context.js';
import type { WatchCreateMessage, WatchMessage, WatchResponseMessage } from './messages.js';
import { Outbox } from './outbox.js';
import { ServedWatch } from './served-watch.js';
import type { ServerStream } from './server-stream.js';

/** etcd's own. */
const PROGRESS_NOTIFY_INTERVAL_MS = 10 * 60_000;
/** The id of responses that are about all watches of a stream, or none. */
const ALL_WATCHES = '-1';

type WatchCall = ServerStream<WatchMessage, WatchResponseMessage>;

/** Keeps the streams that are open in `streams`, so that they can be ended. */
export function watchHandler(context: ServiceContext, streams: Set<WatchStream>): (call: WatchCall) => void {
  return (call) => {
    const stream = new WatchStream(context, call);
    streams.add(stream);
    call.on('close', () => streams.delete(stream));
  };
}

export class WatchStream {
  readonly #watches = new Map<string, ServedWatch>();
  readonly #outbox: Outbox<WatchResponseMessage>;
  readonly #header;
  /** The watches that have yet to answer a request for progress of all; undefined: there is none. */
  #progress: { readonly waiting: Set<string>; revision: Revision } | undefined;
  /** Requests are answered in their order. */
  #last: Promise<unknown> = Promise.resolve();
  #nextId = 0;
  #notifyTimer: Timer | undefined;
  #ended = false;

  constructor(
    private readonly context: ServiceContext,
    private readonly call: WatchCall,
  ) {
    this.#header = headers(context.member);
    this.#outbox = new Outbox(call as ServerStream<never, WatchResponseMessage>, () => this.#resumeAll());
    call.on('data', (message: WatchMessage) => {
      this.#last = this.#last.then(() => this.#handle(message)).catch((error: Error) => this.end(error));
    });
    call.on('end', () => void this.#last.then(() => this.#close() && call.end()));
    call.on('close', () => this.#close());
  }

  /** Ends the stream with an error: the store is closed, or failed. */
  end(error: Error): void {
    if (this.#close()) this.call.fail(serviceError(error, this.context.log));
  }

  /** False when it was closed before. */
  #close(): boolean {
    if (this.#ended) return false;
    this.#ended = true;
    this.#notifyTimer?.cancel();
    for (const watch of this.#watches.values()) watch.cancel();
    this.#watches.clear();
    return true;
  }

  async #handle({ create_request, cancel_request, progress_request }: WatchMessage): Promise<void> {
    if (this.#ended) return;
    if (create_request) await this.#create(create_request);
    else if (cancel_request) await this.#cancel(cancel_request.watch_id);
    else if (progress_request) await this.#progressOfAll();
  }

  async #create(request: WatchCreateMessage): Promise<void> {
    const revision = await currentRevision(this.context);
    if (this.#ended) return;
    const header = this.#header(revision);
    const id = request.watch_id === '0' ? this.#freeId() : request.watch_id;
    if (this.#watches.has(id)) {
      const cancel_reason = 'mvcc: duplicate watch ID provided on the WatchStream';
      this.#outbox.send({ header, watch_id: ALL_WATCHES, created: true, canceled: true, cancel_reason });
      return;
    }
    this.#outbox.send({ header, watch_id: id, created: true });
    const from = Number(request.start_revision) > 0 ? Number(request.start_revision) : revision + 1;
    const watch = new ServedWatch({
      id,
      request,
      from,
      backend: this.context.backend,
      header: this.#header,
      outbox: this.#outbox,
      onEnd: (error) => (error ? this.end(error) : this.#forget(id)),
      onProgress: (at) => this.#onProgress(id, at),
    });
    this.#watches.set(id, watch);
    if (request.progress_notify && !this.#notifyTimer) this.#armNotify();
  }

  async #cancel(id: string): Promise<void> {
    const watch = this.#watches.get(id);
    if (!watch) return;
    watch.cancel();
    this.#forget(id);
    this.#outbox.send({ header: this.#header(await currentRevision(this.context)), watch_id: id, canceled: true });
  }

  #forget(id: string): void {
    this.#watches.delete(id);
    if (this.#progress?.waiting.delete(id)) this.#finishProgress();
  }

  /** Answered once every watch of the stream has reported all before it. */
  async #progressOfAll(): Promise<void> {
    const revision = await currentRevision(this.context);
    if (this.#progress) return;
    this.#progress = { waiting: new Set(this.#watches.keys()), revision };
    for (const watch of [...this.#watches.values()]) watch.requestProgress();
    this.#finishProgress();
  }

  #onProgress(id: string, revision: Revision): void {
    if (!this.#progress?.waiting.delete(id)) {
      this.#outbox.send({ header: this.#header(revision), watch_id: id });
      return;
    }
    this.#progress.revision = Math.min(this.#progress.revision, revision);
    this.#finishProgress();
  }

  #finishProgress(): void {
    if (!this.#progress || this.#progress.waiting.size > 0) return;
    this.#outbox.send({ header: this.#header(this.#progress.revision), watch_id: ALL_WATCHES });
    this.#progress = undefined;
  }

  #armNotify(): void {
    const { clock, progressNotifyInterval_ms: interval_ms = PROGRESS_NOTIFY_INTERVAL_MS } = this.context;
    this.#notifyTimer = clock.after(interval_ms, () => {
      for (const watch of this.#watches.values()) if (watch.takeIdle()) watch.requestProgress();
      this.#armNotify();
    });
  }

  #resumeAll(): void {
    try {
      for (const watch of this.#watches.values()) watch.resume();
    } catch (error) {
      this.end(error as Error);
    }
  }

  #freeId(): string {
    while (this.#watches.has(String(this.#nextId))) this.#nextId++;
    return String(this.#nextId++);
  }
}
