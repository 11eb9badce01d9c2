// How the store lies in an ordered key-value database: the key spaces, and the bytes of what is in them.
//
//   k<key>              the newest record of a key
//   r<rev><key>         what a key became at <rev>, or that it was deleted: in this order it is the log, and its past
//   d<key>\0\1<rev>     the key was deleted at <rev>; until that is compacted
//   g<lease>            a lease; a<lease>/<key> a key that is attached to it
//   m<name>             the store's own numbers: layout, revision, compacted revision, and up to where that is done
//
// A value is written twice, by its key and by its revision, and is never moved: the one makes ranges fast, the other the past. The older
// records of a key are found by the chain of their revisions, from its newest or from its deletion. Each entry ends with a checksum of
// its key and all else in it: the database itself does not notice when a byte of its files changes.
import { crc32 } from 'node:zlib';
import { EtcdError, type Key, type KeyValue, type Revision } from './backend.js';

export const NEWEST = 'k';
export const RECORD = 'r';
export const DELETED = 'd';
export const LEASE = 'g';
export const ATTACHED = 'a';
export const META_LAYOUT = 'mlayout';
export const META_REVISION = 'mrevision';
export const META_COMPACTED = 'mcompacted';
/** What is older has been removed; behind META_COMPACTED while a compaction is under way, or was interrupted. */
export const META_PURGED = 'mpurged';

/** Hexadecimal digits of a revision in a key: enough for 2^53, the largest whole number. */
const REVISION_DIGITS = 14;

/** Something of the database is not what was written. Nothing of it is served. */
export class DamagedDatabaseError extends EtcdError {
  override readonly name: string = 'DamagedDatabaseError';
  constructor(what: string) {
    super('DATA_LOSS', `etcdserver: the database is damaged: ${what}`);
  }
}

export class DamagedEntryError extends DamagedDatabaseError {
  override readonly name = 'DamagedEntryError';
  constructor(stored: string, what: string) {
    super(`the entry ${JSON.stringify(stored)} ${what}`);
  }
}

const revisionText = (revision: Revision): string => revision.toString(16).padStart(REVISION_DIGITS, '0');

export const recordsFrom = (revision: Revision): string => RECORD + revisionText(revision);
export const recordKey = (key: Key, revision: Revision): string => RECORD + revisionText(revision) + key;

export function parseRecordKey(stored: string): { readonly key: Key; readonly revision: Revision } {
  return { key: stored.slice(1 + REVISION_DIGITS), revision: Number.parseInt(stored.slice(1, 1 + REVISION_DIGITS), 16) };
}

/** Keeps `d` in key order even where one key continues another: a zero byte sorts after the end mark. */
export const deletionsOf = (key: Key): string => `${DELETED}${key.replaceAll('\0', '\0\xff')}\0\x01`;
export const deletionKey = (key: Key, revision: Revision): string => deletionsOf(key) + revisionText(revision);

export function parseDeletionKey(stored: string): { readonly key: Key; readonly revision: Revision } {
  const end = stored.length - REVISION_DIGITS;
  return { key: stored.slice(1, end - 2).replaceAll('\0\xff', '\0'), revision: Number.parseInt(stored.slice(end), 16) };
}

export const leaseKey = (id: bigint): string => LEASE + id.toString(16).padStart(16, '0');
export const attachedKey = (id: bigint, key: Key): string => `${ATTACHED}${id.toString(16).padStart(16, '0')}/${key}`;

export const CHECKSUM_BYTES = 4;
/** The checksum of whatever is followed by its own checksum, lowest byte first. */
const CHECKED = 0x2144_df1c;

/** Writes the checksum into the last bytes, which are left free for it. */
function seal(stored: string, bytes: Buffer): Buffer {
  const end = bytes.length - CHECKSUM_BYTES;
  bytes.writeUInt32LE(crc32(bytes.subarray(0, end), crc32(stored)), end);
  return bytes;
}

/** Throws DamagedEntryError. */
export function check(stored: string, bytes: Buffer): void {
  if (bytes.length < CHECKSUM_BYTES || crc32(bytes, crc32(stored)) !== CHECKED)
    throw new DamagedEntryError(stored, 'does not have its checksum');
}

/** An entry of which only its key counts. */
export const emptyEntry = (stored: string): Buffer => seal(stored, Buffer.allocUnsafe(CHECKSUM_BYTES));

export function encodeNumber(stored: string, value: number): Buffer {
  const out = Buffer.allocUnsafe(8 + CHECKSUM_BYTES);
  out.writeDoubleBE(value);
  return seal(stored, out);
}

export function decodeNumber(stored: string, bytes: Buffer): number {
  check(stored, bytes);
  return bytes.readDoubleBE(0);
}

