// Range requests: which range of the store one asks for, and its answer with etcd's sorting and revision filters applied.
import type { KeyValue, RangeRequest, RangeResponse } from '../backend.js';
import { invalid, keyOf, kvMessage, rangeEndOf } from './context.js';
import type { RangeMessage } from './messages.js';

const NO_VALUE = Buffer.alloc(0);

const TARGETS: { readonly [target: string]: (a: KeyValue, b: KeyValue) => number } = {
  Key: (a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0),
  Version: (a, b) => a.version - b.version,
  Create: (a, b) => a.createRevision - b.createRevision,
  Mod: (a, b) => a.modRevision - b.modRevision,
  Value: (a, b) => Buffer.compare(a.value, b.value),
};

/** Throws what etcd answers to a range that it does not take. */
export function checkRange(message: RangeMessage): void {
  if (message.key.length === 0) throw invalid('key is not provided');
  if (!(message.sort_target in TARGETS) || typeof message.sort_order === 'number') throw invalid('invalid sort option');
}

const filters = (m: RangeMessage): readonly ((kv: KeyValue) => boolean)[] => {
  const bound = (text: string, holds: (kv: KeyValue, bound: number) => boolean) => {
    const value = Number(text);
    return value === 0 ? [] : [(kv: KeyValue) => holds(kv, value)];
  };
  return [
    ...bound(m.min_mod_revision, (kv, min) => kv.modRevision >= min),
    ...bound(m.max_mod_revision, (kv, max) => kv.modRevision <= max),
    ...bound(m.min_create_revision, (kv, min) => kv.createRevision >= min),
    ...bound(m.max_create_revision, (kv, max) => kv.createRevision <= max),
  ];
};

/** The store answers in key order; every other order needs the whole range. */
const isSorted = (m: RangeMessage) => m.sort_order === 'Descend' || m.sort_target !== 'Key';

/** What to ask the store for. The limit is the store's business only where its first keys are the answer's first keys. */
export function rangeRequest(message: RangeMessage): RangeRequest {
  const whole = isSorted(message) || filters(message).length > 0;
  return {
    key: keyOf(message.key),
    ...rangeEndOf(message.range_end),
    limit: whole ? 0 : Math.max(0, Number(message.limit)),
    revision: Math.max(0, Number(message.revision)),
    countOnly: message.count_only,
    keysOnly: message.keys_only && message.sort_target !== 'Value',
  };
}

/** The answer's fields beside the header. `count` is of the range, filters and limit set aside. */
export function rangeAnswer(message: RangeMessage, { kvs, more, count }: RangeResponse) {
  const wanted = filters(message);
  const kept = wanted.length > 0 ? kvs.filter((kv) => wanted.every((holds) => holds(kv))) : kvs;
  const sorted = isSorted(message) ? kept.toSorted(TARGETS[message.sort_target]) : kept;
  if (message.sort_order === 'Descend' && sorted !== kvs) (sorted as KeyValue[]).reverse();
  const limit = Number(message.limit);
  const shown = limit > 0 ? sorted.slice(0, limit) : sorted;
  return {
    kvs: shown.map((kv) => kvMessage(message.keys_only ? { ...kv, value: NO_VALUE } : kv)),
    more: more || shown.length < sorted.length,
    count: String(count),
  };
}
