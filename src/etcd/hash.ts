// Checksums of the store's content, by which two stores, or one before and after a move, can be told to be the same.
import { crc32 } from 'node:zlib';
import type { KeyValue, Revision } from './backend.js';
import { type Database, scan } from './database.js';
import { readNumber, readRange } from './reads.js';
import { CHECKSUM_BYTES, META_COMPACTED } from './records.js';

/** Keys read at a time. */
const PAGE_KEYS = 1_000;

export interface KvHash {
  readonly hash: number;
  readonly revision: Revision;
  readonly compactedRevision: Revision;
}

const add = (hash: number, { key, value, createRevision, modRevision, version, lease }: KeyValue): number =>
  crc32(value, crc32([key, createRevision, modRevision, version, lease, ''].join('\0'), hash));

/** CRC-32 of all keys, in order, with their values, revisions and leases as they were at a revision (0: now). */
export async function hashKv(db: Database, wanted: Revision): Promise<KvHash> {
  const snapshot = db.snapshot();
  try {
    const compactedRevision = readNumber(db, META_COMPACTED, snapshot) ?? 0;
    let hash = 0;
    for (let key = '\0'; ; ) {
      const { revision, kvs, more } = await readRange(db, snapshot, { key, rangeEnd: '\0', revision: wanted, limit: PAGE_KEYS });
      for (const kv of kvs) hash = add(hash, kv);
      if (!more) return { hash, revision, compactedRevision };
      key = `${kvs.at(-1)!.key}\0`;
    }
  } finally {
    await snapshot.close();
  }
}

/** CRC-32 of the database as it lies, history and all. */
export async function hashDatabase(db: Database): Promise<number> {
  let hash = 0;
  await scan(db, {}, undefined, (key, value) => {
    // A checksum over an entry and its own checksum would tell nothing of the entry.
    hash = crc32(value.subarray(0, -CHECKSUM_BYTES), crc32(`${key}\0`, hash));
  });
  return hash;
}
