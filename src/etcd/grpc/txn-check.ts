// What etcd refuses in the messages of a transaction before it runs any of it; what it refuses in the transaction itself, the store does.
import { invalid, UnsupportedError } from './context.js';
import type { CompareMessage, PutMessage, TxnMessage } from './messages.js';
import { checkRange } from './ranges.js';

/** Throws what etcd answers. */
export function checkTxn({ compare, success, failure }: TxnMessage): void {
  for (const one of compare) checkCompare(one);
  for (const op of [...success, ...failure]) {
    if (op.request_range) checkRange(op.request_range);
    else if (op.request_put) checkPut(op.request_put);
    else if (op.request_delete_range) checkKey(op.request_delete_range);
    else if (op.request_txn) checkTxn(op.request_txn);
    else throw invalid('key not found');
  }
}

export function checkKey({ key }: { readonly key: Buffer }): void {
  if (key.length === 0) throw invalid('key is not provided');
}

export function checkPut(put: PutMessage): void {
  checkKey(put);
  if (put.ignore_value && put.value.length > 0) throw invalid('value is provided');
  if (put.ignore_lease && put.lease !== '0') throw invalid('lease is provided');
}

function checkCompare(compare: CompareMessage): void {
  checkKey(compare);
  if (typeof compare.result === 'number' || typeof compare.target === 'number')
    throw new UnsupportedError('a comparison that etcd does not have');
  if (compare.range_end.length > 0) throw new UnsupportedError('the embedded store compares single keys only, not a range of keys');
}
