// Leader election: whoever holds the Lease works, nobody else does, and there is never a moment in which two do.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLogger } from '../../../src/apimachinery/logger.js';
import type { KubeObject } from '../../../src/apimachinery/object.js';
import { conflict, serviceUnavailable } from '../../../src/apimachinery/status.js';
import type { Client } from '../../../src/client/client.js';
import { ELECTION_DEFAULTS, type Election, runElected, type Term } from '../../../src/client/leader-election.js';
import { leases } from '../../../src/kinds/coordination/lease.js';
import { configMaps } from '../../../src/kinds/core/configmap.js';
import type { Kind } from '../../../src/kinds/define.js';
import { randoms } from '../../suites/randoms.js';
import { ManualClock, MemoryApi, settle } from './fakes.js';

class ComparingApi extends MemoryApi {
  override async update<T extends KubeObject>(kind: Kind<T>, draft: object): Promise<T> {
    const { metadata } = draft as T;
    const stored = this.objects(kind).find((each) => each.metadata.name === metadata.name);
    if (stored?.metadata.resourceVersion !== metadata.resourceVersion)
      throw conflict(leases.groupResource, metadata.name, 'it has changed');
    return super.update(kind, draft);
  }
}

/** One who would lead, its link to the API and its clocks. */
class Manager {
  cut = false;
  /** How far its wall clock is off. */
  skew_ms = 0;
  term: Term | undefined;
  terms = 0;
  /** How long it takes it to stop. */
  stopping_ms = 0;
  readonly #election: Election;

  constructor(
    readonly name: string,
    private readonly api: MemoryApi,
    clock: ManualClock,
  ) {
    const now = () => clock.now() + this.skew_ms;
    this.#election = runElected(
      {
        ...ELECTION_DEFAULTS,
        namespace: 'kube-system',
        name: 'kube-controller-manager',
        identity: name,
        client: this.client,
        clock: { now, monotonic: () => clock.monotonic(), after: (delay_ms, fn) => clock.after(delay_ms, fn) },
        random: { next: () => 0.5, bytes: () => new Uint8Array() },
        log: silentLogger,
      },
      (term) => {
        this.term = term;
        this.terms++;
        return {
          stop: async () => {
            if (this.stopping_ms > 0) await new Promise<void>((resolve) => clock.after(this.stopping_ms, resolve));
            this.term = undefined;
          },
        };
      },
    );
  }

  /** Answers are lost as well where it is cut off in between. */
  get client(): Client {
    const through = async <T>(ask: () => Promise<T>): Promise<T> => {
      if (this.cut) throw serviceUnavailable('cut off');
      const answer = await ask();
      if (this.cut) throw serviceUnavailable('cut off');
      return answer;
    };
    const { api } = this;
    return {
      ...({} as Client),
      get: (kind, name) => through(() => api.get(kind, name)),
      create: (kind, object) => through(() => api.create(kind, object)),
      update: (kind, object) => through(() => api.update(kind, object)),
    };
  }

  get works(): boolean {
    return this.term?.valid ?? false;
  }

  stop = () => this.#election.stop();
}

let api: ComparingApi;
let clock: ManualClock;
let managers: Manager[];

beforeEach(() => {
  api = new ComparingApi();
  clock = new ManualClock();
  managers = [];
});
afterEach(async () => {
  for (const manager of managers) {
    manager.cut = false;
    manager.stopping_ms = 0;
  }
  const stopped = Promise.all(managers.map(({ stop }) => stop()));
  await clock.advance(60_000);
  await stopped;
});

async function join(name: string): Promise<Manager> {
  const manager = new Manager(name, api, clock);
  managers.push(manager);
  await settle();
  return manager;
}
const lease = () => api.objects(leases)[0]!;

test('the first leads and renews every 2 s, the second waits', async () => {
  const [a, b] = [await join('a'), await join('b')];
  expect([a.works, b.works]).toEqual([true, false]);
  expect(lease().spec).toMatchObject({ holderIdentity: 'a', leaseDurationSeconds: 15, leaseTransitions: 0 });
  const { acquireTime } = lease().spec;
  await clock.advance(60_000);
  expect([a.works, b.works, a.terms]).toEqual([true, false, 1]);
  expect(lease().spec.acquireTime).toBe(acquireTime);
  expect(Date.parse(lease().spec.renewTime!)).toBeGreaterThan(clock.now() - 2_001);
});

