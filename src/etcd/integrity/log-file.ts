// A file of LevelDB's log format (the write-ahead log, the manifest): its records, and whether a bad end is a torn write or damage.
import { crc32c, unmasked } from './crc32c.js';
import { DamageError } from './cursor.js';

const BLOCK_BYTES = 32_768;
const HEADER_BYTES = 7;
const [FULL, FIRST, MIDDLE, LAST] = [1, 2, 3, 4] as const;
/** What a disk writes at once: a write that was cut off by a power failure lacks whole ones. */
const SECTOR_BYTES = 512;

export interface LogFile {
  readonly records: readonly Buffer[];
  /** Bytes at the end of a write that was never finished, so never acknowledged; LevelDB leaves them out. */
  readonly torn_bytes: number;
}

interface Fragment {
  readonly type: number;
  readonly data: Buffer;
  readonly end: number;
}

/** Throws DamageError where the file is other than it was written, a write in progress at its end set aside. */
export function readLogFile(file: Buffer): LogFile {
  const records: Buffer[] = [];
  let parts: Buffer[] = [];
  let begun = 0;
  let at = 0;
  while (at < file.length) {
    const left = BLOCK_BYTES - (at % BLOCK_BYTES);
    if (left < HEADER_BYTES) {
      if (file.subarray(at, at + left).some((byte) => byte !== 0)) throw new DamageError(`there is something between blocks at byte ${at}`);
      at += left;
      continue;
    }
    const fragment = fragmentAt(file, at);
    const isNext = fragment && (parts.length === 0 ? fragment.type <= FIRST : fragment.type >= MIDDLE);
    if (!isNext) return { records, torn_bytes: tornFrom(file, parts.length > 0 ? begun : at, at) };
    if (parts.length === 0) begun = at;
    parts.push(fragment.data);
    at = fragment.end;
    if (fragment.type === FULL || fragment.type === LAST) {
      records.push(parts.length === 1 ? parts[0]! : Buffer.concat(parts));
      parts = [];
    }
  }
  return { records, torn_bytes: parts.length > 0 ? file.length - begun : 0 };
}

function fragmentAt(file: Buffer, at: number): Fragment | undefined {
  if (at + HEADER_BYTES > file.length) return undefined;
  return fragmentOf(file, at, file.readUInt16LE(at + 4));
}

function fragmentOf(file: Buffer, at: number, length: number): Fragment | undefined {
  const [data, end] = [at + HEADER_BYTES, at + HEADER_BYTES + length];
  const type = file[at + 6]!;
  if (type < FULL || type > LAST || end > file.length || end > blockEnd(at)) return undefined;
  if (crc32c(file, data - 1, end) !== unmasked(file.readUInt32LE(at))) return undefined;
  return { type, data: file.subarray(data, end), end };
}

const blockEnd = (at: number): number => at - (at % BLOCK_BYTES) + BLOCK_BYTES;

/** How many bytes a torn write left from `begun` on, whose fragment at `bad` is none. Throws where it was no torn write. */
function tornFrom(file: Buffer, begun: number, bad: number): number {
  const damaged = () => new DamageError(`the record at byte ${bad} is damaged`);
  // Each write is on disk before the next begins: what is followed by one had been finished.
  if (writeBeginsAfter(file, bad)) throw damaged();
  const end = bad + HEADER_BYTES > file.length ? undefined : bad + HEADER_BYTES + file.readUInt16LE(bad + 4);
  const isShort = end === undefined || (end > file.length && end <= blockEnd(bad));
  const isWhole = end !== undefined && file.length <= blockEnd(bad) && fragmentOf(file, bad, file.length - bad - HEADER_BYTES);
  // Whole but for its length, or of its full length and still wrong: unless sectors of it were never written, something changed it.
  if (isWhole || (!isShort && !lacksSector(file, bad))) throw damaged();
  return file.length - begun;
}

function writeBeginsAfter(file: Buffer, bad: number): boolean {
  for (let at = bad + 1; at + HEADER_BYTES <= file.length; at++) {
    const type = file[at + 6]!;
    if ((type === FULL || type === FIRST) && fragmentAt(file, at)) return true;
  }
  return false;
}

function lacksSector(file: Buffer, from: number): boolean {
  const zero = Buffer.alloc(SECTOR_BYTES);
  for (let at = from - (from % SECTOR_BYTES) + SECTOR_BYTES; at < file.length; at += SECTOR_BYTES) {
    const sector = file.subarray(at, at + SECTOR_BYTES);
    if (sector.equals(zero.subarray(0, sector.length))) return true;
  }
  return false;
}
