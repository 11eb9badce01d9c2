// How the store lies in an ordered key-value database: the key spaces, and the bytes of a record and of a log entry.
//
//   l<key>              the newest record of a key
//   h<key>\0\1<rev>     an older record, or the tombstone of a deletion at <rev>
//   r<rev>              what changed at <rev>: for watches from the past, and for compaction
//   g<lease>            a lease; a<lease>/<key> a key that is attached to it
//   m<name>             the store's own numbers: revision, compacted revision
import type { Key, KeyValue, Revision } from './backend.js';

export const NEWEST = 'l';
export const HISTORY = 'h';
export const LOG = 'r';
export const LEASE = 'g';
export const ATTACHED = 'a';
export const META_REVISION = 'mrevision';
export const META_COMPACTED = 'mcompacted';

/** Hexadecimal digits of a revision in a key: enough for 2^53, the largest whole number. */
const REVISION_DIGITS = 14;
/** Bytes before the value in a record: create, mod and version of 6 each (2^48 changes), lease of 8. */
const HEADER_BYTES = 26;

export const revisionText = (revision: Revision): string => revision.toString(16).padStart(REVISION_DIGITS, '0');
export const parseRevisionText = (text: string): Revision => Number.parseInt(text, 16);

export const logKey = (revision: Revision): string => LOG + revisionText(revision);

/** Keeps `h` in key order even where one key continues another: a zero byte sorts after the end mark. */
export const historyPrefix = (key: Key): string => `${HISTORY}${key.replaceAll('\0', '\0\xff')}\0\x01`;
export const historyKey = (key: Key, revision: Revision): string => historyPrefix(key) + revisionText(revision);

export function parseHistoryKey(stored: string): { readonly key: Key; readonly revision: Revision } {
  const end = stored.length - REVISION_DIGITS;
  return { key: stored.slice(1, end - 2).replaceAll('\0\xff', '\0'), revision: parseRevisionText(stored.slice(end)) };
}

export const leaseKey = (id: bigint): string => LEASE + id.toString(16).padStart(16, '0');
export const attachedKey = (id: bigint, key: Key): string => `${ATTACHED}${id.toString(16).padStart(16, '0')}/${key}`;

/** A deletion in the history has no bytes: no record is that short. */
export const TOMBSTONE = Buffer.alloc(0);

export function encodeRecord(kv: KeyValue): Buffer {
  const out = Buffer.allocUnsafe(HEADER_BYTES + kv.value.length);
  out.writeUIntBE(kv.createRevision, 0, 6);
  out.writeUIntBE(kv.modRevision, 6, 6);
  out.writeUIntBE(kv.version, 12, 6);
  out.writeBigInt64BE(kv.lease, 18);
  out.set(kv.value, HEADER_BYTES);
  return out;
}

/** The value is a view of `bytes`. */
export function decodeRecord(key: Key, bytes: Buffer): KeyValue {
  if (bytes.length < HEADER_BYTES) throw new Error(`etcd: the record of ${JSON.stringify(key)} is cut short (${bytes.length} bytes)`);
  return {
    key,
    value: bytes.subarray(HEADER_BYTES),
    createRevision: bytes.readUIntBE(0, 6),
    modRevision: bytes.readUIntBE(6, 6),
    version: bytes.readUIntBE(12, 6),
    lease: bytes.readBigInt64BE(18),
  };
}

/** One change of a revision, as its log entry has it. */
export interface LoggedChange {
  readonly type: 'put' | 'delete';
  readonly key: Key;
  /** The revision of the record that this change replaced; 0 for none. */
  readonly previous: Revision;
}

export const encodeLog = (changes: readonly LoggedChange[]): Buffer =>
  Buffer.from(JSON.stringify(changes.map((c) => [c.type === 'put' ? 1 : 0, c.key, c.previous])));

export function decodeLog(bytes: Buffer): LoggedChange[] {
  const rows = JSON.parse(bytes.toString()) as [number, Key, Revision][];
  return rows.map(([put, key, previous]) => ({ type: put ? 'put' : 'delete', key, previous }));
}

export function encodeNumber(value: number): Buffer {
  const out = Buffer.allocUnsafe(8);
  out.writeDoubleBE(value);
  return out;
}

export const decodeNumber = (bytes: Buffer): number => bytes.readDoubleBE(0);
