// The layout of a store's database, recorded in it: one that lies otherwise than this version has it is refused, not misread.
import type { Database } from './database.js';
import { readNumber } from './reads.js';
import { encodeNumber, META_LAYOUT } from './records.js';
import { writeSynced } from './writer.js';

/** 1 had newest and older values apart, and no checksums. */
export const LAYOUT = 2;
/** The first had none on record. */
const FIRST_LAYOUT = 1;

/** Rejects with an Error that names both layouts and the way out. A database with nothing in it gets this version's. */
export async function ensureLayout(db: Database): Promise<void> {
  const found = readNumber(db, META_LAYOUT) ?? ((await isEmpty(db)) ? undefined : FIRST_LAYOUT);
  if (found === LAYOUT) return;
  if (found === undefined) return writeSynced(db, [{ type: 'put', key: META_LAYOUT, value: encodeNumber(META_LAYOUT, LAYOUT) }]);
  throw new Error(
    `it has layout ${found}, and this version of porthole reads layout ${LAYOUT}: serve it with the version that made it (porthole etcd), ` +
      'and move it to an empty store of this one by `porthole etcd copy --from URL --to URL`',
  );
}

async function isEmpty(db: Database): Promise<boolean> {
  const iterator = db.keys({ limit: 1 });
  try {
    return (await iterator.next()) === undefined;
  } finally {
    await iterator.close();
  }
}
