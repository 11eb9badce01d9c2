// An informer's cache stays the server's truth through cuts, restarts and forgotten history, and its handlers can follow it.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { silentLogger } from '../../../src/apimachinery/logger.js';
import { badRequest } from '../../../src/apimachinery/status.js';
import type { Informer, Informers } from '../../../src/client/informer.js';
import { createInformers } from '../../../src/client/informers.js';
import { configMaps } from '../../../src/kinds/core/configmap.js';
import type { ConfigMap } from '../../../src/kinds/types/core_v1.js';
import { fixedRandom, ManualClock, MemoryApi, settle } from './fakes.js';

const named = (name: string, data: Record<string, string> = {}, namespace = 'default') => ({ metadata: { name, namespace }, data });

let api: MemoryApi;
let clock: ManualClock;
let informers: Informers;
let informer: Informer<ConfigMap>;
/** What a handler that follows all changes believes is there. */
let believed: Map<string, string>;
let changes: string[];

beforeEach(async () => {
  api = new MemoryApi();
  clock = new ManualClock();
  informers = createInformers({ client: api, clock, random: fixedRandom, log: silentLogger });
});
afterEach(() => informers.stop());

async function start() {
  informer = informers.of(configMaps);
  believed = new Map();
  changes = [];
  informer.onChange(({ key, old, new: now }) => {
    expect(believed.get(key)).toBe(old && believed.get(key));
    expect(believed.has(key)).toBe(old !== undefined);
    if (now) believed.set(key, now.metadata.uid);
    else believed.delete(key);
    changes.push(`${old ? (now ? 'changed' : 'gone') : 'new'} ${key}`);
  });
  await settle();
}

const truth = () => api.objects(configMaps).map((object) => object.metadata.name);
const cached = () => informer.list().map((object) => object.metadata.name);

describe('following', () => {
  test('what was there before and what comes later is told, each once', async () => {
    await api.create(configMaps, named('a'));
    await start();
    expect(informer.synced).toBe(true);
    await api.create(configMaps, named('b'));
    await api.update(configMaps, named('a', { x: '1' }));
    await api.delete(configMaps, { namespace: 'default', name: 'b' });
    await settle();
    expect(changes).toEqual(['new default/a', 'new default/b', 'changed default/a', 'gone default/b']);
    expect(cached()).toEqual(truth());
  });

  test('one informer for a kind is shared; a scope of its own has one of its own', async () => {
    expect(informers.of(configMaps)).toBe(informers.of(configMaps));
    expect(informers.of(configMaps)).not.toBe(informers.of(configMaps, { namespace: 'x' }));
  });

  test('indexes find objects by value, also after a change moves them', async () => {
    await start();
    informer.addIndex('colour', (object) => (object.data?.['colour'] ? [object.data['colour']] : []));
    await api.create(configMaps, named('a', { colour: 'red' }));
    await api.create(configMaps, named('b', { colour: 'red' }, 'other'));
    await settle();
    expect(informer.byIndex('colour', 'red')).toHaveLength(2);
    await api.update(configMaps, named('a', { colour: 'blue' }));
    await settle();
    expect(informer.byIndex('colour', 'red').map((o) => o.metadata.name)).toEqual(['b']);
    expect(informer.byIndex('colour', 'blue').map((o) => o.metadata.name)).toEqual(['a']);
    expect(informer.list('other').map((o) => o.metadata.name)).toEqual(['b']);
    expect(() => informer.byIndex('none', 'x')).toThrow('no index none');
  });
});

