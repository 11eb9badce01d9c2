// What can go wrong between a process and the API server, by a seed: requests, answers and watches.
import { sleep } from '../../src/apimachinery/clock.js';
import type { KubeObject } from '../../src/apimachinery/object.js';
import { expired, StatusError, serviceUnavailable } from '../../src/apimachinery/status.js';
import type { ApiRequest, Transport, WatchEvent } from '../../src/client/client.js';
import type { Seeded, SimulatedClock, SimulatedProcess } from './clock.js';

/** Of each request, and of each event of a watch. */
const CHANCE = {
  refused: 0.03,
  conflict: 0.02,
  answerLost: 0.03,
  /** Of each write: before it is made, and after it is made, before its writer hears of it. */
  killedBefore: 0.01,
  killedAfter: 0.01,
  slow: 0.05,
  staleList: 0.4,
  watchRefused: 0.1,
  watchLost: 0.02,
  eventRepeated: 0.03,
  eventLate: 0.05,
  watchStuck: 0.003,
} as const;
/** How long a request or its answer may be on its way. */
export const SLOW_MAX_ms = 5_000;
const LATE_MAX_ms = 20_000;
const STUCK_MAX_ms = 3_600_000;

export class Faults {
  on = false;
  /** Writes that took place although their writer was told otherwise: each may be made twice, as nobody can tell. */
  ambiguous = 0;
  /** How often a cache began from a past state, or was held in one. */
  stale = 0;
  readonly #held = new Set<() => void>();
  /** Revisions of the store in the order of time, for lists from the past. */
  readonly #revisions: string[] = [];

  constructor(
    readonly random: Seeded,
    private readonly clock: SimulatedClock,
  ) {}

  remember(revision: string): void {
    this.#revisions.push(revision);
  }

  pastRevision(): string | undefined {
    return this.#revisions[this.random.below(this.#revisions.length)];
  }

  /** All is well from now on: what is held up comes at once. */
  stop(): void {
    this.on = false;
    for (const release of [...this.#held]) release();
  }

  hit(chance: keyof typeof CHANCE): boolean {
    return this.on && this.random.chance(CHANCE[chance]);
  }

  async hold(max_ms: number): Promise<void> {
    if (!this.on) return;
    const over = new AbortController();
    const release = () => over.abort();
    this.#held.add(release);
    await sleep(this.clock, this.random.below(max_ms), over.signal).catch(() => undefined);
    this.#held.delete(release);
  }
}

/** `inner` as `process` sees it. `partitioned` is asked at each request. */
export function faultyTransport(inner: Transport, process: SimulatedProcess, faults: Faults, partitioned: () => boolean): Transport {
  /** Paths whose next watch is held: they were listed from the past, and the past goes on for a while. */
  const past = new Set<string>();

  async function killedIf(chance: 'killedBefore' | 'killedAfter', request: ApiRequest): Promise<void> {
    if (request.method !== 'GET' && faults.hit(chance)) process.kill();
    await process.running();
  }

  async function toServer(request: ApiRequest): Promise<void> {
    await process.running();
    if (partitioned()) {
      await faults.hold(SLOW_MAX_ms);
      throw serviceUnavailable('the API server cannot be reached');
    }
    if (faults.hit('slow')) await faults.hold(SLOW_MAX_ms);
    if (faults.hit('refused')) throw new StatusError(500, 'InternalError', 'simulated');
    if ((request.method === 'PUT' || request.method === 'PATCH') && faults.hit('conflict'))
      throw new StatusError(409, 'Conflict', 'the object has been modified; please apply your changes to the latest version and try again');
  }

  return {
    async request(request) {
      await toServer(request);
      await killedIf('killedBefore', request);
      const isStale = request.query.get('resourceVersion') === '0' && faults.hit('staleList');
      const answer = await inner.request(isStale ? fromThePast(request) : request);
      await killedIf('killedAfter', request);
      if (faults.hit('slow')) await faults.hold(SLOW_MAX_ms);
      await process.running();
      if (partitioned() || faults.hit('answerLost')) {
        if (request.method !== 'GET') faults.ambiguous++;
        throw new StatusError(504, 'Timeout', 'simulated: the answer was lost');
      }
      return answer;
    },
    async *watch(request, signal) {
      await toServer(request);
      if (faults.hit('watchRefused')) throw serviceUnavailable('simulated');
      if (past.delete(request.path)) await faults.hold(STUCK_MAX_ms);
      const closed = new AbortController();
      const close = () => closed.abort();
      const forget = process.atDeath(close);
      signal.addEventListener('abort', close, { once: true });
      try {
        yield* asSeen(inner.watch(request, closed.signal));
        await process.running();
      } finally {
        forget();
        signal.removeEventListener('abort', close);
      }
    },
  };

  async function* asSeen(events: AsyncIterable<WatchEvent<KubeObject>>): AsyncGenerator<WatchEvent<KubeObject>> {
    for await (const event of events) {
      await process.running();
      if (partitioned()) throw serviceUnavailable('the API server cannot be reached');
      if (faults.hit('watchStuck')) {
        faults.stale++;
        await faults.hold(STUCK_MAX_ms);
      }
      if (faults.hit('eventLate')) await faults.hold(LATE_MAX_ms);
      await process.running();
      // The events behind it are lost: the server has forgotten them, or the next watch brings them.
      if (faults.hit('watchLost')) {
        if (faults.random.chance(0.5)) throw expired('simulated: too old resource version');
        if (faults.random.chance(0.5)) throw serviceUnavailable('simulated');
        return;
      }
      yield event;
      if (faults.hit('eventRepeated')) yield event;
    }
  }

  function fromThePast(request: ApiRequest): ApiRequest {
    const revision = faults.pastRevision();
    if (revision === undefined) return request;
    faults.stale++;
    past.add(request.path);
    const query = new URLSearchParams(request.query);
    query.set('resourceVersion', revision);
    query.set('resourceVersionMatch', 'Exact');
    return { ...request, query };
  }
}
