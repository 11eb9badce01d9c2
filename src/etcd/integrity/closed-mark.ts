// The mark of a store that was closed in good order: the sizes of its files. A log that has lost its end since then is found by it.
import { open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';

const MARK = 'CLOSED';
const DATABASE_FILE = /^(CURRENT|MANIFEST-\d+|\d+\.(log|ldb|sst))$/;

export type FileSizes = Readonly<Record<string, number>>;

/** Written last, when the database is closed. */
export async function writeClosedMark(dir: string): Promise<void> {
  const sizes: Record<string, number> = {};
  for (const name of await readdir(dir)) if (DATABASE_FILE.test(name)) sizes[name] = (await stat(join(dir, name))).size;
  const text = JSON.stringify(sizes);
  const part = join(dir, `${MARK}.part`);
  const file = await open(part, 'w', 0o600);
  try {
    await file.writeFile(`${crc32(text)} ${text}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(part, join(dir, MARK));
  await syncDir(dir);
}

/** `undefined`: there is none, the last process ended without closing. `'unreadable'`: there is one that tells nothing. */
export async function readClosedMark(dir: string): Promise<FileSizes | 'unreadable' | undefined> {
  try {
    const mark = await readFile(join(dir, MARK), 'utf8');
    const [, sum, text] = /^(\d+) (.*)\n$/s.exec(mark) ?? [];
    return text !== undefined && Number(sum) === crc32(text) ? (JSON.parse(text) as FileSizes) : 'unreadable';
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Gone for good before the database is opened, and its files change. */
export async function removeClosedMark(dir: string): Promise<void> {
  await rm(join(dir, MARK), { force: true });
  await syncDir(dir);
}

async function syncDir(dir: string): Promise<void> {
  const handle = await open(dir, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
