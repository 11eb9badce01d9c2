// HashedReader: reads a file piece by piece, and hashes what has been read.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';

/** Bytes asked of the file system at a time. */
const READ_BYTES = 256 << 10;

export class HashedReader {
  readonly #hash = createHash('sha256');
  readonly #stream;
  readonly #chunks: AsyncIterator<Buffer>;
  #buffer: Buffer = Buffer.alloc(0);
  position = 0;

  constructor(file: string) {
    this.#stream = createReadStream(file, { highWaterMark: READ_BYTES });
    this.#chunks = this.#stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  /** Exactly so many bytes, or undefined where the file ends before. */
  async read(length: number): Promise<Buffer | undefined> {
    if (this.#buffer.length < length) {
      const parts = [this.#buffer];
      for (let have = this.#buffer.length; have < length; ) {
        const { value, done } = await this.#chunks.next();
        if (done) return undefined;
        parts.push(value);
        have += value.length;
      }
      this.#buffer = Buffer.concat(parts);
    }
    const bytes = this.#buffer.subarray(0, length);
    this.#buffer = this.#buffer.subarray(length);
    this.#hash.update(bytes);
    this.position += length;
    return bytes;
  }

  /** Of all that has been read up to now. */
  digest(): string {
    return this.#hash.copy().digest('hex');
  }

  close(): void {
    this.#stream.destroy();
  }
}
