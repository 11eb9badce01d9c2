// Snappy decompression, for the index blocks of LevelDB's tables.
import { Cursor, DamageError } from './cursor.js';

/** No block is larger; a length beyond is damage, and must not be allocated. */
const BLOCK_BYTES_MAX = 1 << 30;

export function snappyDecompress(bytes: Buffer): Buffer {
  const input = new Cursor(bytes);
  const length = input.varint();
  if (length > BLOCK_BYTES_MAX) throw new DamageError('a compressed block is too large');
  const out = Buffer.alloc(length);
  let at = 0;
  while (!input.done) {
    const tag = input.byte();
    const kind = tag & 3;
    if (kind === 0) {
      const short = tag >> 2;
      const count = short < 60 ? short + 1 : input.take(short - 59).readUIntLE(0, short - 59) + 1;
      if (at + count > length) throw new DamageError('a compressed block is too long');
      input.copy(count, out, at);
      at += count;
      continue;
    }
    const count = kind === 1 ? ((tag >> 2) & 7) + 4 : (tag >> 2) + 1;
    const offset =
      kind === 1 ? ((tag >> 5) << 8) | input.byte() : kind === 2 ? input.byte() | (input.byte() << 8) : input.take(4).readUInt32LE();
    if (offset === 0 || offset > at || at + count > length) throw new DamageError('a compressed block refers outside of itself');
    // The copy may overlap what it makes.
    for (let i = 0; i < count; i++, at++) out[at] = out[at - offset]!;
  }
  if (at !== length) throw new DamageError('a compressed block is too short');
  return out;
}
