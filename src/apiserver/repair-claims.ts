// Repair of claims at start: a claim whose holder is gone is let go, an object without the claim for what it holds gets it, and where
// another object has it, an event says so. Nothing here happens to claims that this server wrote, since they go with their objects; it does
// to a store that was restored in part, copied from elsewhere or edited by hand.
import type { KubeObject } from '../apimachinery/object.js';
import type { EventRecorder } from '../client/events.js';
import { type Backend, type KeyValue, prefixEnd } from '../etcd/backend.js';
import type { ApiContext } from './context.js';
import type { Claim } from './extensions/extension.js';
import type { Resource } from './resources.js';
import { claimsOf } from './storage/claims.js';

interface Held {
  /** The key of the object that has it. */
  readonly holder: string;
  readonly kv: KeyValue;
}

/** For every kind that has claims. */
export async function repairClaims({ resources, options: { backend } }: ApiContext, events: EventRecorder): Promise<void> {
  for (const resource of resources.all()) {
    const { claimPrefixes = [] } = resource.extension ?? {};
    if (claimPrefixes.length > 0) await repairKind(backend, resource, claimPrefixes, events);
  }
}

async function repairKind(backend: Backend, resource: Resource, prefixes: readonly string[], events: EventRecorder): Promise<void> {
  const { prefix } = resource.storage;
  // All as of one moment: what is written afterwards is in order.
  const { kvs, revision } = await backend.range({ key: prefix, rangeEnd: prefixEnd(prefix) });
  const objects = await resource.storage.decodeAll(kvs);
  const held = new Map<string, Held>();
  for (const each of prefixes) {
    const claims = await backend.range({ key: each, rangeEnd: prefixEnd(each), revision });
    for (const kv of claims.kvs) held.set(kv.key, { kv, holder: Buffer.from(kv.value).toString() });
  }
  const wanted = new Set<string>();
  for (const [index, kv] of kvs.entries()) {
    const { object } = objects[index]!;
    for (const claim of claimsOf(resource, object)) {
      wanted.add(`${claim.key} ${kv.key}`);
      const holder = held.get(claim.key)?.holder;
      if (holder === kv.key) continue;
      const holds = holder !== undefined && kvs.some((other, i) => other.key === holder && hasClaim(resource, objects[i]!.object, claim));
      if (holds) tell(resource, object, claim, 'conflicting', events);
      else if (await take(backend, kv, claim, held)) tell(resource, object, claim, 'repaired', events);
    }
  }
  for (const [key, { holder, kv }] of held) if (!wanted.has(`${key} ${holder}`)) await letGo(backend, kv);
}

const hasClaim = (resource: Resource, object: KubeObject, { key }: Claim) => claimsOf(resource, object).some((claim) => claim.key === key);

/** False where the object or the claim has changed meanwhile. */
async function take(backend: Backend, kv: KeyValue, claim: Claim, held: Map<string, Held>): Promise<boolean> {
  const before = held.get(claim.key)?.kv.modRevision ?? 0;
  const { succeeded, revision } = await backend.txn({
    compare: [
      { key: kv.key, target: 'mod', result: '=', value: kv.modRevision },
      { key: claim.key, target: 'mod', result: '=', value: before },
    ],
    success: [{ type: 'put', key: claim.key, value: Buffer.from(kv.key) }],
    failure: [],
  });
  if (succeeded) held.set(claim.key, { holder: kv.key, kv: { ...kv, key: claim.key, modRevision: revision } });
  return succeeded;
}

async function letGo(backend: Backend, { key, modRevision }: KeyValue): Promise<void> {
  await backend.txn({
    compare: [{ key, target: 'mod', result: '=', value: modRevision }],
    success: [{ type: 'delete', key }],
    failure: [],
  });
}

function tell({ extension }: Resource, object: KubeObject, claim: Claim, what: 'repaired' | 'conflicting', events: EventRecorder): void {
  const event = extension?.repairEvents?.[what](claim);
  if (event) events.event(object, 'Warning', event.reason, event.message);
}
