// Writes that fail, as on a full disk: refused with the cause, nothing acknowledged is lost, and all goes on once there is room.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MemoryLevel } from 'memory-level';
import { describe, expect, it } from 'vitest';
import { systemClock, systemRandom } from '../../../src/apimachinery/clock.js';
import { silentLogger } from '../../../src/apimachinery/logger.js';
import type { Backend } from '../../../src/etcd/backend.js';
import type { Database } from '../../../src/etcd/database.js';
import { openLevelBackend } from '../../../src/etcd/leveldb.js';
import { MvccBackend } from '../../../src/etcd/mvcc.js';

const MIB = 1 << 20;
const put = (backend: Backend, key: string, value: string) =>
  backend.txn({ compare: [], success: [{ type: 'put', key, value: Buffer.from(value) }], failure: [] });
const read = async (backend: Backend, key: string) => (await backend.range({ key })).kvs[0]?.value.toString();

describe.runIf(process.getuid?.() === 0)('a full disk', () => {
  it('refuses writes, keeps what it acknowledged, and takes writes again when there is room', async () => {
    const root = mkdtempSync(join(tmpdir(), 'porthole-full-'));
    const [disk, crashed] = [join(root, 'disk'), join(root, 'crashed')];
    execFileSync('mkdir', [disk]);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=48m', 'tmpfs', disk]);
    let backend: Backend | undefined;
    try {
      const dir = join(disk, 'etcd');
      backend = await openLevelBackend({ dir, clock: systemClock, log: silentLogger });
      writeFileSync(join(disk, 'filler'), Buffer.alloc(47 * MIB));
      const acknowledged = new Map<string, string>();
      const write = async (key: string) => {
        const value = key.repeat(1_000);
        await put(backend!, key, value);
        acknowledged.set(key, value);
      };
      const errors: string[] = [];
      for (let i = 0; i < 600; i++) await write(`before-${i}`).catch((error: Error) => errors.push(error.message));
      expect(acknowledged.size).toBeGreaterThan(10);
      expect(errors[0]).toMatch(/could not write to the database: .*No space left on device/);
      expect(errors.at(-1)).toMatch(/no space left for the database in .*etcd: free 20 MiB at least$/);
      expect(await read(backend, 'before-0')).toBe(acknowledged.get('before-0'));

      rmSync(join(disk, 'filler'));
      for (let i = 0; i < 50; i++) await write(`after-${i}`);
      // What a machine would find that lost its power now.
      cpSync(dir, crashed, { recursive: true });
      await backend.close();
      backend = await openLevelBackend({ dir: crashed, clock: systemClock, log: silentLogger });
      for (const [key, value] of acknowledged) expect(await read(backend, key), key).toBe(value);
    } finally {
      await backend?.close();
      execFileSync('umount', [disk]);
      rmSync(root, { recursive: true });
    }
  });
});

/** A store in memory whose next write fails, after it was done or without. */
async function fallible(): Promise<{ backend: Backend; failNext(how: { done: boolean; after?: number }): void; reopened(): number }> {
  const db = new MemoryLevel<string, Buffer>({ keyEncoding: 'utf8', valueEncoding: 'buffer' });
  await db.open();
  let reopened = 0;
  const backend = await MvccBackend.open({
    db: db as unknown as Database,
    clock: systemClock,
    random: systemRandom,
    size: async () => 0,
    reopen: async () => void reopened++,
  });
  const batch = db.batch.bind(db);
  const failNext = ({ done, after = 0 }: { done: boolean; after?: number }) => {
    let left = after;
    (db as { batch: unknown }).batch = () => {
      const one = batch();
      if (left-- > 0) return one;
      (db as { batch: unknown }).batch = batch;
      const write = one.write.bind(one);
      one.write = async (options?: object) => {
        if (done) await write(options ?? {});
        throw new Error('the sync failed');
      };
      return one;
    };
  };
  return { backend, failNext, reopened: () => reopened };
}

describe('a write that failed and is on disk all the same', () => {
  it('is found: watches end so that their clients list anew, and the next revision is behind it', async () => {
    const { backend, failNext, reopened } = await fallible();
    await put(backend, 'a', '1');
    const ended: string[] = [];
    backend.watch({ key: '', rangeEnd: '\0' }, { onBatch: () => {}, onEnd: (error) => ended.push(error.message) });

    failNext({ done: true });
    await expect(put(backend, 'b', '2')).rejects.toThrow('etcdserver: could not write to the database: the sync failed');
    await expect(put(backend, 'c', '3')).rejects.toThrow('the database was recovered just now: try again');
    expect(ended).toEqual(['etcdserver: the database was recovered']);
    expect((await put(backend, 'd', '4')).revision).toBe(4);
    expect([await read(backend, 'b'), await read(backend, 'c'), await read(backend, 'd')]).toEqual(['2', undefined, '4']);
    expect(reopened()).toBe(2);
    await backend.close();
  });

  it('is found of a lease too, which has no revision', async () => {
    const { backend, failNext } = await fallible();
    failNext({ done: true });
    await expect(backend.leaseGrant(600, 7n)).rejects.toThrow('the sync failed');
    await put(backend, 'a', '1');
    expect(await backend.leaseTimeToLive(7n)).toMatchObject({ id: 7n, grantedTtl_s: 600, ttl_s: 600 });
    await backend.close();
  });
});

