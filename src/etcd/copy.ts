// copyStore: everything that one store holds now into another, empty one: keys, values, and leases with their ids and times to live.
import { type Backend, EtcdError, type KeyValue, type Operation, type Revision } from './backend.js';
import { TXN_OPERATIONS_MAX } from './transaction-check.js';

/** Read at a time. */
const PAGE_KEYS = 1_000;
/** Written at a time: well below the largest request that etcd takes, with keys and framing. */
const BATCH_BYTES = 1 << 20;

export interface Copied {
  readonly keys: number;
  readonly leases: number;
  /** The source's revision that was copied. */
  readonly revision: Revision;
}

/** Revisions are not copied: the target counts its own. Rejects with EtcdError where the target is not empty, or has other keys after it. */
export async function copyStore(source: Backend, target: Backend): Promise<Copied> {
  const found = await target.range({ key: '\0', rangeEnd: '\0', limit: 1, keysOnly: true });
  if (found.count > 0)
    throw new EtcdError('FAILED_PRECONDITION', `the store to copy to is not empty (${found.count} keys): nothing has been changed`);
  const { revision } = await source.range({ key: '\0', keysOnly: true });
  const leases = await copyLeases(source, target);
  let keys = 0;
  for await (const batch of batches(source, revision)) {
    const success = batch.map(({ key, value, lease }): Operation => ({ type: 'put', key, value, ...(leases.has(lease) && { lease }) }));
    await target.txn({ compare: [], success, failure: [] });
    keys += batch.length;
  }
  const { count } = await target.range({ key: '\0', rangeEnd: '\0', countOnly: true });
  if (count !== keys)
    throw new EtcdError('FAILED_PRECONDITION', `${keys} keys were copied, and the target has ${count}: something else writes to it`);
  return { keys, leases: leases.size, revision };
}

/** A lease begins its time anew. One that ends meanwhile takes its keys with it, here as there. */
async function copyLeases(source: Backend, target: Backend): Promise<ReadonlySet<bigint>> {
  const copied = new Set<bigint>();
  for (const id of await source.leases()) {
    const { ttl_s, grantedTtl_s } = await source.leaseTimeToLive(id);
    if (ttl_s < 0) continue;
    await target.leaseGrant(grantedTtl_s, id);
    copied.add(id);
  }
  return copied;
}

async function* batches(source: Backend, revision: Revision): AsyncGenerator<readonly KeyValue[]> {
  let batch: KeyValue[] = [];
  let bytes = 0;
  for await (const kv of allKeys(source, revision)) {
    const size = kv.key.length + kv.value.length;
    if (batch.length > 0 && (batch.length === TXN_OPERATIONS_MAX || bytes + size > BATCH_BYTES)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(kv);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}

async function* allKeys(source: Backend, revision: Revision): AsyncGenerator<KeyValue> {
  for (let key = '\0'; ; ) {
    const { kvs, more } = await source.range({ key, rangeEnd: '\0', limit: PAGE_KEYS, revision });
    yield* kvs;
    if (!more) return;
    key = `${kvs.at(-1)!.key}\0`;
  }
}
