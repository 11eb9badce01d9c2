// Snapshots: the whole store at one moment in one file with a checksum; saving, checking and restoring them, and finding the newest.
//
//   PORTHOLE-SNAPSHOT <layout>\n
//   {"revision":..,"compactedRevision":..,"saved":".."}\n
//   for each entry of the database: length of key, length of value (32 bits each, big-endian), key, value
//   0xffffffff, number of entries (48 bits), zeros until the file's length is 32 more than a multiple of 512
//   SHA-256 of all before it: etcdctl checks that length, which etcd's own snapshots have, too
import { createHash } from 'node:crypto';
import { mkdir, open, readdir, realpath, rename, rm, stat, symlink } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { Level } from 'level';
import { rfc3339 } from '../apimachinery/clock.js';
import type { Revision } from './backend.js';
import { type Database, scan, type Write } from './database.js';
import { HashedReader } from './hashed-reader.js';
import { LAYOUT } from './layout.js';
import { readNumber } from './reads.js';
import { check, META_COMPACTED, META_REVISION, NEWEST } from './records.js';

const MAGIC = `PORTHOLE-SNAPSHOT ${LAYOUT}\n`;
/** Of any layout: what those of earlier versions begin with. */
const MAGIC_START = 'PORTHOLE-SNAPSHOT ';
const END_MARK = 0xffff_ffff;
const DIGEST_BYTES = 32;
const PAGE_BYTES = 512;
/** One piece of the stream, far below what gRPC clients take as a message. */
const CHUNK_BYTES = 64 << 10;
/** A restore writes so much at a time. */
const BATCH_BYTES = 1 << 20;
/** No entry is larger: a value and its key are bounded by the store. What claims to be is damage. */
const ENTRY_BYTES_MAX = 64 << 20;

const NO_MAGIC = 'it does not begin as one of `porthole etcd snapshot save` does';
const OTHER_LAYOUT =
  'it is of another version of porthole, whose store lies otherwise: restore it with that one, and move it by `porthole etcd copy`';

export interface SnapshotHeader {
  readonly revision: Revision;
  readonly compactedRevision: Revision;
  /** RFC 3339. */
  readonly saved: string;
}

export interface SnapshotStatus extends SnapshotHeader {
  readonly keys: number;
  readonly size_bytes: number;
  /** Hexadecimal SHA-256. */
  readonly hash: string;
}

/** A file that is no snapshot, or a damaged one. The message names the file. */
export class SnapshotError extends Error {
  override readonly name = 'SnapshotError';
}

/** Where the snapshots of the store in `dir` are looked for, and saved unless told otherwise. */
export const snapshotsDirOf = (dir: string): string => `${dir.replace(/\/+$/, '')}-snapshots`;

/** A name that sorts by time. */
export const defaultSnapshotFile = (dir: string, now_ms: number): string =>
  join(snapshotsDirOf(dir), `${rfc3339(now_ms).replaceAll(':', '')}.snapshot`);

/** Makes a snapshot that lies elsewhere known beside the store in `dir`, by a link; not where there is no store on this machine. */
export async function noteSnapshot(dir: string, file: string): Promise<void> {
  if ((await filesIn(dir)).length === 0 || dirname(file) === resolve(snapshotsDirOf(dir))) return;
  const link = join(snapshotsDirOf(dir), `${basename(file)}.link`);
  await mkdir(snapshotsDirOf(dir), { recursive: true, mode: 0o700 });
  await rm(link, { force: true });
  await symlink(file, link);
}

/** The bytes of a snapshot of the database as it is now; writes go on meanwhile. */
export async function* snapshotOf(db: Database, now_ms: number): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  let length = 0;
  const counted = (bytes: Buffer) => {
    hash.update(bytes);
    length += bytes.length;
    return bytes;
  };
  const snapshot = db.snapshot();
  try {
    const header: SnapshotHeader = {
      revision: readNumber(db, META_REVISION, snapshot) ?? 1,
      compactedRevision: readNumber(db, META_COMPACTED, snapshot) ?? 0,
      saved: rfc3339(now_ms),
    };
    yield counted(Buffer.from(`${MAGIC}${JSON.stringify(header)}\n`));
    let entries = 0;
    for await (const chunk of chunks(db, snapshot, () => entries++)) yield counted(chunk);
    const padding = (2 * PAGE_BYTES - ((length + 10) % PAGE_BYTES)) % PAGE_BYTES;
    const end = Buffer.alloc(10 + padding);
    end.writeUInt32BE(END_MARK);
    end.writeUIntBE(entries, 4, 6);
    yield counted(end);
    yield hash.digest();
  } finally {
    await snapshot.close();
  }
}

async function* chunks(db: Database, snapshot: ReturnType<Database['snapshot']>, onEntry: () => void): AsyncGenerator<Buffer> {
  let parts: Buffer[] = [];
  let bytes = 0;
  // A fresh iterator for each run of entries: the stream may be read slowly, and must not hold a large one meanwhile.
  for (let from: string | undefined = ''; from !== undefined; ) {
    let last: string | undefined;
    await scan(db, { gt: from, highWaterMarkBytes: CHUNK_BYTES }, snapshot, (key, value) => {
      // What is damaged must not be carried into a file that is good by its own checksum.
      check(key, value);
      const lengths = Buffer.allocUnsafe(8);
      const name = Buffer.from(key, 'latin1');
      lengths.writeUInt32BE(name.length);
      lengths.writeUInt32BE(value.length, 4);
      parts.push(lengths, name, value);
      bytes += 8 + name.length + value.length;
      onEntry();
      if (bytes >= CHUNK_BYTES) last = key;
      return last === undefined;
    });
    if (bytes > 0) yield Buffer.concat(parts);
    parts = [];
    bytes = 0;
    from = last;
  }
}

