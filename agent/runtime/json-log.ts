// A container's log read from the files that the engine writes (json-file): in order, from any place, and on across rotations, where the
// engine's own follower repeats or loses lines.
import { watch } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import type { LogOptions } from './runtime.js';

const CHUNK_BYTES = 64 << 10;
/** More without a line end is no record of the engine's, which splits what a container says every 16 KiB. */
const RECORD_MAX_BYTES = 1 << 20;
/** More rotated files than anybody keeps. */
const FILES_MAX = 1000;
const NEWLINE = 0x0a;

interface Record {
  readonly log: string;
  readonly stream: string;
  readonly time: string;
}

interface LogFile {
  readonly handle: FileHandle;
  readonly inode: number;
  offset: number;
  /** Exclusive. */
  end: number;
}

/** undefined where its files cannot be read: the engine is elsewhere. `ended` resolves when nothing more will be written. */
export async function jsonFileLog(
  path: string,
  options: LogOptions,
  ended: (signal: AbortSignal) => Promise<unknown>,
): Promise<Readable | undefined> {
  const files = await filesSince(path, undefined).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'EACCES') return undefined;
    throw error;
  });
  if (!files || files.length === 0) return undefined;
  return Readable.from(new JsonLogReader(path, files, options).read(ended), { objectMode: false });
}

/** Oldest first, those after the one of `inode`; all, where that is not there any more. Whoever calls closes them. */
async function filesSince(path: string, inode: number | undefined): Promise<LogFile[]> {
  const found: LogFile[] = [];
  // From the newest on: a rotation meanwhile moves files towards the names that are still to come, and shows one twice at most.
  for (let n = 0; n < FILES_MAX; n++) {
    const handle = await open(n === 0 ? path : `${path}.${n}`, 'r').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' && (n > 0 || inode !== undefined)) return undefined;
      throw error;
    });
    // In the midst of a rotation there is no newest file.
    if (!handle && n === 0) continue;
    if (!handle) break;
    const { ino } = await handle.stat();
    if (ino === inode) {
      await handle.close();
      break;
    }
    if (found.some((file) => file.inode === ino)) await handle.close();
    else found.push({ handle, inode: ino, offset: 0, end: Number.POSITIVE_INFINITY });
  }
  return found.reverse();
}

class JsonLogReader {
  /** By output: whether what comes next begins a line. */
  readonly #atLineStart = new Map<string, boolean>();
  readonly #buffer = Buffer.allocUnsafe(CHUNK_BYTES);

  constructor(
    private readonly path: string,
    private readonly files: LogFile[],
    private readonly options: LogOptions,
  ) {}

  async *read(ended: (signal: AbortSignal) => Promise<unknown>): AsyncGenerator<Buffer> {
    const stopping = new AbortController();
    try {
      await this.#skipToTail();
      if (this.options.follow) yield* this.#follow(ended(stopping.signal));
      else yield* this.#restOfAll();
    } finally {
      stopping.abort();
      for (const { handle } of this.files) await handle.close();
    }
  }

  async *#follow(ended: Promise<unknown>): AsyncGenerator<Buffer> {
    let wake = () => {};
    let changed = new Promise<void>((resolve) => {
      wake = resolve;
    });
    const watcher = watch(dirname(this.path), () => wake());
    watcher.on('error', () => wake());
    let isOver = false;
    const over = ended.then(() => {
      isOver = true;
    });
    // It may fail while nobody waits for it; who does is told.
    over.catch(() => undefined);
    try {
      for (;;) {
        const wasOver = isOver;
        yield* this.#restOfAll();
        const later = await filesSince(this.path, this.files[0]!.inode);
        // What was written to the file before it was rotated comes first.
        this.files.push(...later);
        if (later.length > 0) continue;
        if (wasOver) return;
        await Promise.race([changed, over]);
        changed = new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    } finally {
      watcher.close();
    }
  }

  /** Of the files that are open; the newest stays so. */
  async *#restOfAll(): AsyncGenerator<Buffer> {
    yield* this.#rest(this.files[0]!);
    while (this.files.length > 1) {
      await this.files.shift()!.handle.close();
      yield* this.#rest(this.files[0]!);
    }
  }

  /** From the file's offset to its last whole record. */
  async *#rest(file: LogFile): AsyncGenerator<Buffer> {
    let rest = Buffer.alloc(0);
    for (;;) {
      const from = file.offset + rest.length;
      const { bytesRead } = await file.handle.read(this.#buffer, 0, Math.min(CHUNK_BYTES, file.end - from), from);
      if (bytesRead === 0) return;
      const data = Buffer.concat([rest, this.#buffer.subarray(0, bytesRead)]);
      const end = data.lastIndexOf(NEWLINE) + 1;
      file.offset += end;
      rest = data.subarray(end);
      if (rest.length > RECORD_MAX_BYTES) throw new Error('the log has a record without end');
      const text = this.#render(data.toString('utf8', 0, end));
      if (text !== '') yield Buffer.from(text);
    }
  }

  #render(lines: string): string {
    let out = '';
    for (const line of lines.split('\n')) if (line !== '') out += this.#renderRecord(line);
    return out;
  }

  #renderRecord(line: string): string {
    const { stream: wanted, since_ms, timestamps } = this.options;
    const { log, stream, time } = parseRecord(line);
    if ((wanted && stream !== wanted) || (since_ms !== undefined && Date.parse(time) < since_ms)) return '';
    if (!timestamps) return log;
    const begins = this.#atLineStart.get(stream) ?? true;
    this.#atLineStart.set(stream, log.endsWith('\n'));
    return begins ? `${fixedTime(time)} ${log}` : log;
  }

  /** Sets the offsets so that only the last records are read, and none that is written from now on unless that is followed. */
  async #skipToTail(): Promise<void> {
    let { tail: wanted } = this.options;
    if (wanted === undefined) return;
    for (const file of [...this.files].reverse()) {
      const { size } = await file.handle.stat();
      const { offset, found } = await tailOf(file.handle, size, wanted);
      file.offset = offset;
      if (!this.options.follow) file.end = size;
      wanted -= found;
    }
  }
}

/** Where the last `wanted` records of a file begin, and how many of them there are. */
async function tailOf(handle: FileHandle, size: number, wanted: number): Promise<{ readonly offset: number; readonly found: number }> {
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  // A record that is being written is none yet; its line end is the one that counts.
  let ends = 0;
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - CHUNK_BYTES);
    const { bytesRead } = await handle.read(chunk, 0, end - start, start);
    for (let at = bytesRead - 1; at >= 0; at--) {
      if (chunk[at] !== NEWLINE || ends++ < wanted) continue;
      return { offset: start + at + 1, found: wanted };
    }
    end = start;
  }
  return { offset: 0, found: ends };
}

/** A record that a crash has damaged is left out. */
function parseRecord(line: string): Record {
  try {
    const { log = '', stream = '', time = '' } = JSON.parse(line) as Partial<Record>;
    return { log, stream, time };
  } catch {
    return { log: '', stream: '', time: '' };
  }
}

/** With nine digits of a second, as upstream's. */
function fixedTime(time: string): string {
  const [, seconds = time, fraction = ''] = /^([^.Z]*)(?:\.(\d+))?Z$/.exec(time) ?? [];
  return `${seconds}.${fraction.padEnd(9, '0')}Z`;
}
