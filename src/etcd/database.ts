// The ordered key-value database under the store: LevelDB on disk, or abstract-level's one in memory for tests.
import type { AbstractLevel, AbstractSnapshot } from 'abstract-level';

/** Keys are strings in byte order, values are bytes; see records.ts for what lies where. */
export type Database = AbstractLevel<string | Buffer | Uint8Array, string, Buffer>;
export type Snapshot = AbstractSnapshot;

export type Write = { readonly type: 'put'; readonly key: string; readonly value: Buffer } | { readonly type: 'del'; readonly key: string };

/** Entries read in one call into the database: large enough that the calls do not count, small enough to stay in cache. */
const ENTRIES_PER_READ = 1_000;
/** ...and bytes: with the database's own 16 KiB, a call would bring some 15 entries of 1 KiB. */
const BYTES_PER_READ = 1 << 20;
/** With both, the database takes the options as they are; every other way it makes an object of them at each call. */
const BYTES = { keyEncoding: 'utf8', valueEncoding: 'buffer' } as const;

export interface Bounds {
  readonly gte?: string;
  readonly gt?: string;
  readonly lt?: string;
  readonly reverse?: boolean;
  readonly limit?: number;
  /** Read at a time, where the visitor will stop early. */
  readonly highWaterMarkBytes?: number;
}

export function bytesOf(db: Database, key: string, snapshot?: Snapshot): Buffer | undefined {
  return db.getSync(key, snapshot ? { ...BYTES, snapshot } : BYTES);
}

/** All entries within the bounds, in batches; `visit` returns false to stop. */
export async function scan(
  db: Database,
  bounds: Bounds,
  snapshot: Snapshot | undefined,
  visit: (key: string, value: Buffer) => boolean | void,
): Promise<void> {
  const iterator = db.iterator({ highWaterMarkBytes: BYTES_PER_READ, ...bounds, ...(snapshot ? { snapshot } : {}) });
  try {
    for (;;) {
      const entries = await iterator.nextv(ENTRIES_PER_READ);
      if (entries.length === 0) return;
      for (const [key, value] of entries) if (visit(key, value) === false) return;
    }
  } finally {
    await iterator.close();
  }
}

/** How many keys lie within the bounds. */
export async function count(db: Database, bounds: Bounds, snapshot: Snapshot): Promise<number> {
  const iterator = db.keys({ highWaterMarkBytes: BYTES_PER_READ, ...bounds, snapshot } as object);
  let total = 0;
  try {
    for (;;) {
      const keys = await iterator.nextv(ENTRIES_PER_READ);
      if (keys.length === 0) return total;
      total += keys.length;
    }
  } finally {
    await iterator.close();
  }
}
