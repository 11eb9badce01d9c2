// CRC-32C (Castagnoli) as LevelDB's files carry it, sixteen bytes a step: each start checks all of them, so it counts how fast this is.

const POLYNOMIAL = 0x82f6_3b78;
const MASK_DELTA = 0xa282_ead8;
const STEP_BYTES = 16;

/** At 256 k + b: the checksum of the byte b followed by k zero bytes. One array, which is faster than sixteen. */
const T = makeTable();

function makeTable(): Int32Array {
  const table = new Int32Array(256 * STEP_BYTES);
  for (let b = 0; b < 256; b++) {
    let crc = b;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    table[b] = crc;
  }
  for (let i = 256; i < table.length; i++) {
    const crc = table[i - 256]!;
    table[i] = (crc >>> 8) ^ table[crc & 0xff]!;
  }
  return table;
}

/** Of the bytes from `start` up to `end`. */
export function crc32c(bytes: Uint8Array, start: number, end: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let crc = -1;
  let i = start;
  for (; i + STEP_BYTES <= end; i += STEP_BYTES) {
    const a = crc ^ view.getInt32(i, true);
    const [b, c, d] = [view.getInt32(i + 4, true), view.getInt32(i + 8, true), view.getInt32(i + 12, true)];
    crc = word(0xc00, a) ^ word(0x800, b) ^ word(0x400, c) ^ word(0, d);
  }
  for (; i < end; i++) crc = T[(crc ^ bytes[i]!) & 0xff]! ^ (crc >>> 8);
  return ~crc >>> 0;
}

/** Of four bytes, the lowest of them first; `base` is 256 for each byte that follows them in the step. */
function word(base: number, w: number): number {
  return (
    T[base + 0x300 + (w & 0xff)]! ^ T[base + 0x200 + ((w >>> 8) & 0xff)]! ^ T[base + 0x100 + ((w >>> 16) & 0xff)]! ^ T[base + (w >>> 24)]!
  );
}

/** A checksum as LevelDB stores it: over data that has checksums in it, a plain one would be weak. */
export function unmasked(stored: number): number {
  const rotated = (stored - MASK_DELTA) >>> 0;
  return ((rotated >>> 17) | (rotated << 15)) >>> 0;
}
