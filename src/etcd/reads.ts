// Range reads of the store: at the newest revision from the newest records, at a past one merged with the history.
import {
  CompactedError,
  FutureRevisionError,
  type Key,
  type KeyValue,
  type RangeRequest,
  type RangeResponse,
  type Revision,
} from './backend.js';
import { type Bounds, count, type Database, type Snapshot, scan } from './database.js';
import {
  decodeNumber,
  decodeRecord,
  HISTORY,
  historyKey,
  historyPrefix,
  META_COMPACTED,
  META_REVISION,
  NEWEST,
  parseHistoryKey,
} from './records.js';

/** The exclusive upper end of a key space, for ranges without an end. */
const END_OF_NEWEST = String.fromCharCode(NEWEST.charCodeAt(0) + 1);
const END_OF_HISTORY = String.fromCharCode(HISTORY.charCodeAt(0) + 1);
const NO_VALUE = Buffer.alloc(0);

/** Reads one consistent state: what was durable when the snapshot was taken. The caller closes it. */
export async function readRange(db: Database, snapshot: Snapshot, request: RangeRequest): Promise<RangeResponse> {
  const current = readNumber(db, META_REVISION, snapshot) ?? 1;
  const at = request.revision ? request.revision : current;
  if (at > current) throw new FutureRevisionError();
  const compacted = readNumber(db, META_COMPACTED, snapshot) ?? 0;
  if (at < compacted) throw new CompactedError(compacted);
  const found = at === current ? await newestRange(db, snapshot, request) : await pastRange(db, snapshot, request, at);
  const kvs = request.countOnly ? [] : request.keysOnly ? found.kvs.map((kv) => ({ ...kv, value: NO_VALUE })) : found.kvs;
  return { revision: current, kvs, count: found.count, more: !request.countOnly && found.count > kvs.length };
}

export function readNumber(db: Database, key: string, snapshot?: Snapshot): number | undefined {
  const bytes = db.getSync(key, snapshot ? { snapshot } : {});
  return bytes ? decodeNumber(bytes) : undefined;
}

export function readNewest(db: Database, key: Key, snapshot?: Snapshot): KeyValue | undefined {
  const bytes = db.getSync(NEWEST + key, snapshot ? { snapshot } : {});
  return bytes ? decodeRecord(key, bytes) : undefined;
}

interface Found {
  readonly kvs: KeyValue[];
  readonly count: number;
}

async function newestRange(db: Database, snapshot: Snapshot, request: RangeRequest): Promise<Found> {
  if (request.rangeEnd === undefined) {
    const kv = readNewest(db, request.key, snapshot);
    return { kvs: kv ? [kv] : [], count: kv ? 1 : 0 };
  }
  const bounds = newestBounds(request.key, request.rangeEnd);
  if (request.countOnly) return { kvs: [], count: await count(db, bounds, snapshot) };
  const kvs: KeyValue[] = [];
  const limit = request.limit ? { limit: request.limit } : {};
  await scan(db, { ...bounds, ...limit }, snapshot, (key, value) => {
    kvs.push(decodeRecord(key.slice(1), value));
  });
  if (!request.limit || kvs.length < request.limit) return { kvs, count: kvs.length };
  const rest = { gt: NEWEST + kvs.at(-1)!.key, lt: bounds.lt! };
  return { kvs, count: kvs.length + (await count(db, rest, snapshot)) };
}

export function newestBounds(key: Key, rangeEnd: Key): Bounds {
  return { gte: NEWEST + key, lt: rangeEnd === '\0' ? END_OF_NEWEST : NEWEST + rangeEnd };
}

async function pastRange(db: Database, snapshot: Snapshot, request: RangeRequest, at: Revision): Promise<Found> {
  const found = new Map<Key, KeyValue>();
  const keep = (key: Key, value: Buffer) => {
    const kv = decodeRecord(key, value);
    if (kv.modRevision <= at) found.set(key, kv);
  };
  if (request.rangeEnd === undefined) {
    const bytes = db.getSync(NEWEST + request.key, { snapshot });
    if (bytes) keep(request.key, bytes);
  } else {
    await scan(db, newestBounds(request.key, request.rangeEnd), snapshot, (key, value) => keep(key.slice(1), value));
  }
  await scan(db, historyBounds(request.key, request.rangeEnd), snapshot, (stored, value) => {
    const { key, revision } = parseHistoryKey(stored);
    if (revision > at || (found.get(key)?.modRevision ?? 0) > revision) return;
    if (value.length === 0) found.delete(key);
    else found.set(key, decodeRecord(key, value));
  });
  const kvs = [...found.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
  return { kvs: request.limit ? kvs.slice(0, request.limit) : kvs, count: kvs.length };
}

function historyBounds(key: Key, rangeEnd: Key | undefined): Bounds {
  const start = historyPrefix(key);
  if (rangeEnd === undefined) return { gte: start, lt: `${start.slice(0, -1)}\x02` };
  return { gte: start, lt: rangeEnd === '\0' ? END_OF_HISTORY : historyPrefix(rangeEnd) };
}

/** The record that a key had at exactly `revision`, wherever it lies now; undefined once compacted away. */
export function readAt(db: Database, key: Key, revision: Revision, snapshot: Snapshot): KeyValue | undefined {
  const newest = readNewest(db, key, snapshot);
  if (newest?.modRevision === revision) return newest;
  const bytes = db.getSync(historyKey(key, revision), { snapshot });
  return bytes && bytes.length > 0 ? decodeRecord(key, bytes) : undefined;
}
