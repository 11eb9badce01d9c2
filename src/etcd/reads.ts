// Range reads of the store: at the newest revision by the heads of the keys, at a past one also by what was deleted since.
import {
  CompactedError,
  FutureRevisionError,
  type Key,
  type KeyValue,
  type RangeRequest,
  type RangeResponse,
  type Revision,
} from './backend.js';
import { type Bounds, bytesOf, count, type Database, type Snapshot, scan, scanText, textOf } from './database.js';
import {
  check,
  DamagedEntryError,
  DELETED,
  decodeHead,
  decodeNumber,
  decodeRecord,
  deletionsOf,
  HEAD,
  type KeyHead,
  META_COMPACTED,
  META_REVISION,
  parseDeletionKey,
  recordKey,
  recordsFrom,
  type StoredRecord,
  valueIn,
} from './records.js';

/** The exclusive upper end of a key space, for ranges without an end. */
const endOf = (space: string): string => String.fromCharCode(space.charCodeAt(0) + 1);
const NO_VALUE = Buffer.alloc(0);
/** Values read at a time. */
const VALUES_PER_READ = 1_000;
/** Reads under way at once: the next ones are found while the last ones are taken in, and the disk's threads are left to others. */
const READS_AT_ONCE = 2;
/** Where the values wanted lie among so many times their number at the most, all are read in their order, which is cheaper for each. */
const DENSE = 2;
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
  const kvs = request.keysOnly ? found.heads.map((head) => ({ ...head, value: NO_VALUE })) : await withValues(db, snapshot, found.heads);
  return { revision: current, kvs, count: found.count, more: !request.countOnly && found.count > kvs.length };
}

export function readNumber(db: Database, key: string, snapshot?: Snapshot): number | undefined {
  const bytes = bytesOf(db, key, snapshot);
  return bytes ? decodeNumber(key, bytes) : undefined;
}

export function readHead(db: Database, key: Key, snapshot?: Snapshot): KeyHead | undefined {
  const stored = HEAD + key;
  const text = textOf(db, stored, snapshot);
  return text === undefined ? undefined : decodeHead(stored, text);
}

/** What a key became at exactly `revision`; undefined once compacted away. */
export function readRecord(db: Database, key: Key, revision: Revision, snapshot?: Snapshot): StoredRecord | undefined {
  const stored = recordKey(key, revision);
  const bytes = bytesOf(db, stored, snapshot);
  return bytes && decodeRecord(stored, bytes);
}

/** The record of a head, which is there as long as the head is. */
export function readValue(db: Database, { key, modRevision }: KeyHead, snapshot?: Snapshot): KeyValue {
  return readRecord(db, key, modRevision, snapshot)?.kv ?? missing(recordKey(key, modRevision));
}

function missing(stored: string): never {
  throw new DamagedEntryError(stored, 'is missing');
}

interface Found {
  /** Up to the limit; none where only their number is asked for. */
  readonly heads: readonly KeyHead[];
  readonly count: number;
}

async function newestRange(db: Database, snapshot: Snapshot, request: RangeRequest): Promise<Found> {
  if (request.rangeEnd === undefined) {
    const head = readHead(db, request.key, snapshot);
    return { heads: head && !request.countOnly ? [head] : [], count: head ? 1 : 0 };
  }
  const bounds = headBounds(request.key, request.rangeEnd);
  if (request.countOnly) return { heads: [], count: await count(db, bounds, snapshot) };
  const heads: KeyHead[] = [];
  const limit = request.limit ? { limit: request.limit } : {};
  await scanText(db, { ...bounds, ...limit }, snapshot, (stored, text) => {
    heads.push(decodeHead(stored, text));
  });
  if (!request.limit || heads.length < request.limit) return { heads, count: heads.length };
  const rest = { gt: HEAD + heads.at(-1)!.key, lt: bounds.lt! };
  return { heads, count: heads.length + (await count(db, rest, snapshot)) };
}

export function headBounds(key: Key, rangeEnd: Key): Bounds {
  return { gte: HEAD + key, lt: rangeEnd === '\0' ? endOf(HEAD) : HEAD + rangeEnd };
}

