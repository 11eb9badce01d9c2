// The store on disk: LevelDB in one directory, which one process at a time may open.
import { mkdir, readdir, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { Level } from 'level';
import { type Clock, type Random, systemRandom } from '../apimachinery/clock.js';
import type { Logger } from '../apimachinery/logger.js';
import type { Database } from './database.js';
import type { EmbeddedBackend } from './embedded.js';
import { CorruptDatabaseError, checkDatabase, checkOpenDatabase } from './integrity/check.js';
import { removeClosedMark, writeClosedMark } from './integrity/closed-mark.js';
import { MvccBackend, type MvccOptions } from './mvcc.js';
import { newestSnapshot, snapshotsDirOf } from './snapshot.js';

/** LevelDB's block cache. The API server caches what it reads, so LevelDB's own default would be memory for nothing. */
const BLOCK_CACHE_BYTES = 4 << 20;
/** Memtable before it is written out as a table. LevelDB's 4 MiB would be written out, and merged, several times a second under load. */
const WRITE_BUFFER_BYTES = 16 << 20;
/** What opening may write: the log's content as a table; a manifest, a new log. */
const REOPEN_BYTES = WRITE_BUFFER_BYTES + (4 << 20);

/** Around every key of the database: see records.ts. */
const [FIRST_KEY, LAST_KEY] = ['\0', '~'];

/** LevelDB can; the type is also that of the browsers' databases. */
interface Compactable {
  compactRange(start: string, end: string): Promise<void>;
}

export interface LevelOptions {
  readonly dir: string;
  readonly clock: Clock;
  readonly random?: Random;
  readonly log: Logger;
}

/**
 * Opens or makes the store in `dir` (mode 0700). Throws an Error of one line that names cause and way out where another process has
 * it, the database is corrupt, or the directory cannot be written.
 */
export async function openLevelBackend({ dir, clock, random = systemRandom, log }: LevelOptions): Promise<EmbeddedBackend> {
  await checkFiles(dir, log);
  // Not before: it opens itself soon after.
  const level = new Level<string, Buffer>(dir, {
    keyEncoding: 'utf8',
    valueEncoding: 'buffer',
    cacheSize: BLOCK_CACHE_BYTES,
    writeBufferSize: WRITE_BUFFER_BYTES,
  });
  await open(level, dir);
  const backend = await openStore(
    {
      db: level as unknown as Database,
      clock,
      random,
      size: () => directorySize(dir),
      verify: () => checkOpenDatabase(dir),
      onDamage: ({ message }) => void tellDamage(dir, message, log),
      defragment: () => (level as unknown as Compactable).compactRange(FIRST_KEY, LAST_KEY),
      async reopen() {
        await requireSpace(dir);
        log.warn({ dir }, 'opening the store again after a write that failed');
        await level.close();
        await open(level, dir);
      },
      async close() {
        await level.close();
        // Without the mark the next start knows less of what it should find, that is all.
        await writeClosedMark(dir).catch((err: unknown) => log.warn({ err, dir }, 'could not mark the store as closed'));
      },
    },
    dir,
  );
  const { revision, dbSize_bytes } = await backend.status();
  log.info({ dir, revision, dbSize_bytes }, 'opened the store');
  return backend;
}

/** With LevelDB closed again where that fails. */
async function openStore(options: MvccOptions, dir: string): Promise<MvccBackend> {
  try {
    return await MvccBackend.open(options);
  } catch (error) {
    await options.db.close();
    throw new Error(`cannot use the database in ${dir}: ${(error as Error).message}`, { cause: error });
  }
}

/** The reader is refused; whoever runs the store can do something about it. */
async function tellDamage(dir: string, damage: string, log: Logger): Promise<void> {
  const found = await newestSnapshot(dir);
  const restore = found
    ? `stop the server, and restore the newest good snapshot: ${restoreCommand(dir, found.file)}`
    : `stop the server, and restore the directory from a backup: there is no good snapshot in ${snapshotsDirOf(dir)}`;
  log.error({ dir }, `${damage}; ${restore}`);
}

const restoreCommand = (dir: string, file: string): string =>
  `mv ${dir} ${dir}.corrupt && porthole etcd snapshot restore ${file} --data-dir ${dir}`;

/** Before LevelDB sees them: what it takes for a torn write it leaves out, and the rest it serves. Rejects as `openLevelBackend`. */
async function checkFiles(dir: string, log: Logger): Promise<void> {
  try {
    await makeDir(dir);
    await requireUnlocked(dir);
    const { notes } = await checkDatabase(dir);
    for (const note of notes) log.warn({ dir }, note);
    await removeClosedMark(dir);
  } catch (error) {
    if (error instanceof CorruptDatabaseError) throw new Error(await whatToDo(dir, error.message), { cause: error });
    throw new Error(whyNotOpen(dir, error as NodeJS.ErrnoException), { cause: error });
  }
}

async function makeDir(dir: string): Promise<void> {
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    // What Node says of a read-only file system, where it is asked for parents too.
    await mkdir(dir, { mode: 0o700 });
  }
}

