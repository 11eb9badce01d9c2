// The store in memory runs the Backend suite, and expires leases by the clock it is given.
import { MemoryLevel } from 'memory-level';
import { expect, it } from 'vitest';
import { systemClock, systemRandom } from '../../../src/apimachinery/clock.js';
import type { Operation } from '../../../src/etcd/backend.js';
import type { Database } from '../../../src/etcd/database.js';
import { createMemoryBackend } from '../../../src/etcd/memory.js';
import { MvccBackend } from '../../../src/etcd/mvcc.js';
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

it('looks for a key once, however often it is read, and shows each change of it', async () => {
  const db = new MemoryLevel<string, Buffer>({ keyEncoding: 'utf8', valueEncoding: 'buffer' });
  await db.open();
  const options = { clock: systemClock, random: systemRandom, size: async () => 0, reopen: async () => {} };
  const write = (success: Operation) => backend.txn({ compare: [], success: [success], failure: [] });
  const read = async () => (await backend.range({ key: 'k' })).kvs.map(({ value, modRevision }) => `${value.toString()} ${modRevision}`);
  let backend = await MvccBackend.open({ db: db as unknown as Database, ...options });
  await write({ type: 'put', key: 'k', value: Buffer.from('v') });
  // As after a restart: nothing has been written yet.
  backend = await MvccBackend.open({ db: db as unknown as Database, ...options });
  const get = db.getSync.bind(db);
  let looked = 0;
  db.getSync = ((...all: Parameters<typeof get>) => {
    looked++;
    return get(...all);
  }) as typeof db.getSync;
  expect([await read(), await read(), await read()]).toEqual([['v 2'], ['v 2'], ['v 2']]);
  expect(looked).toBe(1);
  await write({ type: 'put', key: 'k', value: Buffer.from('w') });
  expect(await read()).toEqual(['w 3']);
  await write({ type: 'delete', key: 'k' });
  expect(await read()).toEqual([]);
  await backend.close();
});
