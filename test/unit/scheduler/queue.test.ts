// The scheduling queue: who is next, who waits, and what ends the wait.
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import type { ClusterEvent } from '../../../src/scheduler/define.js';
import { Heap } from '../../../src/scheduler/heap.js';
import { BACKOFF_MAX_MS, SchedulingQueue } from '../../../src/scheduler/queue.js';
import { showsFields } from '../../suites/pod-spec.js';
import { ManualClock } from '../client/fakes.js';
import { pod } from '../controllers/objects.js';

let clock: ManualClock;
let queue: SchedulingQueue;
let wakes: number;
const none: ReadonlySet<ClusterEvent> = new Set();
const byNodes: ReadonlySet<ClusterEvent> = new Set(['NodeAdd']);

beforeEach(() => {
  clock = new ManualClock();
  wakes = 0;
  queue = new SchedulingQueue(clock, () => void wakes++);
});

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
    queue.unschedulable(queue.pop()!, byNodes);
    await clock.advance(60_000);
    queue.happened('AssignedPodDelete');
    expect(next()).toBeUndefined();
    queue.happened('NodeAdd');
    expect(next()).toBe('a');
  });

  test('the event counts, but the back-off is kept', async () => {
    queue.put(pod('a'));
    queue.unschedulable(queue.pop()!, byNodes);
    queue.happened('NodeAdd');
    expect(next()).toBeUndefined();
    await clock.advance(999);
    expect(next()).toBeUndefined();
    const before = wakes;
    await clock.advance(1);
    expect([wakes - before, next()]).toEqual([1, 'a']);
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

  test('a change of the pod itself gives it another try, a change of its status does not', async () => {
    queue.put(pod('a'));
    queue.unschedulable(queue.pop()!, none);
    await clock.advance(60_000);
    queue.put(pod('a', { status: { conditions: [{ type: 'PodScheduled', status: 'False' }] } }));
    expect(next()).toBeUndefined();
    queue.put(pod('a', { spec: { tolerations: [{ operator: 'Exists' }] } }));
    expect(next()).toBe('a');
  });

  test('nothing ticks while nothing waits', async () => {
    queue.put(pod('a'));
    queue.unschedulable(queue.pop()!, byNodes);
    expect(clock.pending).toBe(0);
  });
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
