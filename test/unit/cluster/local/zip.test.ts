// One file out of a zip archive: a stored one, a deflated one, one that is not there, one that is damaged.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { unzipFile } from '../../../../src/cluster/local/zip.js';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'porthole-zip-'));
});

afterEach(() => rm(directory, { recursive: true }));

interface Member {
  readonly name: string;
  readonly content: string;
  readonly deflate: boolean;
  /** What the directory says where that is not the truth. */
  readonly claimed_bytes?: number;
}

function zipOf(members: readonly Member[], comment = ''): Buffer {
  const parts: Buffer[] = [];
  const entries: Buffer[] = [];
  let offset = 0;
  for (const { name, content, deflate, claimed_bytes } of members) {
    const data = deflate ? deflateRawSync(content) : Buffer.from(content);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50);
    local.writeUInt16LE(name.length, 26);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50);
    entry.writeUInt16LE(deflate ? 8 : 0, 10);
    entry.writeUInt32LE(data.length, 20);
    entry.writeUInt32LE(claimed_bytes ?? content.length, 24);
    entry.writeUInt16LE(name.length, 28);
    entry.writeUInt32LE(offset, 42);
    parts.push(local, Buffer.from(name), data);
    entries.push(entry, Buffer.from(name));
    offset += local.length + name.length + data.length;
  }
  const central = Buffer.concat(entries);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(offset, 16);
  end.writeUInt16LE(comment.length, 20);
  return Buffer.concat([...parts, central, end, Buffer.from(comment)]);
}

async function unzip(archive: Buffer, name: string): Promise<string> {
  const path = join(directory, 'a.zip');
  await writeFile(path, archive);
  await unzipFile(path, name, join(directory, 'out'));
  return readFile(join(directory, 'out'), 'utf8');
}

const members: readonly Member[] = [
  { name: 'first', content: 'stored as it is', deflate: false },
  { name: 'dir/second', content: 'squeezed '.repeat(100), deflate: true },
];

test('takes out a stored and a deflated file, also behind a comment', async () => {
  expect(await unzip(zipOf(members), 'first')).toBe('stored as it is');
  expect(await unzip(zipOf(members, 'made by hand'), 'dir/second')).toBe('squeezed '.repeat(100));
});

test('says so where there is no such file, or no archive', async () => {
  await expect(unzip(zipOf(members), 'third')).rejects.toThrow('holds no third');
  await expect(unzip(Buffer.from('not a zip'), 'first')).rejects.toThrow('not a zip archive');
});

test('refuses a file that comes out at another size than the archive says', async () => {
  await expect(unzip(zipOf([{ name: 'x', content: 'short', deflate: true, claimed_bytes: 6 }]), 'x')).rejects.toThrow('x is damaged');
});
