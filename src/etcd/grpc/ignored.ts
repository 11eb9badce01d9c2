// Puts with ignore_value or ignore_lease, which keep that part of the key as it is: read first, then written if nothing came between.
import type { Backend, Compare, KeyValue, TxnRequest, TxnResponse } from '../backend.js';
import { invalid, keyOf, UnsupportedError } from './context.js';
import type { PutMessage, RequestOpMessage, TxnMessage } from './messages.js';
import { txnRequest } from './txn.js';

/** Each try fails only where another writer has got through, so the store as a whole gets on. */
const TRIES = 100;

const ignores = (put: PutMessage | null | undefined): put is PutMessage => put?.ignore_value === true || put?.ignore_lease === true;

export function needsReading({ success, failure }: TxnMessage): boolean {
  return [...success, ...failure].some((op) => ignores(op.request_put) || (op.request_txn && needsReading(op.request_txn)));
}

/** Runs a transaction for which `needsReading` holds. */
export async function txnWithReading(backend: Backend, message: TxnMessage): Promise<TxnResponse> {
  const operations = [...message.success, ...message.failure];
  if (operations.some((op) => op.request_txn && needsReading(op.request_txn)))
    throw new UnsupportedError('ignore_value and ignore_lease are not supported in a nested transaction');
  for (let i = 0; i < TRIES; i++) {
    const kept = await readKept(backend, operations);
    const response = await backend.txn(guarded(message, kept));
    const [result] = response.results;
    if (!response.succeeded || result?.type !== 'txn') continue;
    const branch = result.response.succeeded ? message.success : message.failure;
    if (lacksKey(branch, kept)) throw invalid('key not found');
    return { ...result.response, revision: response.revision };
  }
  throw new UnsupportedError(`a put with ignore_value or ignore_lease found its key changed ${TRIES} times: try again`);
}

type Kept = ReadonlyMap<string, KeyValue | undefined>;

async function readKept(backend: Backend, operations: readonly RequestOpMessage[]): Promise<Kept> {
  const kept = new Map<string, KeyValue | undefined>();
  for (const { request_put: put } of operations) {
    if (!ignores(put)) continue;
    const key = keyOf(put.key);
    kept.set(key, (await backend.range({ key })).kvs[0]);
  }
  return kept;
}

const lacksKey = (branch: readonly RequestOpMessage[], kept: Kept): boolean =>
  branch.some(({ request_put: put }) => ignores(put) && !kept.get(keyOf(put.key)));

/** The transaction within one that holds only while the keys are as they were read. A branch that lacks a key writes nothing. */
function guarded(message: TxnMessage, kept: Kept): TxnRequest {
  const compare: Compare[] = [...kept].map(([key, kv]) => ({ key, target: 'mod', result: '=', value: kv?.modRevision ?? 0 }));
  const branch = (operations: readonly RequestOpMessage[]) => (lacksKey(operations, kept) ? [] : operations.map((op) => filled(op, kept)));
  const request = txnRequest({ ...message, success: branch(message.success), failure: branch(message.failure) });
  return { compare, success: [{ type: 'txn', request }], failure: [] };
}

function filled(op: RequestOpMessage, kept: Kept): RequestOpMessage {
  const { request_put: put } = op;
  if (!ignores(put)) return op;
  const kv = kept.get(keyOf(put.key))!;
  return {
    request_put: {
      ...put,
      ...(put.ignore_value && { value: Buffer.from(kv.value) }),
      ...(put.ignore_lease && { lease: String(kv.lease) }),
    },
  };
}
