// The scheduling queue: who is next, who waits, and what ends the wait.
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import type { ClusterEventHint, QueueItem } from '../../../src/scheduler/define.js';
import { Heap } from '../../../src/scheduler/heap.js';
import { BACKOFF_MAX_MS, SchedulingQueue } from '../../../src/scheduler/queue.js';
import { showsFields } from '../../suites/pod-spec.js';
import { ManualClock } from '../client/fakes.js';
import { node, pod } from '../controllers/objects.js';

let clock: ManualClock;
let queue: SchedulingQueue;
let wakes: number;
const none: readonly ClusterEventHint[] = [];
const byNodes: readonly ClusterEventHint[] = [{ event: 'NodeAdd' }];
const less = (a: QueueItem, b: QueueItem) => {
  const [of, other] = [a.pod.spec.priority ?? 0, b.pod.spec.priority ?? 0];
  return of === other ? a.turn < b.turn : of > other;
};

beforeEach(() => {
  clock = new ManualClock();
  wakes = 0;
  queue = new SchedulingQueue({ clock, wake: () => void wakes++, less });
});

const by = (hints: readonly ClusterEventHint[]) => ({ hints, plugins: ['Plugin'] });
const next = () => queue.pop()?.pod.metadata.name;

describe('order', () => {
  test('priority first, then first come', (context) => {
    showsFields(context, 'spec.priority');
    for (const [name, priority] of [
      ['a', 0],
      ['b', 10],
      ['c', 0],
      ['d', 10],
    ] as const)
      queue.put(pod(name, { spec: { priority } }));
    expect([next(), next(), next(), next(), next()]).toEqual(['b', 'd', 'a', 'c', undefined]);
  });

  test('a pod that is deleted, or has got its node, is not tried', () => {
    queue.put(pod('a'));
    queue.put(pod('b'));
    queue.delete('default/a');
    expect([next(), next()]).toEqual(['b', undefined]);
  });

  test('a namesake made anew starts from the beginning', () => {
    queue.put(pod('a'));
    const old = queue.pop()!;
    queue.put(pod('a', { metadata: { uid: 'new' } }));
    queue.backOff(old);
    expect(queue.pop()).toMatchObject({ attempts: 1, pod: { metadata: { uid: 'new' } } });
  });
});

describe('waiting', () => {
  test('an unschedulable pod is tried again after an event that could help, and not after another', async () => {
    queue.put(pod('a'));
    queue.unschedulable(queue.pop()!, by(byNodes));
    await clock.advance(60_000);
    queue.happened('AssignedPodDelete');
    expect(next()).toBeUndefined();
    queue.happened('NodeAdd');
    expect(next()).toBe('a');
  });

  test('the event counts, but the back-off is kept while others are to be tried', async () => {
    queue.put(pod('a'));
    queue.unschedulable(queue.pop()!, by(byNodes));
    queue.put(pod('b'));
    queue.put(pod('c'));
    queue.happened('NodeAdd');
    expect([next(), queue.count('backoff')]).toEqual(['b', 1]);
    const before = wakes;
    await clock.advance(999);
    expect([wakes - before, queue.count('backoff')]).toEqual([0, 1]);
    await clock.advance(1);
    expect([wakes - before, queue.count('backoff'), next(), next()]).toEqual([1, 0, 'c', 'a']);
  });

  test('while nobody else is to be tried, one that an event helped need not wait; one that failed does', async () => {
    queue.put(pod('failed'));
    queue.backOff(queue.pop()!);
    queue.put(pod('helped'));
    queue.unschedulable(queue.pop()!, by(byNodes));
    const before = wakes;
    queue.happened('NodeAdd');
    expect([wakes - before, next(), next()]).toEqual([1, 'helped', undefined]);
    await clock.advance(1000);
    expect(next()).toBe('failed');
  });

  test.each([
    ['early', 0],
    ['when it ends', 2000],
  ])('of those whose back-off ends in the same second the most important is first: %s', async (_, wait_ms) => {
    await clock.advance(100);
    for (const [name, priority] of [
      ['low', 0],
      ['high', 10],
    ] as const) {
      queue.put(pod(name, { spec: { priority } }));
      queue.unschedulable(queue.pop()!, by(byNodes));
      await clock.advance(200);
    }
    queue.happened('NodeAdd');
    await clock.advance(wait_ms);
    expect([next(), next(), next()]).toEqual(['high', 'low', undefined]);
  });

  test('the back-off doubles from one second to ten', async () => {
    queue.put(pod('a'));
    const waits: number[] = [];
    for (let i = 0; i < 6; i++) {
      const tried = queue.pop()!;
      const started_ms = clock.monotonic();
      queue.backOff(tried);
      for (let ms = 0; ms <= BACKOFF_MAX_MS && wakes === i + 1; ms += 500) await clock.advance(500);
      waits.push(clock.monotonic() - started_ms);
    }
    expect(waits).toEqual([1000, 2000, 4000, 8000, 10_000, 10_000]);
  });

  test('a pod that room is made for does not back off longer each time', async () => {
    queue.put(pod('a'));
    for (let i = 0; i < 4; i++) {
      queue.unschedulable(queue.pop()!, by(byNodes), true);
      queue.happened('NodeAdd');
      await clock.advance(1000);
    }
    expect(queue.pop()).toMatchObject({ attempts: 5 });
  });

  test('a change of the pod itself gives it another try, a change of its status does not', async () => {
    queue.put(pod('a'));
    queue.unschedulable(queue.pop()!, by(none));
    await clock.advance(60_000);
    queue.put(pod('a', { status: { conditions: [{ type: 'PodScheduled', status: 'False' }] } }));
    expect(next()).toBeUndefined();
    queue.put(pod('a', { spec: { tolerations: [{ operator: 'Exists' }] } }));
    expect(next()).toBe('a');
  });

  test('without any event it is tried again after five minutes; nothing ticks until then, and nothing while nobody waits', async () => {
    queue.put(pod('a'));
    expect(clock.pending).toBe(0);
    queue.unschedulable(queue.pop()!, by(byNodes));
    expect(clock.pending).toBe(1);
    const before = wakes;
    await clock.advance(299_999);
    expect([wakes - before, next()]).toEqual([0, undefined]);
    await clock.advance(1);
    expect([wakes - before, next()]).toEqual([1, 'a']);
    expect(clock.pending).toBe(0);
  });

  test('a hint may look closer at what happened', async () => {
    const onlyBig: ClusterEventHint = { event: 'NodeAdd', hint: (_, __, now) => (now?.metadata.name === 'big' ? 'queue' : 'skip') };
    queue.put(pod('a'));
    queue.unschedulable(queue.pop()!, by([onlyBig]));
    await clock.advance(60_000);
    queue.happened('NodeAdd', undefined, node('small'));
    expect(next()).toBeUndefined();
    queue.happened('NodeAdd', undefined, node('big'));
    expect(next()).toBe('a');
  });

  test('a pod that has been tried again does not listen to what it waited for before', async () => {
    queue.put(pod('a'));
    queue.unschedulable(queue.pop()!, by(byNodes));
    await clock.advance(60_000);
    queue.happened('NodeAdd');
    queue.unschedulable(queue.pop()!, by([{ event: 'AssignedPodDelete' }]));
    await clock.advance(60_000);
    queue.happened('NodeAdd');
    expect([next(), queue.count('unschedulable')]).toEqual([undefined, 1]);
  });
});

