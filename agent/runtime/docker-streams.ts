// Docker's multiplexed output: frames of an 8-byte header (stream, 3 zero bytes, big-endian length) and a payload.
import { PassThrough, type Readable } from 'node:stream';

const HEADER_BYTES = 8;
const STREAM_STDERR = 2;

/** Splits frames; a payload is passed on as it arrives, so no frame is ever held in memory. */
export class FrameReader {
  private header = Buffer.alloc(0);
  private stream = 0;
  private left = 0;

  constructor(private readonly emit: (stderr: boolean, payload: Buffer) => void) {}

  push(chunk: Buffer): void {
    let rest = chunk;
    while (rest.length > 0) {
      if (this.left > 0) {
        const payload = rest.subarray(0, this.left);
        this.left -= payload.length;
        rest = rest.subarray(payload.length);
        this.emit(this.stream === STREAM_STDERR, payload);
        continue;
      }
      const wanted = HEADER_BYTES - this.header.length;
      this.header = Buffer.concat([this.header, rest.subarray(0, wanted)]);
      rest = rest.subarray(wanted);
      if (this.header.length < HEADER_BYTES) return;
      this.stream = this.header[0]!;
      this.left = this.header.readUInt32BE(4);
      this.header = Buffer.alloc(0);
    }
  }
}

/** Writes into targets and holds the source back while any of them is full. */
class Flow {
  private readonly full = new Set<PassThrough>();

  constructor(private readonly source: Readable) {}

  write(target: PassThrough, payload: Buffer): void {
    if (target.destroyed || target.write(payload) || this.full.has(target)) return;
    this.full.add(target);
    this.source.pause();
    const release = () => {
      target.off('drain', release);
      target.off('close', release);
      this.full.delete(target);
      if (this.full.size === 0) this.source.resume();
    };
    target.once('drain', release);
    target.once('close', release);
  }

  /** The targets end or fail as the source does. */
  endWith(...targets: readonly PassThrough[]): void {
    const end = () => {
      for (const target of targets) target.end();
    };
    this.source.once('end', end);
    this.source.once('close', end);
    this.source.once('error', (error) => {
      for (const target of targets) target.destroy(error);
    });
  }
}

/** The two outputs in `source`; with a terminal (`raw`) there is one. */
export function splitOutput(source: Readable, raw: boolean): { stdout: Readable; stderr: Readable } {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const flow = new Flow(source);
  flow.endWith(stdout, stderr);
  const frames = new FrameReader((isError, payload) => flow.write(isError ? stderr : stdout, payload));
  source.on('data', (chunk: Buffer) => (raw ? flow.write(stdout, chunk) : frames.push(chunk)));
  return { stdout, stderr };
}

/** Both outputs in the order they were written. Destroying it lets go of the source. */
export function mergeOutput(source: Readable, raw: boolean): Readable {
  if (raw) return source;
  const merged = new PassThrough();
  const flow = new Flow(source);
  flow.endWith(merged);
  const frames = new FrameReader((_isError, payload) => flow.write(merged, payload));
  source.on('data', (chunk: Buffer) => frames.push(chunk));
  merged.once('close', () => source.destroy());
  return merged;
}
