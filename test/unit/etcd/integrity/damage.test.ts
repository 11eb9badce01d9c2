// Damage to the database's files, byte by byte over many seeds: the store finds it at start and says what to do; it serves none of it.
import { cp, mkdtemp, open as openFile, readdir, readFile, rm, stat, truncate, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../../src/apimachinery/clock.js';
import { silentLogger } from '../../../../src/apimachinery/logger.js';
import type { EmbeddedBackend } from '../../../../src/etcd/embedded.js';
import { hashDatabase } from '../../../../src/etcd/hash.js';
import { openLevelBackend } from '../../../../src/etcd/leveldb.js';
import { restoreSnapshot, saveSnapshot, snapshotOf, snapshotStatus } from '../../../../src/etcd/snapshot.js';
import { randoms } from '../../../suites/randoms.js';

const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const FLIPS = 200;
const CUTS = 60;

const root = await mkdtemp(join(tmpdir(), 'porthole-damage-'));
afterAll(() => rm(root, { recursive: true, force: true }));
const open = (dir: string, warnings: string[] = []) =>
  openLevelBackend({ dir, clock: systemClock, log: { ...silentLogger, warn: (_, message) => void warnings.push(message) } });

/** Several tables, a log, history, leases, and values that compress and that do not. */
async function fill(backend: EmbeddedBackend, random: (below: number) => number): Promise<void> {
  const { id } = await backend.leaseGrant(600);
  for (let round = 0; round < 6; round++) {
    const value = () =>
      random(2) ? Buffer.alloc(1000 + random(3000), `round ${round} `) : Buffer.from(Array.from({ length: 900 }, () => random(256)));
    const put = (i: number) => ({ type: 'put', key: `/registry/things/${i}`, value: value(), ...(i % 10 === 0 && { lease: id }) }) as const;
    const keys = Array.from({ length: 300 }, (_, i) => i);
    await Promise.all(keys.map((i) => backend.txn({ compare: [], success: [put(i)], failure: [] })));
    await backend.txn({ compare: [], success: [{ type: 'delete', key: '/registry/things/7' }], failure: [] });
    // The last round stays in the log, as it does when a server stops.
    if (round === 2) await backend.defragment();
  }
}

describe(`a damaged database (SEED=${SEED})`, () => {
  const random = randoms(SEED);
  const good = join(root, 'good');
  const copy = join(root, 'copy');
  let files: string[];
  let wanted: number;
  beforeAll(async () => {
    const backend = await open(good);
    await fill(backend, random);
    wanted = await hashDatabase(backend.database);
    await backend.close();
    files = (await readdir(good)).filter((name) => /^(CURRENT|MANIFEST-.*|.*\.ldb|.*\.log)$/.test(name));
    expect(files.filter((name) => name.endsWith('.ldb')).length).toBeGreaterThan(0);
    expect(files.some((name) => name.endsWith('.log'))).toBe(true);
  });

  const damaged = async (damage: (name: string) => Promise<string>, { crashed }: { crashed: boolean }) => {
    await rm(copy, { recursive: true, force: true });
    await cp(good, copy, { recursive: true });
    if (crashed) await unlink(join(copy, 'CLOSED'));
    // Each file as often, however small.
    return damage(files[random(files.length)]!);
  };
  const flip = async (name: string) => {
    const at = random((await stat(join(copy, name))).size);
    const bit = random(8);
    const handle = await openFile(join(copy, name), 'r+');
    const byte = Buffer.alloc(1);
    await handle.read(byte, 0, 1, at);
    byte[0]! ^= 1 << bit;
    await handle.write(byte, 0, 1, at);
    await handle.close();
    return `${name}: bit ${bit} of byte ${at}`;
  };
  const zeros = async (name: string) => {
    const { size } = await stat(join(copy, name));
    const at = random(size);
    const bytes = await readFile(join(copy, name));
    const length = Math.min(1 + random(600), size - at);
    // Zeros over zeros are no damage.
    if (bytes.subarray(at, at + length).every((byte) => byte === 0)) bytes[at] = 1;
    else bytes.fill(0, at, at + length);
    await writeFile(join(copy, name), bytes);
    return `${name}: ${length} zeros at ${at}`;
  };
  const cut = async (name: string) => {
    const { size } = await stat(join(copy, name));
    const to = random(size);
    await truncate(join(copy, name), to);
    return `${name}: cut to ${to} of ${size}`;
  };

  it('is as it was when nothing is damaged', async () => {
    await cp(good, copy, { recursive: true });
    const backend = await open(copy);
    expect(await hashDatabase(backend.database)).toBe(wanted);
    await backend.close();
  });

  it.each([{ crashed: false }, { crashed: true }])('is refused for any flipped bit, crashed before: $crashed', async (how) => {
    for (let i = 0; i < FLIPS; i++) {
      const what = await damaged(flip, how);
      await expect(open(copy), what).rejects.toThrow(/is corrupt \(.*no good snapshot in .*restore the directory from a backup/);
    }
  }, 180_000);

  it('is refused for any zeroed piece and any cut after it was closed', async () => {
    for (let i = 0; i < CUTS; i++) {
      const zeroed = await damaged(zeros, { crashed: false });
      // A log's end that lacks sectors is what a power failure leaves: it is left out, and told.
      const warnings: string[] = [];
      const opened = await open(copy, warnings).catch((error: Error) => error);
      if (opened instanceof Error) expect(opened.message, zeroed).toContain('is corrupt');
      else {
        await opened.close();
        expect(warnings.join(), zeroed).toContain('cut off');
      }
      const shortened = await damaged(cut, { crashed: false });
      await expect(open(copy), shortened).rejects.toThrow('is corrupt');
    }
  });

  it('opens with a log that a crash cut off, tells so, and serves only whole transactions', async () => {
    const log = files.filter((name) => name.endsWith('.log')).at(-1)!;
    for (let i = 0; i < CUTS / 4; i++) {
      const what = await damaged(() => cut(log), { crashed: true });
      const warnings: string[] = [];
      const backend = await open(copy, warnings);
      const { revision } = await backend.status();
      const { kvs } = await backend.range({ key: '/registry/', rangeEnd: '/registry0' });
      expect(Math.max(...kvs.map((kv) => kv.modRevision)), what).toBeLessThanOrEqual(revision);
      await backend.close();
    }
  });

  it('is refused when a file is gone', async () => {
    for (const name of files) {
      await rm(copy, { recursive: true, force: true });
      await cp(good, copy, { recursive: true });
      await unlink(join(copy, name));
      await expect(open(copy), name).rejects.toThrow(`is corrupt (${name} is missing)`);
    }
  });

  it('names the newest good snapshot and the command that restores it, and that command works', async () => {
    await rm(copy, { recursive: true, force: true });
    await cp(good, copy, { recursive: true });
    const backend = await open(copy);
    const dir = `${copy}-snapshots`;
    await saveSnapshot(snapshotOf(backend.database, 1_000), join(dir, 'older'));
    await backend.txn({ compare: [], success: [{ type: 'put', key: 'newer', value: Buffer.from('1') }], failure: [] });
    const { revision } = await saveSnapshot(snapshotOf(backend.database, 2_000), join(dir, 'newer'));
    await backend.txn({ compare: [], success: [{ type: 'put', key: 'newest', value: Buffer.from('1') }], failure: [] });
    await saveSnapshot(snapshotOf(backend.database, 3_000), join(dir, 'newest'));
    await truncate(join(dir, 'newest'), (await stat(join(dir, 'newest'))).size - 1);
    await backend.close();
    await unlink(join(copy, 'CURRENT'));
    const error = (await open(copy).catch((e: Error) => e)) as Error;
    expect(error.message).toContain(`the newest good snapshot is ${join(dir, 'newer')} (revision ${revision}, saved 1970-01-01T00:00:02Z)`);
    expect(error.message).toContain(
      `mv ${copy} ${copy}.corrupt && porthole etcd snapshot restore ${join(dir, 'newer')} --data-dir ${copy}`,
    );
    await rm(copy, { recursive: true, force: true });
    await restoreSnapshot(join(dir, 'newer'), copy);
    const restored = await open(copy);
    expect((await restored.range({ key: 'new', rangeEnd: 'nex' })).kvs.map((kv) => kv.key)).toEqual(['newer']);
    expect(await restored.status()).toMatchObject({ revision });
    await restored.close();
  });

  it('has no snapshot that opens with a flipped bit or cut short', async () => {
    const backend = await open(join(root, 'small'));
    await backend.txn({ compare: [], success: [{ type: 'put', key: 'k', value: Buffer.alloc(300, 'x') }], failure: [] });
    const file = join(root, 'small.snapshot');
    await saveSnapshot(snapshotOf(backend.database, 0), file);
    await backend.close();
    const bytes = await readFile(file);
    for (let i = 0; i < FLIPS; i++) {
      const bad = Buffer.from(bytes);
      bad[random(bad.length)]! ^= 1 << random(8);
      await writeFile(file, i % 3 === 0 ? bytes.subarray(0, random(bytes.length)) : bad);
      await expect(snapshotStatus(file)).rejects.toThrow('is not a good snapshot');
    }
  });

  it('refuses a second process before it looks at files that change', async () => {
    const backend = await open(join(root, 'held'));
    await expect(open(join(root, 'held'))).rejects.toThrow('is in use by another process');
    await backend.close();
  });
});
