// Header blocks: names and values, compressed by one context a direction that lives as long as the session.
import { constants, createDeflate, createInflate, type Deflate, type Inflate } from 'node:zlib';
import { DICTIONARY } from './dictionary.js';

/** Unpacked. A stream's headers are a handful of words; a block that grows past this is an attack. */
const BLOCK_MAX_BYTES = 64 * 1024;

export type Headers = ReadonlyMap<string, string>;

/** Blocks must be given in the order in which they travel; one call at a time. */
export class HeaderCodec {
  readonly #inflate = createInflate({ dictionary: DICTIONARY });
  readonly #deflate = createDeflate({ dictionary: DICTIONARY });

  constructor() {
    // One block's failure is told to who gave it; it may be heard of again afterwards.
    this.#inflate.on('error', () => undefined);
    this.#deflate.on('error', () => undefined);
  }

  async decode(block: Buffer): Promise<Headers> {
    return parseBlock(await through(this.#inflate, block));
  }

  encode(headers: Headers): Promise<Buffer> {
    return through(this.#deflate, formatBlock(headers));
  }

  close(): void {
    this.#inflate.close();
    this.#deflate.close();
  }
}

function through(stream: Inflate | Deflate, input: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    let length = 0;
    const onData = (part: Buffer) => {
      parts.push(part);
      length += part.length;
      if (length > BLOCK_MAX_BYTES) stream.destroy(new Error(`a header block is larger than ${BLOCK_MAX_BYTES} bytes`));
    };
    const done = (error?: Error | null) => {
      stream.off('data', onData);
      stream.off('error', done);
      if (error) reject(error);
      else resolve(Buffer.concat(parts));
    };
    stream.on('data', onData);
    stream.once('error', done);
    stream.write(input);
    stream.flush(constants.Z_SYNC_FLUSH, () => done());
  });
}

/** Names are lower case on the wire; several values of one name come with zero bytes between. */
function parseBlock(block: Buffer): Headers {
  const headers = new Map<string, string>();
  let offset = 0;
  const number = () => {
    if (offset + 4 > block.length) throw new Error('a header block ends too early');
    offset += 4;
    return block.readUInt32BE(offset - 4);
  };
  const text = () => {
    const length = number();
    if (offset + length > block.length) throw new Error('a header block ends too early');
    offset += length;
    return block.toString('utf8', offset - length, offset);
  };
  for (let left = number(); left > 0; left--) {
    const name = text().toLowerCase();
    headers.set(name, text().split('\0', 1)[0]!);
  }
  return headers;
}

function formatBlock(headers: Headers): Buffer {
  const parts: Buffer[] = [];
  const number = (n: number) => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(n);
    parts.push(bytes);
  };
  number(headers.size);
  for (const pair of headers) {
    for (const text of pair) {
      const bytes = Buffer.from(text);
      number(bytes.length);
      parts.push(bytes);
    }
  }
  return Buffer.concat(parts);
}