/** Files change under whoever has the database open. LevelDB takes its lock before it finds that it may not open what exists. */
async function requireUnlocked(dir: string): Promise<void> {
  try {
    await new Level(dir).open({ createIfMissing: false, errorIfExists: true });
  } catch (error) {
    // Everything else is what was asked for, or is told by the real opening.
    if (((error as Error).cause as NodeJS.ErrnoException | undefined)?.code === 'LEVEL_LOCKED') throw error;
  }
}

/** One line: what is damaged, the newest good snapshot, and the command that restores it. */
async function whatToDo(dir: string, damage: string): Promise<string> {
  const found = await newestSnapshot(dir);
  const what = `the database in ${dir} is corrupt (${damage}), and is left as it is`;
  if (!found) return `${what}; there is no good snapshot in ${snapshotsDirOf(dir)}: restore the directory from a backup`;
  const { file, status } = found;
  return (
    `${what}; the newest good snapshot is ${file} (revision ${status.revision}, saved ${status.saved}). ` +
    `To restore it: ${restoreCommand(dir, file)}`
  );
}

async function open(level: Level<string, Buffer>, dir: string): Promise<void> {
  try {
    await level.open();
  } catch (error) {
    throw new Error(whyNotOpen(dir, error as NodeJS.ErrnoException), { cause: error });
  }
}

/** Without room the store stays open as it is, so that it can at least be read. */
async function requireSpace(dir: string): Promise<void> {
  const { bavail, bsize } = await statfs(dir);
  if (bavail * bsize < REOPEN_BYTES) throw new Error(`no space left for the database in ${dir}: free ${REOPEN_BYTES >> 20} MiB at least`);
}

function whyNotOpen(dir: string, error: NodeJS.ErrnoException): string {
  const cause = (error.cause ?? error) as NodeJS.ErrnoException;
  const text = cause.message;
  if (cause.code === 'LEVEL_LOCKED')
    return `the data directory ${dir} is in use by another process: stop that one, or choose another --data-dir`;
  if (cause.code === 'LEVEL_CORRUPTION' || /corrupt/i.test(text))
    return `the database in ${dir} is corrupt (${text}): restore the directory from a backup; it is left as it is`;
  if (/no space left/i.test(text) || cause.code === 'ENOSPC')
    return `no space left for the database in ${dir}: free some, or choose another --data-dir`;
  if (/permission denied|read-only/i.test(text) || cause.code === 'EACCES' || cause.code === 'EROFS')
    return `cannot write the database in ${dir} (${text}): run as root, or choose another --data-dir`;
  return `cannot open the database in ${dir}: ${text}`;
}

async function directorySize(dir: string): Promise<number> {
  let total = 0;
  for (const name of await readdir(dir)) {
    // Files come and go under LevelDB's own compaction.
    total += await stat(join(dir, name)).then(
      (s) => s.size,
      () => 0,
    );
  }
  return total;
}