describe('gates', () => {
  beforeEach(() => {
    queue = new SchedulingQueue({ clock, wake: () => void wakes++, less, gate: ({ spec }) => spec.schedulingGates?.[0]?.name });
  });

  test('a gated pod stands apart until its gates are gone, whatever happens', async () => {
    queue.put(pod('a', { spec: { schedulingGates: [{ name: 'wait' }] } }));
    queue.happened('NodeAdd');
    await clock.advance(600_000);
    expect([next(), queue.count('gated'), wakes]).toEqual([undefined, 1, 0]);
    queue.put(pod('a', { spec: { schedulingGates: [] } }));
    expect([next(), queue.count('gated')]).toEqual(['a', 0]);
  });

  test('one that is held back when something helps it has its try afterwards, and without such an event none', () => {
    let held = true;
    queue = new SchedulingQueue({ clock, wake: () => void wakes++, less, gate: () => (held ? 'room is being made' : undefined) });
    held = false;
    queue.put(pod('a'));
    const tried = queue.pop()!;
    queue.unschedulable(tried, by(byNodes));
    held = true;
    queue.ungated(tried);
    expect([next(), queue.count('unschedulable')]).toEqual([undefined, 1]);
    queue.happened('NodeAdd');
    expect([next(), queue.count('gated')]).toEqual([undefined, 1]);
    held = false;
    queue.ungated(tried);
    expect(next()).toBe('a');
  });
});

test('what is pending is counted by where it stands, and what brought it there', () => {
  for (const name of ['a', 'b', 'c']) queue.put(pod(name));
  queue.unschedulable(queue.pop()!, by(byNodes));
  queue.backOff(queue.pop()!);
  expect(['active', 'unschedulable', 'backoff'].map((place) => queue.count(place as 'active'))).toEqual([1, 1, 1]);
  expect(queue.incoming.get('active')).toEqual(new Map([['PodAdd', 3]]));
  expect(queue.incoming.get('backoff')).toEqual(new Map([['ScheduleAttemptFailure', 1]]));
  for (const name of ['a', 'b', 'c']) queue.delete(`default/${name}`);
  expect(['active', 'unschedulable', 'backoff'].map((place) => queue.count(place as 'active'))).toEqual([0, 0, 0]);
});

test('the heap gives back everything in order', () => {
  fc.assert(
    fc.property(fc.array(fc.integer()), (numbers) => {
      const heap = new Heap<number>((a, b) => a < b);
      for (const number of numbers) heap.push(number);
      const out = Array.from(numbers, () => heap.pop());
      expect(out).toEqual([...numbers].sort((a, b) => a - b));
      expect(heap.pop()).toBeUndefined();
    }),
  );
});
