// The endpoints of one etcd cluster: which to use, and what is tried again elsewhere. Reads are; a write only if none can have been made.
import type { ServiceError } from '@grpc/grpc-js';
import { type Clock, sleep } from '../apimachinery/clock.js';
import type { Logger } from '../apimachinery/logger.js';
import { EtcdError, type Revision } from './backend.js';
import type { Endpoint } from './remote-endpoint.js';
import { etcdErrorOf, hadNoEffect, isUnavailable, UnknownOutcomeError } from './remote-errors.js';

/** How long a call goes on looking for an endpoint that serves it: several elections. */
const PATIENCE_MS = 10_000;
/** Between two rounds over all endpoints. */
const ROUND_DELAY_MS = 200;

/** `write`: what must not be made twice. */
export type CallKind = 'read' | 'write';

export class Endpoints {
  #current = 0;
  readonly #closed = new AbortController();
  readonly #underWay = new Set<Promise<unknown>>();
  /** The newest compacted revision heard of: CompactedError tells it. */
  compacted: Revision = 0;

  constructor(
    private readonly all: readonly Endpoint[],
    private readonly clock: Clock,
    private readonly log: Logger,
  ) {}

  get urls(): string {
    return this.all.map((endpoint) => endpoint.url).join(', ');
  }

  /** Makes a call on an endpoint that serves it. Rejects with EtcdError: UNAVAILABLE, or UnknownOutcomeError for a write, where none does. */
  call<T>(kind: CallKind, make: (endpoint: Endpoint) => Promise<T>): Promise<T> {
    const done = this.#call(kind, make);
    const settled = done.then(
      () => {},
      () => {},
    );
    this.#underWay.add(settled);
    void settled.then(() => this.#underWay.delete(settled));
    return done;
  }

  /** Lets the next call begin with another endpoint than this one. */
  avoid(endpoint: Endpoint): void {
    if (this.all[this.#current] === endpoint) this.#current = (this.#current + 1) % this.all.length;
  }

  /** Waits for calls under way, refuses others, and disconnects. */
  async close(): Promise<void> {
    this.#closed.abort(closedError());
    await Promise.all(this.#underWay);
    for (const endpoint of this.all) endpoint.close();
  }

  assertOpen(): void {
    if (this.#closed.signal.aborted) throw closedError();
  }

  async #call<T>(kind: CallKind, make: (endpoint: Endpoint) => Promise<T>): Promise<T> {
    const until_ms = this.clock.monotonic() + PATIENCE_MS;
    let reason = '';
    do {
      for (let tried = 0; tried < this.all.length; tried++) {
        this.assertOpen();
        const endpoint = this.all[this.#current]!;
        const result = await this.#attempt(kind, endpoint, make);
        if ('value' in result) return result.value;
        reason = result.reason;
        this.avoid(endpoint);
      }
      await sleep(this.clock, ROUND_DELAY_MS, this.#closed.signal);
    } while (this.clock.monotonic() < until_ms);
    throw new EtcdError('UNAVAILABLE', `no etcd server answers: ${reason}`);
  }

  /** The answer, or why it may be had from another endpoint; throws what is final. */
  async #attempt<T>(
    kind: CallKind,
    endpoint: Endpoint,
    make: (endpoint: Endpoint) => Promise<T>,
  ): Promise<{ readonly value: T } | { readonly reason: string }> {
    try {
      await endpoint.settled();
    } catch (error) {
      return { reason: (error as EtcdError).message };
    }
    try {
      return { value: await make(endpoint) };
    } catch (error) {
      if (!isServiceError(error)) throw error;
      if (!isUnavailable(error)) throw etcdErrorOf(error, this.compacted);
      const reason = `${endpoint.url}: ${error.details}`;
      this.log.debug({ endpoint: endpoint.url, error: error.details }, 'an etcd server did not answer');
      if (kind === 'read' || hadNoEffect(error)) return { reason };
      this.avoid(endpoint);
      throw new UnknownOutcomeError(reason);
    }
  }
}

export const closedError = () => new EtcdError('UNAVAILABLE', 'the connection to etcd is closed');

export const isServiceError = (error: unknown): error is ServiceError => error instanceof Error && 'details' in error && 'code' in error;