describe('a key that is written again while its last write is under way', () => {
  it('is as that left it when the other fails', async () => {
    const { backend, failNext } = await fallible();
    await put(backend, 'a', '1');
    failNext({ done: false, after: 1 });
    const second = put(backend, 'a', '2');
    // Behind what has begun to be written.
    for (let i = 0; i < 3; i++) await Promise.resolve();
    const third = put(backend, 'a', '3');
    expect((await second).revision).toBe(3);
    await expect(third).rejects.toThrow('the sync failed');
    const swapped = await backend.txn({
      compare: [{ key: 'a', target: 'value', result: '=', value: Buffer.from('2') }],
      success: [{ type: 'put', key: 'a', value: Buffer.from('4'), prevKv: true }],
      failure: [],
    });
    expect(swapped).toMatchObject({ succeeded: true, revision: 4, results: [{ prevKv: { modRevision: 3, version: 2 } }] });
    await backend.close();
  });
});

describe('leases when a write fails', () => {
  const attach = (backend: Backend, key: string, lease: bigint) =>
    backend.txn({ compare: [], success: [{ type: 'put', key, value: Buffer.from('v'), lease }], failure: [] });
  const failure = 'etcdserver: could not write to the database: the sync failed';

  it('are not granted', async () => {
    const { backend, failNext } = await fallible();
    failNext({ done: false });
    const attempts = [backend.leaseGrant(600, 7n), attach(backend, 'a', 7n)];
    for (const { reason } of (await Promise.allSettled(attempts)) as PromiseRejectedResult[]) expect(reason.message).toBe(failure);
    expect(await backend.leases()).toEqual([]);
    await expect(attach(backend, 'a', 7n)).rejects.toThrow('requested lease not found');
    expect(await backend.leaseGrant(600, 7n)).toMatchObject({ id: 7n, ttl_s: 600 });
    await backend.close();
  });

  it('are not revoked, and keep their keys', async () => {
    const { backend, failNext } = await fallible();
    await backend.leaseGrant(600, 7n);
    await attach(backend, 'a', 7n);
    failNext({ done: false });
    const [revoked, late] = await Promise.allSettled([backend.leaseRevoke(7n), attach(backend, 'b', 7n)]);
    expect((revoked as PromiseRejectedResult).reason.message).toBe(failure);
    // It came behind the revocation, which then failed: it is told what held when it came.
    expect((late as PromiseRejectedResult).reason.message).toContain('requested lease not found');
    expect(await backend.leaseKeepAlive(7n)).toMatchObject({ ttl_s: 600 });
    expect(await backend.leaseTimeToLive(7n, true)).toMatchObject({ keys: ['a'] });
    await attach(backend, 'b', 7n);
    await backend.leaseRevoke(7n);
    expect((await backend.range({ key: '', rangeEnd: '\0' })).count).toBe(0);
    await backend.close();
  });

  it('neither lose nor gain a key', async () => {
    const { backend, failNext } = await fallible();
    for (const id of [7n, 8n]) await backend.leaseGrant(600, id);
    await attach(backend, 'a', 7n);
    failNext({ done: false });
    await expect(attach(backend, 'a', 8n)).rejects.toThrow(failure);
    const keysOf = async (id: bigint) => (await backend.leaseTimeToLive(id, true)).keys;
    expect([await keysOf(7n), await keysOf(8n)]).toEqual([['a'], []]);
    await backend.leaseRevoke(8n);
    expect(await read(backend, 'a')).toBe('v');
    await backend.leaseRevoke(7n);
    expect(await read(backend, 'a')).toBeUndefined();
    await backend.close();
  });

  it('take with them a key that is attached at the same moment', async () => {
    const { backend } = await fallible();
    const all = [
      backend.leaseGrant(600, 7n),
      attach(backend, 'a', 7n),
      put(backend, 'b', '1'),
      backend.leaseRevoke(7n),
      backend.leaseGrant(60, 7n),
    ];
    await Promise.all(all);
    expect((await backend.range({ key: '', rangeEnd: '\0' })).kvs.map((kv) => kv.key)).toEqual(['b']);
    expect(await backend.leaseTimeToLive(7n, true)).toMatchObject({ grantedTtl_s: 60, keys: [] });
    await backend.close();
  });
});
