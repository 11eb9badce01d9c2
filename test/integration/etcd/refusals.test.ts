// Directories that a store cannot be in: `porthole etcd` says why in one line, and leaves them as they are.
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/apimachinery/clock.js';
import { silentLogger } from '../../../src/apimachinery/logger.js';
import { openLevelBackend } from '../../../src/etcd/leveldb.js';
import { MAIN, run } from '../../suites/etcdctl.js';

const root = mkdtempSync(join(tmpdir(), 'porthole-etcd-refusals-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** Without what lets root pass over permissions. */
const AS_OTHERS = ['--bounding-set=-dac_override,-dac_read_search', '--inh-caps=-all'];
const serving = (dir: string) => [process.execPath, MAIN, 'etcd', '--data-dir', dir, '--listen-client-urls', 'http://127.0.0.1:0'];

async function refused(command: string, args: readonly string[]): Promise<string> {
  const { code, stderr } = await run(command, args);
  expect({ code, lines: stderr.trim().split('\n').length }, stderr).toEqual({ code: 1, lines: 1 });
  return stderr;
}

/** A store with something in it. */
async function storeIn(dir: string): Promise<void> {
  const backend = await openLevelBackend({ dir, clock: systemClock, log: silentLogger });
  await backend.txn({ compare: [], success: [{ type: 'put', key: 'a', value: Buffer.from('1') }], failure: [] });
  await backend.close();
}

describe.runIf(process.getuid?.() === 0)('a store', () => {
  it('is not made, and not opened, where permissions forbid it', async () => {
    const closed = join(root, 'closed');
    mkdirSync(closed, { mode: 0o500 });
    expect(await refused('setpriv', [...AS_OTHERS, ...serving(join(closed, 'etcd'))])).toMatch(
      /cannot write the database in .*permission/i,
    );
    const dir = join(root, 'kept');
    await storeIn(dir);
    chmodSync(dir, 0o500);
    const before = readdirSync(dir);
    expect(await refused('setpriv', [...AS_OTHERS, ...serving(dir)])).toMatch(/cannot write the database in .*permission.*run as root/i);
    chmodSync(dir, 0o000);
    expect(await refused('setpriv', [...AS_OTHERS, ...serving(dir)])).toMatch(/cannot write the database in .*permission.*run as root/i);
    chmodSync(dir, 0o700);
    expect(readdirSync(dir)).toEqual(before);
    const backend = await openLevelBackend({ dir, clock: systemClock, log: silentLogger });
    expect((await backend.range({ key: 'a' })).count).toBe(1);
    await backend.close();
  });

  it('is refused on a read-only file system, new or old', async () => {
    const disk = join(root, 'disk');
    mkdirSync(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', disk]);
    try {
      await storeIn(join(disk, 'kept'));
      execFileSync('mount', ['-o', 'remount,ro', disk]);
      const [node, ...args] = serving(join(disk, 'kept'));
      expect(await refused(node!, args)).toMatch(/cannot write the database in .*read-only.*choose another --data-dir/i);
      expect(await refused(node!, serving(join(disk, 'new')).slice(1))).toMatch(/cannot write the database in .*read-only/i);
    } finally {
      execFileSync('umount', [disk]);
    }
  });

  it('is refused where its directory is a file', async () => {
    const file = join(root, 'file');
    writeFileSync(file, 'something else');
    const [node, ...args] = serving(file);
    expect(await refused(node!, args)).toContain(`cannot open the database in ${file}`);
  });
});
