// checkDatabase: that the files of a closed LevelDB database are what was written, byte for byte. LevelDB itself checks next to nothing:
// it leaves damaged log records out without a word, and reads damaged blocks of tables as they are.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type FileSizes, readClosedMark } from './closed-mark.js';
import { DamageError } from './cursor.js';
import { readLogFile } from './log-file.js';
import { type Version, versionOf } from './manifest.js';
import { checkTable } from './table.js';

/** A file of the database is damaged or missing. The message is one line that names it. */
export class CorruptDatabaseError extends Error {
  override readonly name = 'CorruptDatabaseError';
}

export interface CheckResult {
  /** What a crash left behind that is no damage, in words. */
  readonly notes: readonly string[];
}

/** Reads all of the database's files. Nobody may have it open. Rejects with CorruptDatabaseError; nothing is changed. */
export async function checkDatabase(dir: string): Promise<CheckResult> {
  const names = await readdir(dir).catch(() => [] as string[]);
  const notes: string[] = [];
  const mark = await readClosedMark(dir);
  if (mark === 'unreadable') notes.push('CLOSED: the mark of the last close cannot be read');
  const sizes = mark === 'unreadable' ? undefined : mark;
  if (!names.includes('CURRENT')) {
    if (sizes || names.some((name) => /\.(ldb|sst|log)$/.test(name))) throw new CorruptDatabaseError('CURRENT is missing');
    return { notes };
  }
  if (sizes) await checkSizes(dir, sizes);
  const version = await checkManifest(dir, notes);
  await checkTables(dir, names, version);
  await checkLogs(dir, names, version, notes);
  return { notes };
}

/**
 * The same for the tables of a database that is open, which are written once and only ever read or removed then; its log and manifest are
 * being written to. To be done before LevelDB merges tables: what it has rewritten carries good checksums over whatever it found.
 */
export async function checkOpenDatabase(dir: string): Promise<void> {
  const found = await damagedTable(dir);
  // It may have been removed under the check.
  if (found && (await checkManifest(dir, [])).tables.has(found.number)) throw found.error;
}

async function damagedTable(dir: string): Promise<{ readonly number: number; readonly error: CorruptDatabaseError } | undefined> {
  const { tables, logNumber } = await checkManifest(dir, []);
  // Not before: a table that is written meanwhile would be one that the manifest names and that is missing.
  const names = await readdir(dir);
  for (const [number, size] of tables) {
    try {
      await checkTables(dir, names, { tables: new Map([[number, size]]), logNumber });
    } catch (error) {
      if (error instanceof CorruptDatabaseError) return { number, error };
      throw error;
    }
  }
  return undefined;
}

async function checkSizes(dir: string, sizes: FileSizes): Promise<void> {
  for (const [name, size] of Object.entries(sizes)) {
    const { length } = await readWhole(dir, name);
    if (length !== size) throw new CorruptDatabaseError(`${name} has ${length} bytes, and had ${size} when it was closed`);
  }
}

async function checkManifest(dir: string, notes: string[]): Promise<Version> {
  const current = (await readWhole(dir, 'CURRENT')).toString('latin1');
  const [, name] = /^(MANIFEST-\d+)\n$/.exec(current) ?? [];
  if (!name) throw new CorruptDatabaseError('CURRENT does not name a manifest');
  return checked(name, async () => {
    const { records, torn_bytes } = readLogFile(await readWhole(dir, name));
    if (torn_bytes > 0) notes.push(`${name}: the last ${torn_bytes} bytes are of a write that was cut off`);
    if (records.length === 0) throw new DamageError('it is empty');
    return versionOf(records);
  });
}

async function checkTables(dir: string, names: readonly string[], { tables }: Version): Promise<void> {
  for (const [number, size] of tables) {
    const name = nameOf(number, 'ldb');
    const found = names.includes(name) ? name : nameOf(number, 'sst');
    await checked(found, async () => {
      const file = await readWhole(dir, found);
      if (file.length !== size) throw new DamageError(`it has ${file.length} bytes instead of ${size}`);
      checkTable(file);
    });
  }
}

async function checkLogs(dir: string, names: readonly string[], { logNumber }: Version, notes: string[]): Promise<void> {
  const numbers = names
    .map((name) => Number(/^(\d+)\.log$/.exec(name)?.[1] ?? -1))
    .filter((number) => number >= logNumber)
    .sort((a, b) => a - b);
  if (logNumber > 0 && numbers[0] !== logNumber) throw new CorruptDatabaseError(`${nameOf(logNumber, 'log')} is missing`);
  let torn: string | undefined;
  for (const number of numbers) {
    const name = nameOf(number, 'log');
    await checked(name, async () => {
      const file = await readWhole(dir, name);
      // A new log is begun only when the one before is whole.
      if (torn && file.length > 0) throw new CorruptDatabaseError(`${torn} is cut short, and ${name} goes on behind it`);
      const { torn_bytes } = readLogFile(file);
      if (torn_bytes === 0) return;
      torn = name;
      notes.push(`${name}: the last ${torn_bytes} bytes are of a write that was cut off, and never acknowledged`);
    });
  }
}

const nameOf = (number: number, extension: string) => `${String(number).padStart(6, '0')}.${extension}`;

async function readWhole(dir: string, name: string): Promise<Buffer> {
  try {
    return await readFile(join(dir, name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new CorruptDatabaseError(`${name} is missing`);
    throw error;
  }
}

async function checked<T>(name: string, check: () => Promise<T>): Promise<T> {
  try {
    return await check();
  } catch (error) {
    if (error instanceof DamageError) throw new CorruptDatabaseError(`${name}: ${error.message}`);
    throw error;
  }
}
