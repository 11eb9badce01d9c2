// A watch on an etcd cluster: goes on after the loss of any server from the revision it had come to, without gap or repeat.
import { type Clock, sleep } from '../apimachinery/clock.js';
import type { Logger } from '../apimachinery/logger.js';
import { EtcdError, type KeyEvent, type Revision, type Watch, type WatchHandlers, type WatchRequest } from './backend.js';
import type { Endpoint, Method } from './remote-endpoint.js';
import { closedError, type Endpoints, isServiceError } from './remote-endpoints.js';
import { isUnavailable } from './remote-errors.js';
import { WatchInterrupted, WatchStream, type WatchStreamHandlers } from './remote-watch-stream.js';
import { inRange } from './transaction.js';

const RETRY_MIN_MS = 100;
const RETRY_MAX_MS = 2_000;
/** Between two questions for progress: a server that is still catching up does not answer. Upstream's. */
const PROGRESS_RETRY_MS = 100;

/** What the watches of one backend share. */
export interface WatchContext {
  readonly endpoints: Endpoints;
  readonly method: Method;
  readonly clock: Clock;
  readonly log: Logger;
  /** The cluster's revision, which no write acknowledged before the call is above. */
  revision(): Promise<Revision>;
  /** Whether this server's answer to a progress request can be believed. */
  tellsProgress(endpoint: Endpoint): Promise<boolean>;
}

export class RemoteWatch implements Watch {
  /** First revision not yet reported. */
  #next: Revision = 0;
  /** The newest revision that a batch has told. */
  #told: Revision = 0;
  #stream: WatchStream | undefined;
  /** Whether the server of the stream tells progress; not asked yet where undefined. */
  #exact: Promise<boolean> | undefined;
  readonly #ended = new AbortController();
  #progressWanted = false;
  #progressing = false;

  constructor(
    private readonly context: WatchContext,
    private readonly request: WatchRequest,
    private readonly handlers: WatchHandlers,
    /** The first revision to report. */
    start: Promise<Revision>,
    private readonly onOver: (watch: RemoteWatch) => void,
  ) {
    void this.#run(start);
  }

  cancel(): void {
    this.#ended.abort();
    this.#stream?.close();
    this.onOver(this);
  }