test('who stops in good order hands over at once', async () => {
  const [a, b] = [await join('a'), await join('b')];
  await a.stop();
  expect(lease().spec.holderIdentity).toBe('');
  await clock.advance(5_000);
  expect([a.works, b.works, lease().spec.leaseTransitions]).toEqual([false, true, 1]);
});

test('who is cut off stops within 10 s, and the next begins only after 15 s', async () => {
  const [a, b] = [await join('a'), await join('b')];
  a.cut = true;
  await clock.advance(10_000);
  expect([a.works, b.works]).toEqual([false, false]);
  await clock.advance(4_000);
  expect(b.works).toBe(false);
  await clock.advance(6_000);
  expect(b.works).toBe(true);
  a.cut = false;
  await clock.advance(20_000);
  expect([a.works, b.works]).toEqual([false, true]);
});

test('after its term nothing more is written, however long it takes to stop', async () => {
  const a = await join('a');
  a.stopping_ms = 60_000;
  const guarded = a.term!.guard(api);
  await guarded.create(configMaps, { metadata: { name: 'in-time', namespace: 'default' } });
  a.cut = true;
  const b = await join('b');
  await clock.advance(30_000);
  expect([a.terms, b.works]).toEqual([1, true]);
  await expect(guarded.create(configMaps, { metadata: { name: 'late', namespace: 'default' } })).rejects.toThrow('lease has been lost');
});

test('clocks that step, or are hours apart, change nothing', async () => {
  const [a, b] = [await join('a'), await join('b')];
  for (const skew_ms of [3_600_000, -3_600_000, 0]) {
    b.skew_ms = skew_ms;
    await clock.advance(30_000);
    a.skew_ms = -skew_ms;
    await clock.advance(30_000);
  }
  expect([a.works, a.terms, b.terms]).toEqual([true, 1, 0]);
});

test('a lease that somebody deletes is made anew', async () => {
  const a = await join('a');
  await api.delete(leases, lease().metadata);
  await clock.advance(10_000);
  expect([a.works, a.terms, lease().spec.holderIdentity]).toEqual([true, 1, 'a']);
});

test.each([1, 2, 3, 4, 5])('links that fail at random: never two at work, and in the end one (seed %i)', async (seed) => {
  const below = randoms(seed);
  for (const name of ['a', 'b', 'c']) (await join(name)).stopping_ms = below(3) * 10_000;
  for (let step = 0; step < 400; step++) {
    for (const manager of managers) if (below(20) === 0) manager.cut = !manager.cut;
    for (const manager of managers) if (below(40) === 0) manager.skew_ms = (below(7) - 3) * 1_800_000;
    await clock.advance(250 + below(1500));
    const atWork = managers.filter(({ works }) => works).map(({ name }) => name);
    expect(atWork.length, `${atWork.join(' and ')} at step ${step}`).toBeLessThanOrEqual(1);
  }
  for (const manager of managers) manager.cut = false;
  await clock.advance(60_000);
  expect(managers.filter(({ works }) => works)).toHaveLength(1);
});

test('times that leave no room to stop in are refused', () => {
  const start = () => ({ stop: async () => {} });
  const options = {
    namespace: 'n',
    name: 'l',
    identity: 'a',
    client: api,
    clock,
    random: { next: () => 0, bytes: () => new Uint8Array() },
  };
  expect(() => runElected({ ...options, log: silentLogger, ...ELECTION_DEFAULTS, renewDeadline_ms: 15_000 }, start)).toThrow(
    '--leader-elect-lease-duration must be more than --leader-elect-renew-deadline',
  );
  expect(() => runElected({ ...options, log: silentLogger, ...ELECTION_DEFAULTS, retryPeriod_ms: 9_000 }, start)).toThrow(
    '--leader-elect-renew-deadline must be more than 1.2 times --leader-elect-retry-period',
  );
});
