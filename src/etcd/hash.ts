// Checksums of the store's content, by which two stores, or one before and after a move, can be told to be the same.
import { crc32 } from 'node:zlib';
import type { KeyValue, Revision } from './backend.js';
import { type Database, scan } from './database.js';
import { readNumber, readRange } from './reads.js';
import { decodeRecord, encodeRecord, META_COMPACTED, META_REVISION, NEWEST } from './records.js';

const END_OF_NEWEST = String.fromCharCode(NEWEST.charCodeAt(0) + 1);

export interface KvHash {
  readonly hash: number;
  readonly revision: Revision;
  readonly compactedRevision: Revision;
}

const add = (hash: number, kv: KeyValue): number => crc32(encodeRecord(kv), crc32(Buffer.from(`${kv.key}\0`, 'latin1'), hash));

/** CRC-32 of all keys, in order, with their values, revisions and leases as they were at a revision (0: now). */
export async function hashKv(db: Database, wanted: Revision): Promise<KvHash> {
  const snapshot = db.snapshot();
  try {
    const current = readNumber(db, META_REVISION, snapshot) ?? 1;
    const compactedRevision = readNumber(db, META_COMPACTED, snapshot) ?? 0;
    const revision = wanted > 0 ? wanted : current;
    let hash = 0;
    if (revision === current) {
      await scan(db, { gte: NEWEST, lt: END_OF_NEWEST }, snapshot, (key, value) => {
        hash = add(hash, decodeRecord(key.slice(1), value));
      });
    } else {
      const { kvs } = await readRange(db, snapshot, { key: '\0', rangeEnd: '\0', revision });
      for (const kv of kvs) hash = add(hash, kv);
    }
    return { hash, revision: current, compactedRevision };
  } finally {
    await snapshot.close();
  }
}

/** CRC-32 of the database as it lies, history and all. */
export async function hashDatabase(db: Database): Promise<number> {
  let hash = 0;
  await scan(db, {}, undefined, (key, value) => {
    hash = crc32(value, crc32(Buffer.from(`${key}\0`, 'latin1'), hash));
  });
  return hash;
}
