// Compaction: removes what no read or watch at or after a revision can ask for. Interrupted, it is taken up by the next one.
import type { Revision } from './backend.js';
import { type Database, scan, type Write } from './database.js';
import { readNumber } from './reads.js';
import { decodeRecord, deletionKey, encodeNumber, META_PURGED, parseRecordKey, recordKey, recordsFrom } from './records.js';
import type { DatabaseWriter } from './writer.js';

/** Deletions in one batch: keeps writers, who share the database's one log, from waiting behind a large one. */
const DELETIONS_PER_BATCH = 2_000;

/**
 * `revision` is already on record as the compacted one. The log from it on stays, for watches that start there, and so does what was
 * replaced or deleted only there or later.
 */
export async function compactHistory(db: Database, writer: DatabaseWriter, revision: Revision): Promise<void> {
  let from = readNumber(db, META_PURGED) ?? 0;
  while (from < revision) {
    const writes: Write[] = [];
    let next = revision;
    await scan(db, { gte: recordsFrom(from), lt: recordsFrom(revision) }, undefined, (stored, bytes) => {
      const { key, revision: at } = parseRecordKey(stored);
      // Whole revisions only, so that it is known where to go on.
      if (writes.length >= DELETIONS_PER_BATCH && at > from) {
        next = at;
        return false;
      }
      from = at;
      const { previous, kv } = decodeRecord(stored, bytes);
      if (previous) writes.push({ type: 'del', key: recordKey(key, previous) });
      if (!kv) writes.push({ type: 'del', key: stored }, { type: 'del', key: deletionKey(key, at) });
      return true;
    });
    writes.push({ type: 'put', key: META_PURGED, value: encodeNumber(META_PURGED, next) });
    await writer.maintain(writes);
    from = next;
  }
}