  requestProgress(): void {
    this.#progressWanted = true;
    if (!this.#progressing) void this.#tellProgress();
  }

  /** Ends it for its owner too. */
  end(error: Error): void {
    if (this.#over) return;
    this.cancel();
    this.handlers.onEnd(error);
  }

  get #over(): boolean {
    return this.#ended.signal.aborted;
  }

  async #run(start: Promise<Revision>): Promise<void> {
    try {
      this.#next = await start;
      let delay_ms = RETRY_MIN_MS;
      while (!this.#over) {
        const before = this.#next;
        const reason = await this.#follow();
        if (this.#next > before) delay_ms = RETRY_MIN_MS;
        this.context.log.info({ key: this.request.key, revision: this.#next, reason }, 'a watch of etcd goes on at another server');
        await this.#pause(delay_ms);
        delay_ms = Math.min(delay_ms * 2, RETRY_MAX_MS);
      }
    } catch (error) {
      this.end(error as Error);
    }
  }

  /** Watches at one server until it is lost: why. Throws what ends the watch. */
  async #follow(): Promise<string> {
    const handlers = {
      onEvents: (events: readonly KeyEvent[]) => this.#report(events, events.at(-1)!.kv.modRevision),
      onProgress: (revision: Revision) => this.#tell(revision),
    };
    try {
      this.#stream = await this.#open(this.request, handlers);
      this.#exact = undefined;
      if (this.#progressWanted) this.requestProgress();
      return await this.#stream.ended;
    } catch (error) {
      if (error instanceof WatchInterrupted) {
        if (this.#stream) this.context.endpoints.avoid(this.#stream.endpoint);
        return error.message;
      }
      if (error instanceof EtcdError && error.code === 'UNAVAILABLE' && !this.#over) return error.message;
      throw error;
    } finally {
      this.#stream = undefined;
    }
  }

  /** A stream at the first server that is connected, from where this watch has come to. */
  #open(request: WatchRequest, handlers: WatchStreamHandlers): Promise<WatchStream> {
    const { endpoints, method, clock } = this.context;
    return endpoints.call('read', async (endpoint) => {
      if (this.#over) throw closedError();
      return new WatchStream(endpoint, method, clock, request, this.#next, handlers);
    });
  }

  /** Reports what has not been reported yet of `events`, which are all up to `through` that another stream may not have brought. */
  #report(events: readonly KeyEvent[], through: Revision): void {
    const fresh = events.filter((event) => event.kv.modRevision >= this.#next);
    this.#next = Math.max(this.#next, through + 1);
    if (fresh.length === 0 || this.#over) return;
    this.#told = Math.max(this.#told, through);
    this.handlers.onBatch({ revision: through, events: fresh });
  }

  /** Everything up to `revision` has been reported. */
  #tell(revision: Revision): void {
    this.#next = Math.max(this.#next, revision + 1);
    this.#told = Math.max(this.#told, revision);
    if (!this.#over) this.handlers.onBatch({ revision: this.#told, events: [] });
  }

  async #tellProgress(): Promise<void> {
    this.#progressing = true;
    try {
      while (this.#progressWanted && !this.#over && this.#stream) {
        this.#progressWanted = false;
        const done = await this.#progress(this.#stream).catch((error: unknown) => this.#progressFailed(error));
        // Asked for again meanwhile, or not learned: then with the revision of that time.
        if (!done && !this.#over) await this.#pause(PROGRESS_RETRY_MS);
        this.#progressWanted ||= !done;
      }
    } catch (error) {
      this.end(error as Error);
    } finally {
      this.#progressing = false;
    }
  }

  #progressFailed(error: unknown): false {
    this.#exact = undefined;
    const lost = error instanceof WatchInterrupted || (isServiceError(error) && isUnavailable(error));
    if (lost || (error instanceof EtcdError && error.code === 'UNAVAILABLE')) return false;
    throw error;
  }

  /** Whether a batch has told the revision that the cluster had at the call, or a later one. */
  async #progress(stream: WatchStream): Promise<boolean> {
    const wanted = await this.context.revision();
    if (this.#over) return true;
    if (wanted < this.#next) {
      this.#tell(Math.max(wanted, this.#told));
      return true;
    }
    // A server that is upgraded is restarted, which ends the stream.
    this.#exact ??= this.context.tellsProgress(stream.endpoint);
    if (!(await this.#exact)) {
      await this.#replay(wanted);
      return true;
    }
    stream.requestProgress();
    await this.#pause(PROGRESS_RETRY_MS);
    return this.#told >= wanted;
  }

  /**
   * Older servers answer a progress request although events are still on their way. What is exact with them too: a second watch, of all
   * keys, for every revision has an event there. What it brings is reported; the first stream's copies are then known.
   */
  async #replay(wanted: Revision): Promise<void> {
    let arrived = () => {};
    const done = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    const everything = { key: '', rangeEnd: '\0', ...(this.request.prevKv ? { prevKv: true } : {}) };
    const stream = await this.#open(everything, {
      onEvents: (events) => {
        const through = events.at(-1)!.kv.modRevision;
        const { key, rangeEnd } = this.request;
        this.#report(
          events.filter((event) => inRange(event.kv.key, key, rangeEnd)),
          through,
        );
        if (through >= wanted) arrived();
      },
      onProgress: () => {},
    });
    const over = () => arrived();
    this.#ended.signal.addEventListener('abort', over);
    try {
      await Promise.race([done, stream.ended]);
    } finally {
      this.#ended.signal.removeEventListener('abort', over);
      stream.close();
    }
    if (!this.#over) this.#tell(wanted);
  }

  /** Cut short by the end of the watch. */
  async #pause(delay_ms: number): Promise<void> {
    await sleep(this.context.clock, delay_ms, this.#ended.signal).catch(() => {});
  }
}