describe('after a cut', () => {
  test.each(['error', 'end'] as const)('the watch goes on from the last version seen, without a new list (%s)', async (how) => {
    await start();
    await api.create(configMaps, named('a'));
    await settle();
    api.cutWatches(how);
    await settle();
    api.down = true;
    await clock.advance(60_000);
    api.down = false;
    await api.create(configMaps, named('b'));
    // A mended link is used again within seconds.
    await clock.advance(4_000);
    expect(cached()).toEqual(['a', 'b']);
    expect(api.lists).toBe(1);
  });

  test('a version that the server has forgotten (410) leads to a new list, and handlers learn what they missed', async () => {
    await start();
    for (const name of ['stays', 'goes', 'changes', 'again']) await api.create(configMaps, named(name));
    await settle();
    api.cutWatches('error');
    await settle();
    await api.delete(configMaps, { namespace: 'default', name: 'goes' });
    await api.update(configMaps, named('changes', { x: '1' }));
    await api.delete(configMaps, { namespace: 'default', name: 'again' });
    await api.create(configMaps, named('again'));
    await api.create(configMaps, named('comes'));
    api.compact();
    changes = [];
    await clock.advance(4_000);
    expect(new Set(cached())).toEqual(new Set(truth()));
    expect(new Set(changes)).toEqual(
      new Set(['gone default/goes', 'changed default/changes', 'gone default/again', 'new default/again', 'new default/comes']),
    );
    expect(believed).toEqual(new Map(informer.list().map((o) => [`default/${o.metadata.name}`, o.metadata.uid])));
    expect(api.requests.filter((request) => request.startsWith('list'))).toEqual(['list configmaps 0', 'list configmaps newest']);
  });

  test('410 in the middle of a watch does the same', async () => {
    await start();
    const { expired } = await import('../../../src/apimachinery/status.js');
    api.sendError(expired('too old'));
    await clock.advance(1_000);
    expect(api.lists).toBe(2);
  });

  test('bookmarks move the version from which a watch goes on', async () => {
    await start();
    api.version = 500;
    api.bookmark(configMaps);
    await settle();
    expect(informer.resourceVersion).toBe(500);
    api.cutWatches('end');
    await clock.advance(4_000);
    expect(api.requests.at(-1)).toBe('watch configmaps 500');
  });

  test('a server that ends each watch at once is not asked in a tight loop', async () => {
    await start();
    for (let i = 0; i < 20; i++) {
      api.cutWatches('end');
      await settle();
    }
    expect(api.watches).toBe(1);
  });

  test('tries are bounded in number while the server is away, and go on for ever', async () => {
    api.down = true;
    await start();
    await clock.advance(600_000);
    expect(informer.synced).toBe(false);
    api.down = false;
    await clock.advance(4_000);
    expect(informer.synced).toBe(true);
  });

  test('an error that is not about the connection is retried too', async () => {
    await start();
    api.sendError(badRequest('odd'));
    await clock.advance(1_000);
    await api.create(configMaps, named('a'));
    await settle();
    expect(cached()).toEqual(['a']);
  });
});

describe('waiting', () => {
  test('whenSeen resolves with the event of that version, and not before', async () => {
    await start();
    api.hold();
    const made = await api.create(configMaps, named('a'));
    let seen = false;
    const waiting = informer.whenSeen(Number(made.metadata.resourceVersion)).then(() => (seen = true));
    await settle();
    expect(seen).toBe(false);
    api.release();
    await waiting;
    expect(cached()).toEqual(['a']);
  });

  test('whenSeen and whenSynced end with the signal, or when the informers stop', async () => {
    api.down = true;
    const giveUp = new AbortController();
    const waits = [informers.of(configMaps).whenSeen(1, giveUp.signal), informers.whenSynced()];
    giveUp.abort(new Error('enough'));
    await expect(waits[0]).rejects.toThrow('enough');
    informers.stop();
    await expect(waits[1]).rejects.toThrow('informers stopped');
  });

  test('a store whose history went back (a restore) leaves nobody waiting', async () => {
    await start();
    await api.create(configMaps, named('a'));
    await settle();
    const waiting = informer.whenSeen(api.version + 10);
    api.version = 5;
    api.compact();
    const { expired } = await import('../../../src/apimachinery/status.js');
    api.sendError(expired('too old'));
    await clock.advance(4_000);
    await waiting;
    expect(informer.resourceVersion).toBe(5);
  });
});
