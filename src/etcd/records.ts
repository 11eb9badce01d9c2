// How the store lies in an ordered key-value database: the key spaces, and the bytes of what is in them.
//
//   k<key>              the head of a key: the revision of its newest record, and all of that but the value
//   r<rev><key>         what a key became at <rev>: a value, once and for all, or nothing; in this order it is the log, too
//   d<key>\0\1<rev>     the key was deleted at <rev>; until that is compacted
//   g<lease>            a lease; a<lease>/<key> a key that is attached to it
//   m<name>             the store's own numbers: layout, revision, compacted revision, and up to where that is done
//
// The older records of a key are found by the chain of their revisions, from its head or from its deletion. Each entry ends with a
// checksum of its key and all else in it: the database itself does not notice when a byte of its files changes.
import { crc32 } from 'node:zlib';
import { EtcdError, type Key, type KeyValue, type Revision } from './backend.js';

export const HEAD = 'k';
export const RECORD = 'r';
export const DELETED = 'd';
export const LEASE = 'g';
export const ATTACHED = 'a';
export const META_LAYOUT = 'mlayout';
export const META_REVISION = 'mrevision';
export const META_COMPACTED = 'mcompacted';
/** What is older has been removed; behind META_COMPACTED while a compaction is under way, or was interrupted. */
export const META_PURGED = 'mpurged';

/** All of a key but its value. */
export type KeyHead = Omit<KeyValue, 'value'>;

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

// Heads are text, seven bits a character: a database gives strings at a fraction of what buffers cost.
/** 2^49 changes. */
const NUMBER_DIGITS = 7;
const LEASE_DIGITS = 10;
const SUM_DIGITS = 5;
const HEAD_DIGITS = 3 * NUMBER_DIGITS + SUM_DIGITS;
const LOW = 2 ** 28;

export function encodeHead(stored: string, kv: KeyHead): Buffer {
  const text = numberText(kv.createRevision) + numberText(kv.modRevision) + numberText(kv.version) + leaseText(kv.lease);
  return Buffer.from(text + sumText(crc32(text, crc32(stored))), 'latin1');
}

/** `stored` is HEAD and the key. */
export function decodeHead(stored: string, text: string): KeyHead {
  const end = text.length - SUM_DIGITS;
  const known = text.length === HEAD_DIGITS || text.length === HEAD_DIGITS + LEASE_DIGITS;
  if (!known || sumText(crc32(text.slice(0, end), crc32(stored))) !== text.slice(end))
    throw new DamagedEntryError(stored, 'does not have its checksum');
  return {
    key: stored.slice(1),
    createRevision: numberAt(text, 0),
    modRevision: numberAt(text, NUMBER_DIGITS),
    version: numberAt(text, 2 * NUMBER_DIGITS),
    lease: text.length === HEAD_DIGITS ? 0n : leaseAt(text, 3 * NUMBER_DIGITS),
  };
}

function numberText(value: number): string {
  const [high, low] = [Math.floor(value / LOW), value % LOW];
  return String.fromCharCode(
    (high >> 14) & 127,
    (high >> 7) & 127,
    high & 127,
    (low >> 21) & 127,
    (low >> 14) & 127,
    (low >> 7) & 127,
    low & 127,
  );
}

function numberAt(text: string, at: number): number {
  const digit = (i: number) => text.charCodeAt(at + i);
  const high = (digit(0) << 14) | (digit(1) << 7) | digit(2);
  return high * LOW + ((digit(3) << 21) | (digit(4) << 14) | (digit(5) << 7) | digit(6));
}

const sumText = (sum: number): string =>
  String.fromCharCode(sum >>> 28, (sum >>> 21) & 127, (sum >>> 14) & 127, (sum >>> 7) & 127, sum & 127);

function leaseText(lease: bigint): string {
  if (!lease) return '';
  const id = BigInt.asUintN(64, lease);
  return String.fromCharCode(...Array.from({ length: LEASE_DIGITS }, (_, i) => Number((id >> BigInt(7 * (LEASE_DIGITS - 1 - i))) & 127n)));
}

function leaseAt(text: string, at: number): bigint {
  let id = 0n;
  for (let i = 0; i < LEASE_DIGITS; i++) id = (id << 7n) | BigInt(text.charCodeAt(at + i));
  return BigInt.asIntN(64, id);
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
  const header = kv.lease ? PUT_BYTES + 8 : PUT_BYTES;
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

/** The value of a record that is no deletion, as a view of `bytes`. */
export function valueIn(stored: string, bytes: Buffer): Buffer {
  check(stored, bytes);
  if (bytes[0] === DELETION) throw new DamagedEntryError(stored, 'is a deletion, and its key is there');
  return bytes.subarray(bytes[0] === PUT_WITH_LEASE ? PUT_BYTES + 8 : PUT_BYTES, bytes.length - CHECKSUM_BYTES);
}

/** The value is a view of `bytes`. */
export function decodeRecord(stored: string, bytes: Buffer): StoredRecord {
  check(stored, bytes);
  const kind = bytes[0]!;
  const [index, previous] = [bytes.readUInt32BE(1), bytes.readUIntBE(5, 6)];
  if (kind === DELETION) return { index, previous, kv: undefined };
  const { key, revision } = parseRecordKey(stored);
  const header = kind === PUT_WITH_LEASE ? PUT_BYTES + 8 : PUT_BYTES;
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
