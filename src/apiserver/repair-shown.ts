// Repair at start of the objects that show claims: those that are missing are made, and those whose claim is no more go. A store that was
// kept by a server of old, or restored in part, has such.
import type { KubeObject } from '../apimachinery/object.js';
import { prefixEnd } from '../etcd/backend.js';
import type { ApiContext } from './context.js';
import type { Resource } from './resources.js';
import { claimsOf } from './storage/claims.js';

/** For every kind whose claims are shown. */
export async function repairShown({ resources, options: { backend } }: ApiContext): Promise<void> {
  for (const resource of resources.all()) if (resource.extension?.shown) await repairKind(backend, resource);
}

async function repairKind(backend: ApiContext['options']['backend'], resource: Resource): Promise<void> {
  const { prefix, isOurs } = resource.extension!.shown!;
  const holders = resource.storage.prefix;
  // All as of one moment: what is written afterwards is in order.
  const { kvs, revision } = await backend.range({ key: holders, rangeEnd: prefixEnd(holders) });
  const objects = await resource.storage.decodeAll(kvs);
  const there = await backend.range({ key: prefix, rangeEnd: prefixEnd(prefix), revision });
  const left = new Map(there.kvs.map((kv) => [kv.key, kv]));
  for (const [i, { key, modRevision }] of kvs.entries()) {
    for (const { shown } of claimsOf(resource, objects[i]!.object)) {
      if (!shown || left.delete(shown.key)) continue;
      await backend.txn({
        compare: [
          { key, target: 'mod', result: '=', value: modRevision },
          { key: shown.key, target: 'version', result: '=', value: 0 },
        ],
        success: [{ type: 'put', key: shown.key, value: shown.value() }],
        failure: [],
      });
    }
  }
  for (const { key, value, modRevision } of left.values()) {
    if (!isOurs(JSON.parse(Buffer.from(value).toString()) as KubeObject)) continue;
    const compare = [{ key, target: 'mod', result: '=', value: modRevision } as const];
    await backend.txn({ compare, success: [{ type: 'delete', key }], failure: [] });
  }
}
