// The store on disk: LevelDB in one directory, which one process at a time may open.
import { mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Level } from 'level';
import { type Clock, type Random, systemRandom } from '../apimachinery/clock.js';
import type { Logger } from '../apimachinery/logger.js';
import type { Backend } from './backend.js';
import type { Database } from './database.js';
import { MvccBackend } from './mvcc.js';

/** LevelDB's block cache. The API server caches what it reads, so LevelDB's own default would be memory for nothing. */
const BLOCK_CACHE_BYTES = 4 << 20;
/** Memtable before it is written out as a table; LevelDB's default. */
const WRITE_BUFFER_BYTES = 4 << 20;

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
export async function openLevelBackend({ dir, clock, random = systemRandom, log }: LevelOptions): Promise<Backend> {
  const level = new Level<string, Buffer>(dir, {
    keyEncoding: 'utf8',
    valueEncoding: 'buffer',
    cacheSize: BLOCK_CACHE_BYTES,
    writeBufferSize: WRITE_BUFFER_BYTES,
  });
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    await level.open();
  } catch (error) {
    throw new Error(whyNotOpen(dir, error as NodeJS.ErrnoException), { cause: error });
  }
  const backend = await MvccBackend.open({ db: level as unknown as Database, clock, random, size: () => directorySize(dir) });
  const { revision, dbSize_bytes } = await backend.status();
  log.info({ dir, revision, dbSize_bytes }, 'opened the store');
  return backend;
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
