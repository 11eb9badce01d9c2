// DatabaseWriter: every write to the database, one at a time; after one that failed, none before the database has been recovered.
import type { Database, Write } from './database.js';

/**
 * LevelDB appends to a log. A write that fails half-way (a full disk) leaves a torn record there, and what is appended behind it is lost
 * at the next opening, although each later write reports success. Opening the database again starts a new log.
 */
export class DatabaseWriter {
  #last: Promise<unknown> = Promise.resolve();
  #damaged = false;

  constructor(
    private readonly db: Database,
    /** Makes the database writable again; rejects while that cannot be done, or where the waiting write must not follow. */
    private readonly recover: () => Promise<void>,
  ) {}

  /** All of the writes or none, on disk when it resolves. Recovers the database first where that is needed. */
  commit(writes: readonly Write[]): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#damaged) await this.recover();
      this.#damaged = false;
      await this.#write(writes);
    });
  }

  /** Writes beside the commits, which can be done again at any time: refused while the database is damaged. */
  maintain(writes: readonly Write[]): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#damaged) throw new Error('the database cannot be written to since a write failed');
      await this.#write(writes);
    });
  }

  #inTurn(write: () => Promise<void>): Promise<void> {
    const done = this.#last.then(write);
    this.#last = done.catch(() => {});
    return done;
  }

  async #write(writes: readonly Write[]): Promise<void> {
    try {
      await writeSynced(this.db, writes);
    } catch (error) {
      this.#damaged = true;
      throw error;
    }
  }
}

/** All of the writes or none. A chained batch: the same as an array costs several times the CPU, most of it for copying each operation. */
export async function writeSynced(db: Database, writes: readonly Write[]): Promise<void> {
  const batch = db.batch();
  for (const write of writes) {
    if (write.type === 'del') batch.del(write.key);
    else batch.put(write.key, write.value);
  }
  // Always synced: a hole in the log, which power loss can leave among unsynced writes, would be taken for damage at the next start.
  // `sync` belongs to LevelDB; the database in memory has nothing to sync and ignores it.
  await batch.write({ sync: true } as object);
}
