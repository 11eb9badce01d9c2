// One Watch stream to one etcd server: a single watch, its fragments put together again, until it is closed or fails.
import type { ClientDuplexStream, ServiceError } from '@grpc/grpc-js';
import type { Clock, Timer } from '../apimachinery/clock.js';
import { CompactedError, EtcdError, type KeyEvent, type Revision, type WatchRequest } from './backend.js';
import type { Endpoint, Method } from './remote-endpoint.js';
import { isServiceError } from './remote-endpoints.js';
import { etcdErrorOf, isUnavailable } from './remote-errors.js';
import { eventOf, revisionOf, type WatchMessage, watchMessage } from './remote-messages.js';

/** For the server to say that it watches. */
const CREATED_TIMEOUT_MS = 10_000;

export interface WatchStreamHandlers {
  /** Whole revisions, in order. */
  onEvents(events: readonly KeyEvent[]): void;
  /** The server says unasked, or asked by `requestProgress`, that it is at this revision. */
  onProgress(revision: Revision): void;
}

/** The stream is broken, or its server left alone: the watch goes on elsewhere. */
export class WatchInterrupted extends Error {
  override readonly name = 'WatchInterrupted';
}

export class WatchStream {
  readonly #call: ClientDuplexStream<object, object>;
  readonly #createdTimer: Timer;
  #parts: KeyEvent[] = [];
  #closed = false;
  #reject: (error: Error) => void = () => {};
  /** Rejects when the stream has ended by itself: WatchInterrupted, or an EtcdError that no other server would not give. */
  readonly ended: Promise<never>;

  constructor(
    readonly endpoint: Endpoint,
    method: Method,
    clock: Clock,
    request: WatchRequest,
    startRevision: Revision,
    private readonly handlers: WatchStreamHandlers,
  ) {
    this.ended = new Promise((_, reject) => {
      this.#reject = reject;
    });
    // Whoever closes the stream need not wait for its end.
    this.ended.catch(() => {});
    this.#createdTimer = clock.after(CREATED_TIMEOUT_MS, () => this.#fail(new WatchInterrupted('the watch was not created in time')));
    this.#call = endpoint.stream(method);
    this.#call.on('data', (message) => this.#onMessage(message as WatchMessage));
    this.#call.on('error', (error: ServiceError) => this.#fail(errorOf(error)));
    this.#call.on('end', () => this.#fail(new WatchInterrupted('the server ended the stream')));
    this.#call.write(watchMessage(request, startRevision));
  }

  requestProgress(): void {
    if (!this.#closed) this.#call.write({ progress_request: {} });
  }

  /** No handler is called after it. */
  close(): void {
    this.#closed = true;
    this.#createdTimer.cancel();
    this.#call.cancel();
  }

  #fail(error: Error): void {
    if (this.#closed) return;
    this.close();
    this.#reject(error);
  }

  #onMessage(message: WatchMessage): void {
    if (this.#closed) return;
    if (message.canceled) this.#fail(cancellation(message));
    else if (message.created) this.#createdTimer.cancel();
    else this.#onReport(message);
  }

  #onReport(message: WatchMessage): void {
    for (const event of message.events) this.#parts.push(eventOf(event));
    if (message.fragment) return;
    const events = this.#parts;
    this.#parts = [];
    if (events.length > 0) this.handlers.onEvents(events);
    else this.handlers.onProgress(revisionOf(message));
  }
}

function errorOf(error: Error): Error {
  if (!isServiceError(error) || isUnavailable(error)) return new WatchInterrupted(isServiceError(error) ? error.details : error.message);
  return etcdErrorOf(error, 0);
}

function cancellation(message: WatchMessage): Error {
  const compacted = Number(message.compact_revision);
  if (compacted > 0) return new CompactedError(compacted);
  const reason = message.cancel_reason || 'the server cancelled the watch';
  return reason.includes('no leader') ? new WatchInterrupted(reason) : new EtcdError('FAILED_PRECONDITION', reason);
}
