// A LevelDB table: every block's checksum, and that the blocks and the footer make up the whole file.
import { crc32c, unmasked } from './crc32c.js';
import { Cursor, DamageError } from './cursor.js';
import { snappyDecompress } from './snappy.js';

const FOOTER_BYTES = 48;
const MAGIC = Buffer.from('57fb808b247547db', 'hex');
/** After each block: how it is compressed, and the checksum of both. */
const TRAILER_BYTES = 5;
const SNAPPY = 1;

interface Handle {
  readonly offset: number;
  readonly size: number;
}

/** Throws DamageError. */
export function checkTable(file: Buffer): void {
  if (file.length < FOOTER_BYTES) throw new DamageError('it is cut short');
  const footer = file.subarray(file.length - FOOTER_BYTES);
  const end = FOOTER_BYTES - MAGIC.length;
  if (!footer.subarray(end).equals(MAGIC)) throw new DamageError('its end is not that of a table');
  const handles = new Cursor(footer.subarray(0, end));
  const [metaIndex, index] = [handleOf(handles), handleOf(handles)];
  if (footer.subarray(handles.position, end).some((byte) => byte !== 0)) throw new DamageError('its footer is damaged');
  const data = entriesOf(blockAt(file, index));
  const meta = entriesOf(blockAt(file, metaIndex));
  const blocks = [...data, ...meta, metaIndex, index];
  let next = 0;
  for (const block of blocks) {
    if (block.offset !== next) throw new DamageError(`its blocks do not follow one another at byte ${next}`);
    checkBlock(file, block);
    next += block.size + TRAILER_BYTES;
  }
  if (next + FOOTER_BYTES !== file.length) throw new DamageError('there is something between its blocks and its end');
}

const handleOf = (cursor: Cursor): Handle => ({ offset: cursor.varint(), size: cursor.varint() });

function checkBlock(file: Buffer, { offset, size }: Handle): void {
  const end = offset + size + 1;
  if (end + 4 > file.length) throw new DamageError(`a block at byte ${offset} is cut short`);
  if (crc32c(file, offset, end) !== unmasked(file.readUInt32LE(end)))
    throw new DamageError(`the checksum of the block at byte ${offset} is wrong`);
}

function blockAt(file: Buffer, handle: Handle): Buffer {
  checkBlock(file, handle);
  const bytes = file.subarray(handle.offset, handle.offset + handle.size);
  return file[handle.offset + handle.size] === SNAPPY ? snappyDecompress(bytes) : bytes;
}

/** The handles of an index block: its entries' values, up to the list of restart points. */
function entriesOf(block: Buffer): readonly Handle[] {
  if (block.length < 4) throw new DamageError('an index is cut short');
  const restarts = block.readUInt32LE(block.length - 4);
  const end = block.length - 4 * (restarts + 1);
  if (end < 0) throw new DamageError('an index is cut short');
  const cursor = new Cursor(block.subarray(0, end));
  const handles: Handle[] = [];
  while (!cursor.done) {
    cursor.varint();
    const [keyLength, valueLength] = [cursor.varint(), cursor.varint()];
    cursor.skip(keyLength);
    const valueEnd = cursor.position + valueLength;
    handles.push(handleOf(cursor));
    if (cursor.position > valueEnd) throw new DamageError('an entry of an index is too short');
    cursor.skip(valueEnd - cursor.position);
  }
  return handles;
}
