// Range reads of the store: at the newest revision from the newest records, at a past one also by what was deleted since.
import {
  CompactedError,
  FutureRevisionError,
  type Key,
  type KeyValue,
  type RangeRequest,
  type RangeResponse,
  type Revision,
} from './backend.js';
import { type Bounds, bytesOf, count, type Database, type Snapshot, scan } from './database.js';
import {
  check,
  DamagedEntryError,
  DELETED,
  decodeNewest,
  decodeNumber,
  decodeRecord,
  deletionsOf,
  META_COMPACTED,
  META_REVISION,
  NEWEST,
  parseDeletionKey,
  recordKey,
  type StoredRecord,
} from './records.js';

/** The exclusive upper end of a key space, for ranges without an end. */
const endOf = (space: string): string => String.fromCharCode(space.charCodeAt(0) + 1);
const NO_VALUE = Buffer.alloc(0);
/** Steps back in the history of a key before others have their turn. */
const STEPS_PER_TURN = 256;

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
  const bytes = bytesOf(db, key, snapshot);
  return bytes ? decodeNumber(key, bytes) : undefined;
}

export function readNewest(db: Database, key: Key, snapshot?: Snapshot): KeyValue | undefined {
  const stored = NEWEST + key;
  const bytes = bytesOf(db, stored, snapshot);
  return bytes && decodeNewest(stored, bytes);
}

/** What a key became at exactly `revision`; undefined once compacted away. */
export function readRecord(db: Database, key: Key, revision: Revision, snapshot?: Snapshot): StoredRecord | undefined {
  const stored = recordKey(key, revision);
  const bytes = bytesOf(db, stored, snapshot);
  return bytes && decodeRecord(stored, bytes);
}

interface Found {
  /** Up to the limit. */
  readonly kvs: readonly KeyValue[];
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
  await scan(db, { ...bounds, ...limit }, snapshot, (stored, bytes) => {
    kvs.push(decodeNewest(stored, bytes));
  });
  if (!request.limit || kvs.length < request.limit) return { kvs, count: kvs.length };
  const rest = { gt: NEWEST + kvs.at(-1)!.key, lt: bounds.lt! };
  return { kvs, count: kvs.length + (await count(db, rest, snapshot)) };
}

function newestBounds(key: Key, rangeEnd: Key): Bounds {
  return { gte: NEWEST + key, lt: rangeEnd === '\0' ? endOf(NEWEST) : NEWEST + rangeEnd };
}

/** The keys that a past revision had: those that are still there, and those that were deleted later. */
async function pastRange(db: Database, snapshot: Snapshot, request: RangeRequest, at: Revision): Promise<Found> {
  const found: KeyValue[] = [];
  const changed: Pick<KeyValue, 'key' | 'modRevision'>[] = [];
  const take = (kv: KeyValue) => {
    if (kv.modRevision <= at) found.push(kv);
    else if (kv.createRevision <= at) changed.push({ key: kv.key, modRevision: kv.modRevision });
  };
  if (request.rangeEnd === undefined) {
    const kv = readNewest(db, request.key, snapshot);
    if (kv) take(kv);
  } else {
    await scan(db, newestBounds(request.key, request.rangeEnd), snapshot, (stored, bytes) => take(decodeNewest(stored, bytes)));
  }
  for (const { key, modRevision } of [...changed, ...(await deletionsSince(db, snapshot, request, at))]) {
    const before = await stateAt(db, snapshot, key, modRevision, at);
    if (before) found.push(before);
  }
  found.sort((a, b) => (a.key < b.key ? -1 : 1));
  return { kvs: request.limit ? found.slice(0, request.limit) : found, count: found.length };
}

/** The first deletion of each key after the revision. */
async function deletionsSince(db: Database, snapshot: Snapshot, request: RangeRequest, at: Revision) {
  const first = new Map<Key, Revision>();
  await scan(db, deletionBounds(request.key, request.rangeEnd), snapshot, (stored, bytes) => {
    check(stored, bytes);
    const { key, revision } = parseDeletionKey(stored);
    if (revision > at && !first.has(key)) first.set(key, revision);
  });
  return [...first].map(([key, modRevision]) => ({ key, modRevision }));
}

function deletionBounds(key: Key, rangeEnd: Key | undefined): Bounds {
  const start = deletionsOf(key);
  if (rangeEnd === undefined) return { gte: start, lt: `${start.slice(0, -1)}\x02` };
  return { gte: start, lt: rangeEnd === '\0' ? endOf(DELETED) : deletionsOf(rangeEnd) };
}

/** Follows the records of a key back from `from` to the one that it had at a revision before; undefined: it had none. */
async function stateAt(db: Database, snapshot: Snapshot, key: Key, from: Revision, at: Revision): Promise<KeyValue | undefined> {
  for (let revision = from, steps = 1; ; steps++) {
    if (steps % STEPS_PER_TURN === 0) await othersTurn();
    const record = readRecord(db, key, revision, snapshot);
    if (!record) throw new DamagedEntryError(recordKey(key, revision), 'is missing');
    if (revision <= at) return record.kv;
    if (record.previous === 0) return undefined;
    revision = record.previous;
  }
}

const othersTurn = () => new Promise<void>((resolve) => setImmediate(resolve));
