// Transactions between etcd's messages and the store's: requests one way, answers the other.
import type { Compare, Operation, OperationResult, TxnRequest, TxnResponse } from '../backend.js';
import { keyOf, kvMessage, rangeEndOf } from './context.js';
import type { CompareMessage, PutMessage, RequestOpMessage, TxnMessage } from './messages.js';
import { rangeAnswer, rangeRequest } from './ranges.js';

const RESULTS = { Equal: '=', NotEqual: '!=', Less: '<', Greater: '>' } as const;
const NO_VALUE = Buffer.alloc(0);

/** The message has been checked. */
export function txnRequest({ compare, success, failure }: TxnMessage): TxnRequest {
  return { compare: compare.map(compareOf), success: success.map(operationOf), failure: failure.map(operationOf) };
}

export const putOperation = (put: PutMessage): Operation => ({
  type: 'put',
  key: keyOf(put.key),
  value: put.value,
  lease: BigInt(put.lease),
  prevKv: put.prev_kv,
});

export function operationOf(op: RequestOpMessage): Operation {
  if (op.request_range) return { type: 'range', request: rangeRequest(op.request_range) };
  if (op.request_put) return putOperation(op.request_put);
  if (op.request_txn) return { type: 'txn', request: txnRequest(op.request_txn) };
  const { key, range_end, prev_kv } = op.request_delete_range!;
  return { type: 'delete', key: keyOf(key), ...rangeEndOf(range_end), prevKv: prev_kv };
}

function compareOf(message: CompareMessage): Compare {
  const key = keyOf(message.key);
  const result = RESULTS[message.result as keyof typeof RESULTS];
  // etcd takes a comparison without its value as one with the value's zero.
  switch (message.target) {
    case 'Version':
      return { key, result, target: 'version', value: Number(message.version ?? 0) };
    case 'Create':
      return { key, result, target: 'create', value: Number(message.create_revision ?? 0) };
    case 'Mod':
      return { key, result, target: 'mod', value: Number(message.mod_revision ?? 0) };
    case 'Value':
      return { key, result, target: 'value', value: message.value ?? NO_VALUE };
    default:
      return { key, result, target: 'lease', value: BigInt(message.lease ?? 0) };
  }
}

/** The answer's fields beside the header. */
export function txnAnswer(message: TxnMessage, { succeeded, results, revision }: TxnResponse): object {
  const branch = succeeded ? message.success : message.failure;
  const header = { revision: String(revision) };
  return {
    succeeded,
    responses: results.map((result, i) => ({ [`response_${NAMES[result.type]}`]: answerOf(branch[i]!, result, header) })),
  };
}

const NAMES = { range: 'range', put: 'put', delete: 'delete_range', txn: 'txn' } as const;

function answerOf(op: RequestOpMessage, result: OperationResult, header: { readonly revision: string }): object {
  switch (result.type) {
    case 'range':
      return { header, ...rangeAnswer(op.request_range!, result.response) };
    case 'put':
      return { header, ...putAnswer(result) };
    case 'delete':
      return { header, ...deleteAnswer(result) };
    case 'txn':
      return { header, ...txnAnswer(op.request_txn!, result.response) };
  }
}

export const putAnswer = ({ prevKv }: OperationResult & { type: 'put' }) => (prevKv ? { prev_kv: kvMessage(prevKv) } : {});
export const deleteAnswer = ({ deleted, prevKvs }: OperationResult & { type: 'delete' }) => ({
  deleted: String(deleted),
  prev_kvs: prevKvs.map(kvMessage),
});