/** Saves what `source` yields as `file`, whole or not at all, and checks it. Rejects with file system errors. */
export async function saveSnapshot(source: AsyncIterable<Uint8Array>, file: string): Promise<SnapshotStatus> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const part = `${file}.part`;
  const handle = await open(part, 'w', 0o600);
  try {
    for await (const bytes of source) await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
  const status = await snapshotStatus(part);
  await rename(part, file);
  await syncDir(dirname(file));
  return status;
}

/** Reads and checks the whole file. Rejects with SnapshotError where it is not a good snapshot. */
export async function snapshotStatus(file: string): Promise<SnapshotStatus> {
  const size = await sizeOf(file);
  let keys = 0;
  const { header, hash } = await readSnapshot(file, (key) => {
    if (key.startsWith(NEWEST)) keys++;
  });
  return { ...header, keys, size_bytes: size, hash };
}

/**
 * Makes the database `dir` from a snapshot, whole or not at all. Rejects with SnapshotError where the file is not good, or where there
 * is something in `dir`.
 */
export async function restoreSnapshot(file: string, dir: string): Promise<SnapshotStatus> {
  const status = await snapshotStatus(file);
  if ((await filesIn(dir)).length > 0)
    throw new SnapshotError(`${dir} is not empty: move it away first, or give another --data-dir; nothing has been changed`);
  const part = `${dir}.restoring`;
  await rm(part, { recursive: true, force: true });
  await mkdir(part, { recursive: true, mode: 0o700 });
  const level = new Level<string, Buffer>(part, { keyEncoding: 'utf8', valueEncoding: 'buffer' });
  await level.open();
  try {
    let writes: Write[] = [];
    let bytes = 0;
    await readSnapshot(file, async (key, value) => {
      writes.push({ type: 'put', key, value });
      bytes += key.length + value.length;
      if (bytes < BATCH_BYTES) return;
      await level.batch(writes);
      writes = [];
      bytes = 0;
    });
    await level.batch(writes, { sync: true });
  } finally {
    await level.close();
  }
  await rm(dir, { recursive: true, force: true });
  await rename(part, dir);
  await syncDir(dirname(dir));
  return status;
}

/** The good snapshot with the highest revision of those beside the store in `dir`; damaged ones are passed over. */
export async function newestSnapshot(dir: string): Promise<{ readonly file: string; readonly status: SnapshotStatus } | undefined> {
  let newest: { file: string; status: SnapshotStatus } | undefined;
  for (const name of await filesIn(snapshotsDirOf(dir))) {
    const file = join(snapshotsDirOf(dir), name);
    // Anything may lie there: a broken link, a directory, a file half copied.
    const status = await snapshotStatus(file).catch(() => undefined);
    if (status && status.revision > (newest?.status.revision ?? 0)) newest = { file: await realpath(file), status };
  }
  return newest;
}

async function sizeOf(file: string): Promise<number> {
  try {
    return (await stat(file)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new SnapshotError(`there is no ${file}`, { cause: error });
    throw error;
  }
}

async function readSnapshot(
  file: string,
  onEntry: (key: string, value: Buffer) => Promise<void> | void,
): Promise<{ readonly header: SnapshotHeader; readonly hash: string }> {
  const damaged = (what: string) => new SnapshotError(`${file} is not a good snapshot: ${what}`);
  const bytes = new HashedReader(file);
  try {
    const magic = await bytes.read(MAGIC.length);
    if (magic?.toString() !== MAGIC) throw damaged(magic?.toString().startsWith(MAGIC_START) ? OTHER_LAYOUT : NO_MAGIC);
    const header = await readHeader(bytes);
    if (!header) throw damaged('its header cannot be read');
    let entries = 0;
    for (;;) {
      const keyLength = (await bytes.read(4))?.readUInt32BE();
      if (keyLength === undefined) throw damaged('it is cut short');
      if (keyLength === END_MARK) break;
      const valueLength = (await bytes.read(4))?.readUInt32BE();
      if (valueLength === undefined || keyLength + valueLength > ENTRY_BYTES_MAX) throw damaged('it is cut short or damaged');
      const entry = await bytes.read(keyLength + valueLength);
      if (!entry) throw damaged('it is cut short');
      entries++;
      await onEntry(entry.toString('latin1', 0, keyLength), Buffer.from(entry.subarray(keyLength)));
    }
    if ((await bytes.read(6))?.readUIntBE(0, 6) !== entries) throw damaged('the number of its entries is wrong');
    await bytes.read((PAGE_BYTES - (bytes.position % PAGE_BYTES)) % PAGE_BYTES);
    const hash = bytes.digest();
    const stored = await bytes.read(DIGEST_BYTES);
    if (stored?.toString('hex') !== hash || (await bytes.read(1))) throw damaged('its checksum is wrong');
    return { header, hash };
  } finally {
    bytes.close();
  }
}

async function readHeader(bytes: HashedReader): Promise<SnapshotHeader | undefined> {
  const line: Buffer[] = [];
  for (;;) {
    const next = await bytes.read(1);
    if (!next || line.length > PAGE_BYTES) return undefined;
    if (next[0] === 0x0a) break;
    line.push(next);
  }
  try {
    return JSON.parse(Buffer.concat(line).toString()) as SnapshotHeader;
  } catch {
    return undefined;
  }
}

async function filesIn(dir: string): Promise<readonly string[]> {
  try {
    return await readdir(dir);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

async function syncDir(dir: string): Promise<void> {
  const handle = await open(dir, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
