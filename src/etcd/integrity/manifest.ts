// LevelDB's manifest: which tables make up the database, how large each is, and from which log on there is more.
import { Cursor, DamageError } from './cursor.js';

/** What the fields of an edit are marked by. */
const [COMPARATOR, LOG_NUMBER, NEXT_FILE, LAST_SEQUENCE, COMPACT_POINTER, DELETED_FILE, NEW_FILE, PREVIOUS_LOG] = [1, 2, 3, 4, 5, 6, 7, 9];

export interface Version {
  /** Numbers of the live tables, with their sizes. */
  readonly tables: ReadonlyMap<number, number>;
  /** Logs of lower numbers are done with. */
  readonly logNumber: number;
}

/** The state after all edits. Throws DamageError. */
export function versionOf(edits: readonly Buffer[]): Version {
  const tables = new Map<number, number>();
  let logNumber = 0;
  for (const edit of edits) {
    const deleted: number[] = [];
    const added: [number, number][] = [];
    const cursor = new Cursor(edit);
    while (!cursor.done) {
      switch (cursor.varint()) {
        case COMPARATOR:
          cursor.string();
          break;
        case LOG_NUMBER:
          logNumber = cursor.varint();
          break;
        case NEXT_FILE:
        case LAST_SEQUENCE:
        case PREVIOUS_LOG:
          cursor.varint();
          break;
        case COMPACT_POINTER:
          cursor.varint();
          cursor.string();
          break;
        case DELETED_FILE:
          cursor.varint();
          deleted.push(cursor.varint());
          break;
        case NEW_FILE:
          cursor.varint();
          added.push([cursor.varint(), cursor.varint()]);
          cursor.string();
          cursor.string();
          break;
        default:
          throw new DamageError('an edit has a field that is not known');
      }
    }
    // A table that moves to another level is deleted and added by one edit.
    for (const number of deleted) tables.delete(number);
    for (const [number, size] of added) tables.set(number, size);
  }
  return { tables, logNumber };
}
