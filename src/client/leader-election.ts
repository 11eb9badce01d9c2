// runElected: of all who would do the same work only the holder of a Lease does it; who loses it stops before another can have it.
import { type Clock, type Random, rfc3339Micro, sleep } from '../apimachinery/clock.js';
import type { Logger } from '../apimachinery/logger.js';
import { isStatus, StatusError, serviceUnavailable } from '../apimachinery/status.js';
import { leases } from '../kinds/coordination/lease.js';
import type { Lease, LeaseSpec } from '../kinds/types/coordination_v1.js';
import type { Client } from './client.js';
import type { EventRecorder } from './events.js';
import { guardWrites } from './guarded.js';

/** Upstream's defaults of --leader-elect-lease-duration, -renew-deadline and -retry-period. */
export const ELECTION_DEFAULTS = { leaseDuration_ms: 15_000, renewDeadline_ms: 10_000, retryPeriod_ms: 2_000 } as const;
/** Upstream's: so that those who wait do not all ask at once. */
const JITTER_FACTOR = 1.2;

export interface ElectionTimes {
  /** How long others leave a lease alone that is not renewed. */
  readonly leaseDuration_ms: number;
  /** How long its holder works on without having renewed it; less than the duration. */
  readonly renewDeadline_ms: number;
  readonly retryPeriod_ms: number;
}

export interface ElectionOptions extends ElectionTimes {
  /** The Lease. */
  readonly namespace: string;
  readonly name: string;
  /** Whose it is while this one holds it; nobody else's. */
  readonly identity: string;
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly events?: EventRecorder;
}

/** From the moment that the lease is this one's until it may be another's. */
export interface Term {
  readonly valid: boolean;
  /** `client`, but after the term nothing is written any more, whatever is still under way. */
  guard(client: Client): Client;
}

export interface Election {
  readonly leading: boolean;
  /** Ends the work, gives the lease back and resolves. */
  stop(): Promise<void>;
}

/** Throws where the times leave no room to stop in. `start` is called for each term; what it returns is stopped at the term's end. */
export function runElected(options: ElectionOptions, start: (term: Term) => { stop(): Promise<void> }): Election {
  const { leaseDuration_ms, renewDeadline_ms, retryPeriod_ms } = options;
  if (leaseDuration_ms <= renewDeadline_ms)
    throw new Error('--leader-elect-lease-duration must be more than --leader-elect-renew-deadline');
  if (renewDeadline_ms <= retryPeriod_ms * JITTER_FACTOR)
    throw new Error(`--leader-elect-renew-deadline must be more than ${JITTER_FACTOR} times --leader-elect-retry-period`);
  const candidate = new Candidate(options, start);
  return {
    get leading() {
      return candidate.valid;
    },
    stop: () => candidate.stop(),
  };
}

const termOf = (isValid: () => boolean): Term => ({
  get valid() {
    return isValid();
  },
  guard: (client) =>
    guardWrites(client, () => {
      if (!isValid()) throw serviceUnavailable('the lease has been lost: another one may be at work');
    }),
});

class Candidate {
  #lease: Lease | undefined;
  /** The newest state of it that was seen, which others may have written. */
  #version = '';
  /** When this process saw the lease change, by its own clock that never steps: others' times are not believed. */
  #observed_ms = 0;
  /** When the request was sent that renewed the lease last; undefined while it is not ours. */
  #renewed_ms: number | undefined;
  readonly #stopping = new AbortController();
  readonly #done: Promise<void>;

  constructor(
    private readonly options: ElectionOptions,
    private readonly start: (term: Term) => { stop(): Promise<void> },
  ) {
    this.#done = this.#run();
  }

  get valid(): boolean {
    return this.#renewed_ms !== undefined && this.options.clock.monotonic() < this.#renewed_ms + this.options.renewDeadline_ms;
  }

  stop(): Promise<void> {
    this.#stopping.abort();
    return this.#done;
  }

  async #run(): Promise<void> {
    const { random, retryPeriod_ms, log, identity, events } = this.options;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      if (!(await this.#attempt(retryPeriod_ms * 2)) || !this.valid) {
        await this.#pause(retryPeriod_ms * (1 + JITTER_FACTOR * random.next()));
        continue;
      }
      log.info({ identity }, 'became leader');
      events?.event(this.#lease!, 'Normal', 'LeaderElection', `${identity} became leader`);
      let over = false;
      const work = this.start(termOf(() => !over && this.valid));
      await this.#hold();
      // Told to stop, it may still write what it is at, and has the lease until it has done so.
      over = !signal.aborted;
      if (over) log.warn({ identity }, 'lost the lease: stopping');
      await work.stop();
      if (!over) await this.#release();
      over = true;
      this.#renewed_ms = undefined;
    }
  }