/** Create revision, modification revision and version. */
const NEWEST_BYTES = 18;
const LEASE_BYTES = 8;
/** Of the version: the store counts to 2^47 at the most. */
const HAS_LEASE = 2 ** 47;

export function encodeNewest(stored: string, kv: KeyValue): Buffer {
  const header = kv.lease ? NEWEST_BYTES + LEASE_BYTES : NEWEST_BYTES;
  // It may be remembered for long: not from the pool of small buffers, of which each would hold on to others.
  const out = Buffer.allocUnsafeSlow(header + kv.value.length + CHECKSUM_BYTES);
  out.writeUIntBE(kv.createRevision, 0, 6);
  out.writeUIntBE(kv.modRevision, 6, 6);
  out.writeUIntBE(kv.lease ? kv.version + HAS_LEASE : kv.version, 12, 6);
  if (kv.lease) out.writeBigInt64BE(kv.lease, NEWEST_BYTES);
  out.set(kv.value, header);
  return seal(stored, out);
}

/** The value of a record that has just been encoded. */
export const valueOfNewest = (bytes: Buffer, { lease }: KeyValue): Buffer =>
  bytes.subarray(lease ? NEWEST_BYTES + LEASE_BYTES : NEWEST_BYTES, bytes.length - CHECKSUM_BYTES);

/** The value is a view of `bytes`. */
export function decodeNewest(stored: string, bytes: Buffer): KeyValue {
  check(stored, bytes);
  const version = bytes.readUIntBE(12, 6);
  const hasLease = version >= HAS_LEASE;
  return {
    key: stored.slice(NEWEST.length),
    value: bytes.subarray(hasLease ? NEWEST_BYTES + LEASE_BYTES : NEWEST_BYTES, bytes.length - CHECKSUM_BYTES),
    createRevision: bytes.readUIntBE(0, 6),
    modRevision: bytes.readUIntBE(6, 6),
    version: hasLease ? version - HAS_LEASE : version,
    lease: hasLease ? bytes.readBigInt64BE(NEWEST_BYTES) : 0n,
  };
}

/** What a key became at a revision. */
export interface StoredRecord {
  /** Its place among the changes of its revision. */
  readonly index: number;
  /** The revision of the record that this one replaced; 0 for none. */
  readonly previous: Revision;
  /** Absent: it was deleted. */
  readonly kv: KeyValue | undefined;
}

const [DELETION, PUT, PUT_WITH_LEASE] = [0, 1, 2] as const;
/** Kind, index, previous revision. */
const DELETION_BYTES = 11;
/** ...create revision and version. */
const PUT_BYTES = DELETION_BYTES + 12;

export function encodeDeletion(stored: string, index: number, previous: Revision): Buffer {
  const out = Buffer.allocUnsafe(DELETION_BYTES + CHECKSUM_BYTES);
  writeStart(out, DELETION, index, previous);
  return seal(stored, out);
}

export function encodePut(stored: string, index: number, previous: Revision, kv: KeyValue): Buffer {
  const header = kv.lease ? PUT_BYTES + LEASE_BYTES : PUT_BYTES;
  const out = Buffer.allocUnsafe(header + kv.value.length + CHECKSUM_BYTES);
  writeStart(out, kv.lease ? PUT_WITH_LEASE : PUT, index, previous);
  out.writeUIntBE(kv.createRevision, DELETION_BYTES, 6);
  out.writeUIntBE(kv.version, DELETION_BYTES + 6, 6);
  if (kv.lease) out.writeBigInt64BE(kv.lease, PUT_BYTES);
  out.set(kv.value, header);
  return seal(stored, out);
}

function writeStart(out: Buffer, kind: number, index: number, previous: Revision): void {
  out[0] = kind;
  out.writeUInt32BE(index, 1);
  out.writeUIntBE(previous, 5, 6);
}

/** The value is a view of `bytes`. */
export function decodeRecord(stored: string, bytes: Buffer): StoredRecord {
  check(stored, bytes);
  const kind = bytes[0]!;
  const [index, previous] = [bytes.readUInt32BE(1), bytes.readUIntBE(5, 6)];
  if (kind === DELETION) return { index, previous, kv: undefined };
  const { key, revision } = parseRecordKey(stored);
  const header = kind === PUT_WITH_LEASE ? PUT_BYTES + LEASE_BYTES : PUT_BYTES;
  const kv = {
    key,
    value: bytes.subarray(header, bytes.length - CHECKSUM_BYTES),
    createRevision: bytes.readUIntBE(DELETION_BYTES, 6),
    modRevision: revision,
    version: bytes.readUIntBE(DELETION_BYTES + 6, 6),
    lease: kind === PUT_WITH_LEASE ? bytes.readBigInt64BE(PUT_BYTES) : 0n,
  };
  return { index, previous, kv };
}
