// The store in memory runs the Backend suite, and expires leases by the clock it is given.
import { expect, it } from 'vitest';
import { systemClock } from '../../../src/apimachinery/clock.js';
import { createMemoryBackend } from '../../../src/etcd/memory.js';
import { backendSuite } from '../../suites/backend.js';

backendSuite('the store in memory', async () => {
  const backend = await createMemoryBackend({ clock: systemClock });
  return { backend, dispose: () => backend.close() };
});

it('deletes the keys of a lease when its time is up, not before', async () => {
  let now_ms = 0;
  const timers: { at_ms: number; fn: () => void }[] = [];
  const clock = {
    now: () => now_ms,
    monotonic: () => now_ms,
    after(delay_ms: number, fn: () => void) {
      const timer = { at_ms: now_ms + delay_ms, fn };
      timers.push(timer);
      return { cancel: () => void timers.splice(timers.indexOf(timer), 1) };
    },
  };
  const backend = await createMemoryBackend({ clock });
  const { id } = await backend.leaseGrant(10);
  await backend.txn({ compare: [], success: [{ type: 'put', key: 'k', value: Buffer.from('v'), lease: id }], failure: [] });
  now_ms = 9_000;
  await backend.leaseKeepAlive(id);
  expect(timers.map((t) => t.at_ms)).toEqual([19_000]);
  const gone = new Promise<void>((resolve) => backend.watch({ key: 'k' }, { onBatch: () => resolve(), onEnd: () => {} }));
  expect((await backend.range({ key: 'k' })).count).toBe(1);
  now_ms = 19_000;
  timers.splice(0)[0]!.fn();
  await gone;
  expect((await backend.range({ key: 'k' })).count).toBe(0);
  await backend.close();
});
