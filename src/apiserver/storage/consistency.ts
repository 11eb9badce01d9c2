// Consistency: whether a watch cache holds exactly what the store does as of the same revision, told by a digest of each.
import { createHash } from 'node:crypto';
import type { Storage } from './storage.js';
import type { StoredObject } from './stored.js';
import type { WatchCache } from './watch-cache.js';

/** Differences that are named; one is bad enough. */
const MAX_NAMED = 10;

/** Undefined where they are the same, else what differs. Only for a cache that is started. */
export async function inconsistencyOf(storage: Storage, cache: WatchCache): Promise<string | undefined> {
  await cache.fresh();
  const [cached, revision] = [cache.list(storage.prefix), cache.revision];
  const { kvs } = await storage.range(storage.prefix, storage.prefix, 0, revision);
  // Copies, since bytes that this process has written are known to be the very objects that the cache has.
  const stored = await storage.decodeAll(kvs.map((kv) => ({ ...kv, value: Buffer.from(kv.value) })));
  if (digestOf(cached) === digestOf(stored)) return undefined;
  return `${storage.kind.plural} as of ${revision}: ${differences(storage, cached, stored).join('; ')}`;
}

function digestOf(objects: readonly StoredObject[]): string {
  const hash = createHash('sha256');
  for (const { revision, bytes } of objects) hash.update(`${revision} ${bytes.length} `).update(bytes);
  return hash.digest('hex');
}

function differences(storage: Storage, cached: readonly StoredObject[], stored: readonly StoredObject[]): string[] {
  const byKey = (objects: readonly StoredObject[]) => new Map(objects.map((each) => [storage.key(each.object.metadata), each]));
  const [mine, theirs] = [byKey(cached), byKey(stored)];
  const out: string[] = [];
  for (const key of new Set([...mine.keys(), ...theirs.keys()])) {
    const [a, b] = [mine.get(key), theirs.get(key)];
    if (!a) out.push(`${key} is missing in the cache`);
    else if (!b) out.push(`${key} is in the cache only`);
    else if (a.revision !== b.revision) out.push(`${key} is of ${a.revision} in the cache, of ${b.revision} in the store`);
    else if (!a.bytes.equals(b.bytes)) out.push(`${key} differs though both are of ${a.revision}`);
  }
  return out.length > 0 ? out.slice(0, MAX_NAMED) : ['the order differs'];
}
