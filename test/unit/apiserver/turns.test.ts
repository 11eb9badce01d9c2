// Many who change one object at once: each change counts, and few are tried in vain.
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/apimachinery/clock.js';
import { Storage } from '../../../src/apiserver/storage/storage.js';
import { Turns } from '../../../src/apiserver/storage/turns.js';
import type { Backend } from '../../../src/etcd/backend.js';
import { createMemoryBackend } from '../../../src/etcd/memory.js';
import { configMaps } from '../../../src/kinds/core/configmap.js';
import type { ConfigMap } from '../../../src/kinds/types/core_v1.js';

const name = { namespace: 'n', name: 'a' };
const made = (count: number): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { ...name, uid: 'u', resourceVersion: '', creationTimestamp: '' },
  data: { count: String(count) },
});

describe('changes of one object', () => {
  it('wait for each other', async () => {
    const backend = await createMemoryBackend({ clock: systemClock });
    const storage = new Storage(configMaps, backend, new Turns(systemClock), undefined);
    await storage.create(made(0));
    let tries = 0;
    const increment = () =>
      storage.change(name, async ({ object }) => {
        tries++;
        await new Promise(setImmediate);
        return { type: 'put', object: made(Number((object as ConfigMap).data!['count']) + 1) };
      });
    await Promise.all(Array.from({ length: 100 }, increment));
    expect(((await storage.get(name))!.object as ConfigMap).data).toEqual({ count: '100' });
    // The hundred begin before anybody is through; all but one of them try again in their turn.
    expect(tries).toBeLessThanOrEqual(200);
    await backend.close();
  });

  it('that come while one is being written are written together with it, each on what the one before made', async () => {
    const backend = await createMemoryBackend({ clock: systemClock });
    let [writes, mostAtOnce] = [0, 0];
    const watched: Pick<Backend, 'range' | 'txn'> = {
      range: (request) => backend.range(request),
      async txn(request) {
        mostAtOnce = Math.max(mostAtOnce, ++writes);
        try {
          return await backend.txn(request);
        } finally {
          writes--;
        }
      },
    };
    const storage = new Storage(configMaps, watched, new Turns(systemClock), undefined);
    await storage.create(made(0));
    const seen: string[] = [];
    const set = (count: number) =>
      storage.change(name, ({ object }) => {
        seen.push((object as ConfigMap).data!['count']!);
        return { type: 'put', object: made(count) };
      });
    const changed = await Promise.all([1, 2, 3, 4, 5, 6].map(set));
    expect(mostAtOnce).toBeGreaterThan(2);
    const revisions = changed.map(({ object }) => object.revision);
    expect(new Set(revisions).size, 'each has a revision of its own').toBe(6);
    expect(changed.map(({ object }) => object.object.metadata.resourceVersion)).toEqual(revisions.map(String));
    const last = changed.find(({ object }) => object.revision === Math.max(...revisions))!;
    expect((await storage.get(name))!.object).toEqual(last.object.object);
    await backend.close();
  });

  it('that change nothing are answered with what is stored in the end', async () => {
    const backend = await createMemoryBackend({ clock: systemClock });
    const storage = new Storage(configMaps, backend, new Turns(systemClock), undefined);
    await storage.create(made(0));
    const set = () => storage.change(name, () => ({ type: 'put', object: made(1) }));
    const changed = await Promise.all([set(), set(), set(), set()]);
    expect(new Set(changed.map(({ object }) => object.revision)).size).toBe(1);
    expect(changed[0]!.object.revision).toBeGreaterThan(1);
    await backend.close();
  });

  it('fail alone where the one that they were built on could not be written', async () => {
    const backend = await createMemoryBackend({ clock: systemClock });
    let fail = false;
    const failing: Pick<Backend, 'range' | 'txn'> = {
      range: (request) => backend.range(request),
      txn: (request) => {
        if (!fail) return backend.txn(request);
        fail = false;
        return new Promise((_, reject) => setImmediate(reject, new Error('the disk is full')));
      },
    };
    const storage = new Storage(configMaps, failing, new Turns(systemClock), undefined);
    await storage.create(made(0));
    const add = () =>
      storage.change(name, ({ object }) => ({ type: 'put', object: made(Number((object as ConfigMap).data!['count']) + 1) }));
    fail = true;
    const first = add();
    await new Promise(process.nextTick);
    const outcomes = await Promise.allSettled([first, add(), add()]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled']);
    expect(((await storage.get(name))!.object as ConfigMap).data).toEqual({ count: '2' });
    await backend.close();
  });
});

describe('a turn', () => {
  it('begins with what the one before passes on', async () => {
    const turns = new Turns<number>(systemClock);
    const first = turns.enter('a');
    const second = turns.enter('a');
    expect(await first.before).toBeUndefined();
    first.pass(7);
    expect(await second.before).toBe(7);
  });

  it('is not waited for without end: the one before may wait for what waits here', async () => {
    const late: (() => void)[] = [];
    const after = (_delay_ms: number, fn: () => void) => {
      late.push(fn);
      return { cancel() {} };
    };
    const turns = new Turns<number>({ ...systemClock, after });
    turns.enter('a');
    let began = false;
    const next = turns.enter('a').before.then((state) => {
      began = true;
      return state;
    });
    await new Promise(setImmediate);
    expect(began).toBe(false);
    late[0]!();
    expect(await next).toBeUndefined();
  });

  it('leaves nothing behind', async () => {
    const turns = new Turns<number>(systemClock);
    const [first, second] = [turns.enter('a'), turns.enter('a')];
    first.leave();
    expect(turns.busy('a')).toBe(true);
    expect(await second.before).toBeUndefined();
    second.leave();
    expect(turns.busy('a')).toBe(false);
  });
});
