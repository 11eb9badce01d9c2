// Kinds that come and go while the server runs, and several versions over the same stored objects.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/apimachinery/clock.js';
import { silentLogger } from '../../../src/apimachinery/logger.js';
import type { KubeObject } from '../../../src/apimachinery/object.js';
import { Schemas } from '../../../src/apimachinery/schema.js';
import { Discovery } from '../../../src/apiserver/discovery.js';
import { ExternalApis } from '../../../src/apiserver/external-apis.js';
import { type Resource, Resources } from '../../../src/apiserver/resources.js';
import type { Conversion } from '../../../src/apiserver/storage/conversion.js';
import { Storage } from '../../../src/apiserver/storage/storage.js';
import { Turns } from '../../../src/apiserver/storage/turns.js';
import { WatchCache } from '../../../src/apiserver/storage/watch-cache.js';
import type { Backend } from '../../../src/etcd/backend.js';
import { createMemoryBackend } from '../../../src/etcd/memory.js';
import { defineKind } from '../../../src/kinds/define.js';

interface Knob extends KubeObject {
  readonly level?: number;
  readonly level2?: { readonly value: number };
}

const common = { group: 'g.io', kind: 'Knob', plural: 'knobs', namespaced: true, schema: 'g.v1.Knob' };
const v1 = defineKind<Knob>({ ...common, version: 'v1' });
const v2 = defineKind<Knob>({
  ...common,
  version: 'v2',
  storage: {
    kind: v1,
    toStorage: ({ level2, ...rest }) => ({ ...rest, apiVersion: 'g.io/v1', level: level2!.value }) as Knob,
    fromStorage: (stored) => {
      const { level, ...rest } = stored as Knob;
      return { ...rest, apiVersion: 'g.io/v2', level2: { value: level! } };
    },
  },
});

let backend: Backend;
let resources: Resources;

beforeEach(async () => {
  backend = await createMemoryBackend({ clock: systemClock });
  resources = new Resources({
    kinds: [],
    schemas: new Schemas({ 'g.v1': { Knob: {} } }),
    extensions: [],
    storage: (kind, conversion) => new Storage(kind, backend, new Turns(systemClock), undefined, conversion),
    cache: (storage) => new WatchCache(storage, backend, systemClock, silentLogger),
  });
});
afterEach(async () => {
  resources.close();
  await backend.close();
});

const knob = (name: string, fields: object): KubeObject =>
  ({ apiVersion: 'g.io/v1', kind: 'Knob', metadata: { name, namespace: 'n', uid: name, creationTimestamp: '' }, ...fields }) as KubeObject;

/** Everything that a watch from now on is told, as `TYPE name level`. */
async function watched({ cache, storage }: Resource, told: string[], ended?: () => void): Promise<void> {
  await cache.fresh();
  const line = (type: string, object: Knob) => `${type} ${object.metadata.name} ${object.level ?? object.level2?.value}`;
  cache.watch(
    { prefix: storage.prefix, matches: undefined, after: cache.revision, bookmarks: false, initialEventsEnd: false },
    {
      start() {},
      event: ({ type, object }) => void told.push(line(type, object.object as Knob)),
      bookmark() {},
      end: () => ended?.(),
    },
  );
}

describe('several versions', () => {
  it('are views of the same objects, each with its own watches', async () => {
    const [first, second] = [resources.add({ kind: v1 }), resources.add({ kind: v2 })];
    const told: string[] = [];
    await watched(second, told);
    const created = await first.storage.create(knob('a', { level: 3 }));
    expect(created.object).toMatchObject({ apiVersion: 'g.io/v1', level: 3 });
    const asV2 = await second.storage.get({ namespace: 'n', name: 'a' });
    expect(JSON.parse(asV2!.bytes.toString())).toEqual({
      ...knob('a', { level2: { value: 3 } }),
      apiVersion: 'g.io/v2',
      metadata: { ...created.object.metadata },
    });
    const next = { ...asV2!.object, level2: { value: 7 } } as KubeObject;
    await second.storage.change({ namespace: 'n', name: 'a' }, () => ({ type: 'put', object: next }));
    expect((await first.storage.get({ namespace: 'n', name: 'a' }))!.object).toMatchObject({ apiVersion: 'g.io/v1', level: 7 });
    await first.storage.change({ namespace: 'n', name: 'a' }, () => ({ type: 'delete' }));
    await second.cache.fresh();
    expect(told).toEqual(['ADDED a 3', 'MODIFIED a 7', 'DELETED a 7']);
  });

  it('write nothing where a version writes what is there already', async () => {
    resources.add({ kind: v1 });
    const { storage } = resources.add({ kind: v2 });
    const made = await storage.create({ ...knob('a', { level2: { value: 1 } }), apiVersion: 'g.io/v2' });
    const same = await storage.change({ namespace: 'n', name: 'a' }, ({ object }) => ({ type: 'put', object: structuredClone(object) }));
    expect(same.object.revision).toBe(made.revision);
  });

  it('are listed under one group, the preferred one first', () => {
    const discovery = new Discovery({ resources, externalApis: new ExternalApis() });
    resources.add({ kind: v1 });
    resources.add({ kind: v2 });
    const { groups } = JSON.parse(discovery.answer('/apis', {}, new URLSearchParams())!.bytes.toString());
    expect(groups).toHaveLength(1);
    expect(groups[0].versions.map((each: { version: string }) => each.version)).toEqual(['v2', 'v1']);
    expect(groups[0].preferredVersion.version).toBe('v2');
  });
});

