// Bits that flip in the files of a store while it is open: no read serves what was never written, and the damage is found and told.
import { mkdtempSync, rmSync } from 'node:fs';
import { open as openFile, readdir, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Level } from 'level';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../../src/apimachinery/clock.js';
import { silentLogger } from '../../../../src/apimachinery/logger.js';
import type { EmbeddedBackend } from '../../../../src/etcd/embedded.js';
import { checkOpenDatabase } from '../../../../src/etcd/integrity/check.js';
import { openLevelBackend } from '../../../../src/etcd/leveldb.js';
import { restoreSnapshot, saveSnapshot, snapshotOf } from '../../../../src/etcd/snapshot.js';
import { randoms } from '../../../suites/randoms.js';

const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const FLIPS = 25;
const KEYS = 800;

const root = mkdtempSync(join(tmpdir(), 'porthole-open-damage-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const open = (dir: string, errors: string[] = []) =>
  openLevelBackend({ dir, clock: systemClock, log: { ...silentLogger, error: (_, message) => void errors.push(message) } });
const put = (backend: EmbeddedBackend, key: string, value: Buffer) =>
  backend.txn({ compare: [], success: [{ type: 'put', key, value }], failure: [] });

describe(`bits that flip in an open database (SEED=${SEED})`, () => {
  const random = randoms(SEED);
  const dir = join(root, 'store');
  /** What each key held, the oldest first. */
  const written = new Map<string, string[]>();
  let past: number;

  beforeAll(async () => {
    const backend = await open(dir);
    for (let round = 0; round < 3; round++) {
      const keys = Array.from({ length: KEYS }, (_, i) => `/registry/things/${i}`);
      for (const key of keys) {
        // Some compress, and some do not: those fill more than LevelDB keeps in memory.
        const text = `${key} of round ${round} `.repeat(20);
        const value = random(3) ? Buffer.from(Array.from({ length: 2_000 }, () => random(256))) : Buffer.from(text);
        written.set(key, [...(written.get(key) ?? []), value.toString('base64')]);
      }
      await Promise.all(keys.map((key) => put(backend, key, Buffer.from(written.get(key)!.at(-1)!, 'base64'))));
      if (round === 1) past = (await backend.status()).revision;
    }
    await backend.defragment();
    await backend.close();
  });

  /** Flips a bit of a table, and gives what flips it back. */
  const flip = async () => {
    const tables = (await readdir(dir)).filter((name) => name.endsWith('.ldb'));
    const file = join(dir, tables[random(tables.length)]!);
    const [at, bit] = [random((await stat(file)).size), 1 << random(8)];
    const turn = async () => {
      const handle = await openFile(file, 'r+');
      const byte = Buffer.alloc(1);
      await handle.read(byte, 0, 1, at);
      byte[0]! ^= bit;
      await handle.write(byte, 0, 1, at);
      await handle.close();
    };
    await turn();
    return { back: turn, what: `${file}: bit ${bit} of byte ${at}` };
  };

  /** What a read gives, or DATA_LOSS. */
  const readAll = async (backend: EmbeddedBackend, revision: number) => {
    try {
      return (await backend.range({ key: '/registry/', rangeEnd: '/registry0', revision })).kvs;
    } catch (error) {
      expect(error).toMatchObject({ name: expect.stringMatching(/^Damaged/), code: 'DATA_LOSS' });
      return undefined;
    }
  };

  it('make no value of a key that it never had, and are all found before tables are merged or saved', async () => {
    let refused = 0;
    for (let i = 0; i < FLIPS; i++) {
      const errors: string[] = [];
      const backend = await open(dir, errors);
      const { back, what } = await flip();
      for (const [revision, round] of [
        [0, 2],
        [past, 1],
      ] as const) {
        const kvs = await readAll(backend, revision);
        if (!kvs) refused++;
        // Not only the round's own: LevelDB's number of an entry has no checksum but its block's, and a flip there hides the entry. Until
        // tables are merged an older one of its key may lie beneath.
        for (const { key, value } of kvs ?? []) {
          const had = written.get(key)!.slice(0, round + 1);
          expect(had.includes(Buffer.from(value).toString('base64')), `${what}: ${key}`).toBe(true);
        }
      }
      await expect(backend.verify(), what).rejects.toMatchObject({ code: 'DATA_LOSS' });
      await expect(backend.compact(2), what).rejects.toMatchObject({ code: 'DATA_LOSS' });
      await expect(backend.defragment(), what).rejects.toMatchObject({ code: 'DATA_LOSS' });
      await expect.poll(() => errors.join(), { timeout: 10_000 }).toContain('restore the directory from a backup');
      await back();
      await backend.close();
    }
    expect(refused).toBeGreaterThan(FLIPS / 8);
  }, 180_000);

  it('refuse a transaction and a snapshot that meet them', async () => {
    const backend = await open(dir);
    // Not by a file: as LevelDB would hand on what it has merged.
    const level = backend.database;
    const [[stored, bytes]] = (await level.iterator({ gte: 'r', limit: 1 }).all()) as [[string, Buffer]];
    const head = `k${stored.slice(15)}`;
    const text = Buffer.from((await level.get(head))!);
    for (const [key, whole] of [
      [stored, bytes],
      [head, text],
    ] as const) {
      const bad = Buffer.from(whole);
      bad[random(bad.length)]! ^= 1;
      await level.put(key, bad);
      const saved = saveSnapshot(snapshotOf(level, 0), join(root, 'bad.snapshot'));
      await expect(saved).rejects.toMatchObject({ code: 'DATA_LOSS' });
      await level.put(key, whole);
    }
    const damaged = Buffer.from(text);
    damaged[3]! ^= 1;
    await level.put(head, damaged);
    await expect(put(backend, head.slice(1), Buffer.from('x'))).rejects.toThrow(/the entry "k\/registry.* does not have its checksum/);
    await level.put(head, text);
    await backend.close();
  });
});

it('tables that come and go while they are looked at are not damaged', async () => {
  const dir = join(root, 'busy');
  // The smallest that LevelDB takes: a new table every few writes.
  const level = new Level<string, Buffer>(dir, { valueEncoding: 'buffer', writeBufferSize: 64 * 1024 });
  await level.open();
  let isOver = false;
  const write = async () => {
    for (let i = 0; !isOver; i++) await level.put(String(i % 20), Buffer.alloc(16_000, i));
  };
  const writing = write();
  try {
    for (let i = 0; i < 250; i++) await checkOpenDatabase(dir);
  } finally {
    isOver = true;
    await writing;
    await level.close();
  }
});

describe('a store of another layout', () => {
  it('is refused with the way out, and so is its snapshot', async () => {
    const dir = join(root, 'first');
    const level = new Level(dir);
    await level.put('mrevision', 'x');
    await level.close();
    await expect(open(dir)).rejects.toThrow(/has layout 1, and this version of porthole reads layout 2: .*porthole etcd copy/);
    const snapshot = join(root, 'first.snapshot');
    await writeFile(snapshot, `PORTHOLE-SNAPSHOT 1\n{"revision":7}\n${' '.repeat(600)}`);
    await expect(restoreSnapshot(snapshot, join(root, 'restored'))).rejects.toThrow('is of another version of porthole');
  });
});
