// What a storage reads is the object that the watch cache has parsed, but only where that is what is stored.
import { afterEach, expect, it } from 'vitest';
import { systemClock } from '../../../src/apimachinery/clock.js';
import { silentLogger } from '../../../src/apimachinery/logger.js';
import { Storage } from '../../../src/apiserver/storage/storage.js';
import { Turns } from '../../../src/apiserver/storage/turns.js';
import { WatchCache } from '../../../src/apiserver/storage/watch-cache.js';
import { createMemoryBackend } from '../../../src/etcd/memory.js';
import { configMaps } from '../../../src/kinds/core/configmap.js';
import type { ConfigMap } from '../../../src/kinds/types/core_v1.js';

const name = { namespace: 'n', name: 'a' };
const saying = (text: string): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { ...name, uid: 'u', resourceVersion: '', creationTimestamp: '' },
  data: { text },
});
const closing: (() => Promise<void>)[] = [];

async function stored(text = 'first') {
  const backend = await createMemoryBackend({ clock: systemClock });
  const storage = new Storage(configMaps, backend, new Turns(systemClock), undefined);
  const cache = new WatchCache(storage, backend, systemClock, silentLogger);
  closing.push(async () => {
    cache.close();
    await backend.close();
  });
  await cache.ready();
  const { revision } = await storage.create(saying(text));
  await cache.caughtUp(revision);
  return { storage, cache, cached: () => cache.get(storage.key(name))! };
}

afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

it('a read, and a change, begin with the object that the cache has', async () => {
  const { storage, cached } = await stored();
  const { object } = cached();
  expect((await storage.get(name))!.object).toBe(object);
  await storage.change(name, (current) => {
    expect(current.object).toBe(object);
    return { type: 'keep' };
  });
});

it('what a cache that does not follow any more has is not taken for what is stored', async () => {
  const { storage, cache, cached } = await stored();
  cache.close();
  const { object } = await storage.change(name, () => ({ type: 'put', object: saying('second') }));
  expect((cached().object as ConfigMap).data).toEqual({ text: 'first' });
  const read = (await storage.get(name))!;
  expect(read.revision).toBe(object.revision);
  expect((read.object as ConfigMap).data).toEqual({ text: 'second' });
});

it('other bytes of the same revision, as of a store that was put back, are read anew', async () => {
  const [{ storage, cached }, other] = [await stored(), await stored('other')];
  other.storage.cached = storage.cached;
  const read = (await other.storage.get(name))!;
  expect(read.revision).toBe(cached().revision);
  expect((read.object as ConfigMap).data).toEqual({ text: 'other' });
});
