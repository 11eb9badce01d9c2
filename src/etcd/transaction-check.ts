// What a store refuses of a transaction before it runs any of it: too much, no key, or a key that is written twice.
import { EtcdError, type Key, type Operation, type TxnRequest } from './backend.js';
import { inRange } from './transaction.js';

/** etcd's --max-txn-ops. */
export const TXN_OPERATIONS_MAX = 128;
/** etcd's --max-request-bytes: 1.5 MiB. */
export const REQUEST_BYTES_MAX = 1_572_864;

/** Throws etcd's EtcdError. */
export function checkTransaction(request: TxnRequest): void {
  if (checkSizes(request) > REQUEST_BYTES_MAX) throw refusal('request is too large');
  writesOf(request.success);
  writesOf(request.failure);
}

const refusal = (why: string) => new EtcdError('INVALID_ARGUMENT', `etcdserver: ${why}`);

/** The bytes of all keys and values that it puts, whichever branch runs. */
function checkSizes({ compare, success, failure }: TxnRequest): number {
  if (Math.max(compare.length, success.length, failure.length) > TXN_OPERATIONS_MAX) throw refusal('too many operations in txn request');
  let bytes = 0;
  for (const op of [...success, ...failure]) {
    if (op.type === 'txn') bytes += checkSizes(op.request);
    if (op.type !== 'put') continue;
    if (op.key === '') throw refusal('key is not provided');
    bytes += op.key.length + op.value.length;
  }
  return bytes;
}

interface Range {
  readonly key: Key;
  readonly rangeEnd?: Key;
}

interface Writes {
  readonly puts: ReadonlySet<Key>;
  readonly deletes: readonly Range[];
}

/** The writes of one branch. Only the two branches of one nested transaction may write the same key: never do both of them run. */
function writesOf(operations: readonly Operation[]): Writes {
  const deletes: Range[] = operations.filter((op) => op.type === 'delete');
  const puts = new Set<Key>();
  const add = (key: Key, mayRepeat: boolean) => {
    if ((puts.has(key) && !mayRepeat) || deletes.some((range) => inRange(key, range.key, range.rangeEnd)))
      throw refusal('duplicate key given in txn request');
    puts.add(key);
  };
  for (const op of operations) {
    if (op.type !== 'txn') continue;
    const [then, otherwise] = [writesOf(op.request.success), writesOf(op.request.failure)];
    for (const key of then.puts) add(key, false);
    for (const key of otherwise.puts) add(key, then.puts.has(key));
    deletes.push(...then.deletes, ...otherwise.deletes);
  }
  for (const op of operations) if (op.type === 'put') add(op.key, false);
  return { puts, deletes };
}
