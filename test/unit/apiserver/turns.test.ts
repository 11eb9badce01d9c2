// Many who change one object at once: each change counts, and few are tried in vain.
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/apimachinery/clock.js';
import { Storage } from '../../../src/apiserver/storage/storage.js';
import { Turns } from '../../../src/apiserver/storage/turns.js';
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
});

describe('a turn', () => {
  it('is not waited for without end: the one before may wait for what waits here', async () => {
    const late: (() => void)[] = [];
    const after = (_delay_ms: number, fn: () => void) => {
      late.push(fn);
      return { cancel() {} };
    };
    const turns = new Turns({ ...systemClock, after });
    await turns.take('a');
    let taken = false;
    const next = turns.take('a').then((end) => {
      taken = true;
      return end;
    });
    await new Promise(setImmediate);
    expect(taken).toBe(false);
    late[0]!();
    (await next)();
    expect(taken).toBe(true);
  });

  it('leaves nothing behind', async () => {
    const turns = new Turns(systemClock);
    const ends = [await turns.take('a')];
    const second = turns.take('a');
    ends[0]!();
    expect(turns.busy('a')).toBe(true);
    (await second)();
    expect(turns.busy('a')).toBe(false);
  });
});
