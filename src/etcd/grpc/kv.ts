// The KV service: range, put, delete, transactions and compaction.
import { headers, keyOf, rangeEndOf, type ServiceContext } from './context.js';
import type { Unary } from './grpc-server.js';
import { needsReading, txnWithReading } from './ignored.js';
import type { CompactionMessage, DeleteRangeMessage, PutMessage, RangeMessage, TxnMessage } from './messages.js';
import { checkRange, rangeAnswer, rangeRequest } from './ranges.js';
import { deleteAnswer, putAnswer, putOperation, txnAnswer, txnRequest } from './txn.js';
import { checkKey, checkPut, checkTxn } from './txn-check.js';

export function kvService({ backend, member }: ServiceContext): { readonly [method: string]: Unary } {
  const header = headers(member);
  return {
    async Range(message: RangeMessage) {
      checkRange(message);
      const response = await backend.range(rangeRequest(message));
      return { header: header(response.revision), ...rangeAnswer(message, response) };
    },

    async Put(message: PutMessage) {
      checkPut(message);
      const asTxn: TxnMessage = { compare: [], success: [{ request_put: message }], failure: [] };
      const { revision, results } = needsReading(asTxn)
        ? await txnWithReading(backend, asTxn)
        : await backend.txn({ compare: [], success: [putOperation(message)], failure: [] });
      const [result] = results;
      return { header: header(revision), ...(result?.type === 'put' && putAnswer(result)) };
    },

    async DeleteRange(message: DeleteRangeMessage) {
      checkKey(message);
      const { key, range_end, prev_kv } = message;
      const { revision, results } = await backend.txn({
        compare: [],
        success: [{ type: 'delete', key: keyOf(key), ...rangeEndOf(range_end), prevKv: prev_kv }],
        failure: [],
      });
      const [result] = results;
      return { header: header(revision), ...(result?.type === 'delete' && deleteAnswer(result)) };
    },

    async Txn(message: TxnMessage) {
      checkTxn(message);
      const response = needsReading(message) ? await txnWithReading(backend, message) : await backend.txn(txnRequest(message));
      return { header: header(response.revision), ...txnAnswer(message, response) };
    },

    /** The store removes what is compacted before it answers, which is what `physical` asks for. */
    async Compact({ revision }: CompactionMessage) {
      await backend.compact(Number(revision));
      const { revision: current } = await backend.range({ key: '' });
      return { header: header(current) };
    },
  };
}
