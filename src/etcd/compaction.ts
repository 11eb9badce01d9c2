// Compaction: removes what no read or watch at or after a revision can ask for. Interrupted, it is taken up by the next one.
import type { Revision } from './backend.js';
import { type Database, scan, type Write } from './database.js';
import { decodeLog, historyKey, LOG, logKey, parseRevisionText } from './records.js';
import type { DatabaseWriter } from './writer.js';

/** Deletions in one batch: keeps writers, who share the database's one log, from waiting behind a large one. */
const DELETIONS_PER_BATCH = 2_000;

/** `revision` is already on record as the compacted one. The log from it on stays, for watches that start there. */
export async function compactHistory(db: Database, writer: DatabaseWriter, revision: Revision): Promise<void> {
  for (;;) {
    const writes: Write[] = [];
    await scan(db, { gte: LOG, lt: logKey(revision) }, undefined, (key, value) => {
      const at = parseRevisionText(key.slice(LOG.length));
      for (const change of decodeLog(value)) {
        if (change.previous) writes.push({ type: 'del', key: historyKey(change.key, change.previous) });
        if (change.type === 'delete') writes.push({ type: 'del', key: historyKey(change.key, at) });
      }
      writes.push({ type: 'del', key });
      return writes.length < DELETIONS_PER_BATCH;
    });
    if (writes.length === 0) return;
    await writer.maintain(writes);
  }
}