describe('a conversion that takes its time', () => {
  /** The first call is the slowest. */
  class SlowConversion implements Conversion {
    readonly storedAs = v1;
    readonly sizes: number[] = [];
    readonly waiting: (() => void)[] = [];
    fails = false;
    toStorage = (object: KubeObject) => object;
    async fromStorage(objects: readonly KubeObject[]) {
      this.sizes.push(objects.length);
      await new Promise<void>((resolve) => void this.waiting.push(resolve));
      if (this.fails) throw new Error('the webhook is down');
      return objects;
    }
  }

  it('keeps the order of events, and events wait for it', async () => {
    const conversion = new SlowConversion();
    const plain = resources.add({ kind: v1 });
    const slow = resources.add({ kind: { ...v2, storage: undefined } as never, conversion });
    const told: string[] = [];
    await watched(slow, told);
    for (const [i, name] of ['a', 'b', 'c'].entries()) await plain.storage.create(knob(name, { level: i }));
    await plain.storage.change({ namespace: 'n', name: 'a' }, () => ({ type: 'delete' }));
    const fresh = slow.cache.fresh();
    expect(told).toEqual([]);
    while (conversion.waiting.length > 0) {
      conversion.waiting.shift()!();
      await new Promise(setImmediate);
    }
    await fresh;
    expect(told).toEqual(['ADDED a 0', 'ADDED b 1', 'ADDED c 2', 'DELETED a 0']);
  });

  it('converts the state that a cache starts with in one go', async () => {
    const conversion = new SlowConversion();
    const plain = resources.add({ kind: v1 });
    for (const name of ['a', 'b', 'c']) await plain.storage.create(knob(name, { level: 1 }));
    const slow = resources.add({ kind: { ...v2, storage: undefined } as never, conversion });
    const ready = slow.cache.ready();
    while (conversion.waiting.length === 0) await new Promise(setImmediate);
    conversion.waiting[0]!();
    await ready;
    expect(conversion.sizes).toEqual([3]);
  });

  it('ends the watches where it fails, and the next to ask is told why', async () => {
    const conversion = new SlowConversion();
    const plain = resources.add({ kind: v1 });
    const slow = resources.add({ kind: { ...v2, storage: undefined } as never, conversion });
    let ended = false;
    await watched(slow, [], () => (ended = true));
    conversion.fails = true;
    await plain.storage.create(knob('a', { level: 1 }));
    while (!ended) {
      conversion.waiting.shift()?.();
      await new Promise(setImmediate);
    }
    const ready = slow.cache.ready();
    while (conversion.waiting.length === 0) await new Promise(setImmediate);
    conversion.waiting[0]!();
    await expect(ready).rejects.toThrow('the webhook is down');
  });
});

describe('a kind that goes', () => {
  it('ends its watches, and is found and listed no more', async () => {
    const discovery = new Discovery({ resources, externalApis: new ExternalApis() });
    const changes: string[] = [];
    resources.onChange((kinds) => void changes.push(kinds.map(({ version }) => version).join()));
    const resource = resources.add({ kind: v1 });
    expect(discovery.answer('/apis/g.io/v1', {}, new URLSearchParams())).toBeDefined();
    let ended = false;
    await watched(resource, [], () => (ended = true));
    resources.remove(v1);
    expect(ended).toBe(true);
    expect(resources.find('g.io', 'v1', 'knobs')).toBeUndefined();
    expect(resources.byGvk('g.io/v1', 'Knob')).toBeUndefined();
    expect(discovery.answer('/apis/g.io/v1', {}, new URLSearchParams())).toBeUndefined();
    expect(changes).toEqual(['v1', 'v1']);
    await expect(resource.cache.ready()).rejects.toMatchObject({ code: 404 });
  });

  it('and comes back in the same step is never missing, and asks late readers to come again', async () => {
    const resource = resources.add({ kind: v1 });
    await resource.storage.create(knob('a', { level: 3 }));
    const next = { ...v1, shortNames: ['k'] };
    resources.change({ remove: [resource], add: [{ kind: next }] });
    await expect(resource.cache.ready()).rejects.toMatchObject({ code: 503 });
    const again = resources.of(next);
    await again.cache.fresh();
    expect(again.cache.list(again.storage.prefix)).toHaveLength(1);
  });
});