async function withValues(db: Database, snapshot: Snapshot, heads: readonly KeyHead[]): Promise<KeyValue[]> {
  const [only] = heads;
  if (only && heads.length === 1) return [readValue(db, only, snapshot)];
  const kvs = new Array<KeyValue>(heads.length);
  const places = inRecordOrder(heads);
  const underWay: Promise<void>[] = [];
  for (let from = 0; from < heads.length; from += VALUES_PER_READ) {
    if (underWay.length === READS_AT_ONCE) await underWay.shift();
    const reading = readValues(db, snapshot, heads, places.subarray(from, from + VALUES_PER_READ), kvs);
    // Its failure is met where it is waited for.
    reading.catch(() => {});
    underWay.push(reading);
  }
  await Promise.all(underWay);
  return kvs;
}

/** The places of heads, which are in the order of their keys, in that of their records. */
function inRecordOrder(heads: readonly KeyHead[]): Uint32Array {
  const revisions = Float64Array.from(heads, (head) => head.modRevision);
  return Uint32Array.from(heads, (_, i) => i).sort((a, b) => revisions[a]! - revisions[b]! || a - b);
}

/** Of the heads at `places`, into the same places of `kvs`. */
async function readValues(
  db: Database,
  snapshot: Snapshot,
  heads: readonly KeyHead[],
  places: Uint32Array,
  kvs: KeyValue[],
): Promise<void> {
  const wanted = Array.from(places, (place) => recordKey(heads[place]!.key, heads[place]!.modRevision));
  const take = (i: number, bytes: Buffer) => {
    kvs[places[i]!] = { ...heads[places[i]!]!, value: valueIn(wanted[i]!, bytes) };
  };
  const [first, last] = [heads[places[0]!]!.modRevision, heads[places.at(-1)!]!.modRevision];
  if (last - first >= DENSE * places.length) {
    const found = await db.getMany(wanted, { keyEncoding: 'utf8', valueEncoding: 'buffer', snapshot } as object);
    found.forEach((bytes, i) => {
      take(i, bytes ?? missing(wanted[i]!));
    });
    return;
  }
  let next = 0;
  await scan(db, { gte: wanted[0]!, lt: recordsFrom(last + 1) }, snapshot, (stored, bytes) => {
    if (stored === wanted[next]) take(next++, bytes);
    return next < wanted.length;
  });
  if (next < wanted.length) missing(wanted[next]!);
}

/** The keys that a past revision had: those that are still there, and those that were deleted later. */
async function pastRange(db: Database, snapshot: Snapshot, request: RangeRequest, at: Revision): Promise<Found> {
  const found: KeyHead[] = [];
  const changed: KeyHead[] = [];
  const take = (head: KeyHead) => {
    if (head.modRevision <= at) found.push(head);
    else if (head.createRevision <= at) changed.push(head);
  };
  if (request.rangeEnd === undefined) {
    const head = readHead(db, request.key, snapshot);
    if (head) take(head);
  } else {
    await scanText(db, headBounds(request.key, request.rangeEnd), snapshot, (stored, text) => take(decodeHead(stored, text)));
  }
  const ends: { key: Key; modRevision: Revision }[] = [...changed, ...(await deletionsSince(db, snapshot, request, at))];
  for (const { key, modRevision } of ends) {
    const before = await stateAt(db, snapshot, key, modRevision, at);
    if (before) found.push(before);
  }
  found.sort((a, b) => (a.key < b.key ? -1 : 1));
  const some = request.limit ? found.slice(0, request.limit) : found;
  return { heads: request.countOnly ? [] : some, count: found.length };
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
async function stateAt(db: Database, snapshot: Snapshot, key: Key, from: Revision, at: Revision): Promise<KeyHead | undefined> {
  for (let revision = from, steps = 1; ; steps++) {
    if (steps % STEPS_PER_TURN === 0) await othersTurn();
    const record = readRecord(db, key, revision, snapshot) ?? missing(recordKey(key, revision));
    if (revision <= at) return record.kv;
    if (record.previous === 0) return undefined;
    revision = record.previous;
  }
}

const othersTurn = () => new Promise<void>((resolve) => setImmediate(resolve));