  /** Renews for as long as that works; returns when it is told to stop, another has the lease, or the deadline has passed. */
  async #hold(): Promise<void> {
    const { clock, retryPeriod_ms, renewDeadline_ms } = this.options;
    while (!this.#stopping.signal.aborted) {
      await this.#pause(Math.min(retryPeriod_ms, this.#renewed_ms! + renewDeadline_ms - clock.monotonic()));
      const left_ms = this.#renewed_ms! + renewDeadline_ms - clock.monotonic();
      if (this.#stopping.signal.aborted) return;
      if (left_ms <= 0 || (await this.#attempt(left_ms)) === false) return;
      if (!this.valid) return;
    }
  }

  /** True: it is ours, renewed. False: it is another's. Undefined: there was no telling within the time. */
  async #attempt(timeout_ms: number): Promise<boolean | undefined> {
    const late = new AbortController();
    const attempt = this.#acquireOrRenew().finally(() => late.abort());
    // Both may still reject when nobody waits for them any more.
    const timeout = sleep(this.options.clock, timeout_ms, late.signal).catch(() => undefined);
    try {
      return await Promise.race([attempt, timeout.then(() => (late.signal.aborted ? attempt : undefined))]);
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      // Our view of it may be old: it is read before the next try.
      this.#lease = undefined;
      if (error.code !== 409) this.options.log.debug({ reason: error.reason }, `the lease could not be had: ${error.message}`);
      return undefined;
    } finally {
      attempt.catch(() => {});
    }
  }

  async #acquireOrRenew(): Promise<boolean> {
    const { client, clock, identity, namespace, name } = this.options;
    const holding = this.#renewed_ms !== undefined;
    if (!holding || !this.#lease) await this.#observe();
    const asked_ms = clock.monotonic();
    if (!this.#lease) {
      this.#saw(await client.create(leases, { metadata: { namespace, name }, spec: this.#spec(undefined) }));
    } else {
      const { holderIdentity, leaseDurationSeconds = 0 } = this.#lease.spec;
      const mine = holderIdentity === identity;
      if (holderIdentity && !mine && (holding || this.#observed_ms + leaseDurationSeconds * 1000 > asked_ms)) return false;
      const { metadata } = this.#lease;
      this.#saw(await client.update(leases, { ...this.#lease, metadata, spec: this.#spec(this.#lease.spec) }));
    }
    this.#renewed_ms = asked_ms;
    return true;
  }

  async #observe(): Promise<void> {
    const { client, namespace, name } = this.options;
    try {
      this.#saw(await client.get(leases, { namespace, name }));
    } catch (error) {
      if (!isStatus(error, 'NotFound')) throw error;
      this.#lease = undefined;
    }
  }

  #saw(lease: Lease): void {
    this.#lease = lease;
    const version = `${lease.metadata.uid} ${lease.metadata.resourceVersion}`;
    if (version !== this.#version) this.#observed_ms = this.options.clock.monotonic();
    this.#version = version;
  }

  #spec(old: LeaseSpec | undefined): LeaseSpec {
    const { clock, identity, leaseDuration_ms } = this.options;
    const now = rfc3339Micro(clock.now());
    const mine = old?.holderIdentity === identity;
    return {
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(leaseDuration_ms / 1000),
      acquireTime: (mine && old?.acquireTime) || now,
      renewTime: now,
      leaseTransitions: old ? (old.leaseTransitions ?? 0) + (mine ? 0 : 1) : 0,
    };
  }

  /** So that the next need not wait for it to run out. */
  async #release(): Promise<void> {
    if (!this.valid || !this.#lease) return;
    const now = rfc3339Micro(this.options.clock.now());
    const { leaseTransitions = 0 } = this.#lease.spec;
    const spec = { holderIdentity: '', leaseDurationSeconds: 1, acquireTime: now, renewTime: now, leaseTransitions };
    try {
      await this.options.client.update(leases, { ...this.#lease, spec });
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      this.options.log.debug({ reason: error.reason }, `the lease could not be given back: ${error.message}`);
    }
  }

  async #pause(delay_ms: number): Promise<void> {
    await sleep(this.options.clock, Math.max(0, delay_ms), this.#stopping.signal).catch((reason: unknown) => {
      if (!this.#stopping.signal.aborted) throw reason;
    });
  }
}
