// The store on disk runs the Backend suite; beyond it: it is durable, takes no second process, and shares syncs.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/apimachinery/clock.js';
import { silentLogger } from '../../../src/apimachinery/logger.js';
import { openLevelBackend } from '../../../src/etcd/leveldb.js';
import { backendSuite } from '../../suites/backend.js';

const root = await mkdtemp(join(tmpdir(), 'porthole-etcd-'));
afterAll(() => rm(root, { recursive: true, force: true }));
let made = 0;
const newDir = () => join(root, String(++made));
const open = (dir: string) => openLevelBackend({ dir, clock: systemClock, log: silentLogger });

backendSuite('LevelDB', async () => {
  const backend = await open(newDir());
  return { backend, dispose: () => backend.close() };
});

describe('LevelDB on disk', () => {
  it('has after a restart what it had: values, history, leases and the next revision', async () => {
    const dir = newDir();
    const first = await open(dir);
    const { id } = await first.leaseGrant(600);
    for (const value of ['1', '2'])
      await first.txn({ compare: [], success: [{ type: 'put', key: 'k', value: Buffer.from(value), lease: id }], failure: [] });
    await first.close();
    const second = await open(dir);
    expect((await second.range({ key: 'k', revision: 2 })).kvs[0]!.value.toString()).toBe('1');
    expect((await second.leaseTimeToLive(id, true)).keys).toEqual(['k']);
    expect((await second.txn({ compare: [], success: [{ type: 'delete', key: 'k' }], failure: [] })).revision).toBe(4);
    await second.close();
  });

  it('refuses a second opening with a line that says what to do', async () => {
    const dir = newDir();
    const backend = await open(dir);
    await expect(open(dir)).rejects.toThrow(/is in use by another process: stop that one/);
    await backend.close();
  });

  it('lets many writers share a sync', async () => {
    const backend = await open(newDir());
    const write = (i: number) =>
      backend.txn({ compare: [], success: [{ type: 'put', key: `k${i}`, value: Buffer.from('v') }], failure: [] });
    const batches: number[] = [];
    backend.watch({ key: '', rangeEnd: '\0' }, { onBatch: (b) => batches.push(b.events.length), onEnd: () => {} });
    await Promise.all(Array.from({ length: 500 }, (_, i) => write(i)));
    expect(batches.reduce((a, b) => a + b, 0)).toBe(500);
    expect(batches.length).toBeLessThan(20);
    await backend.close();
  });
});

describe('kill -9 under load', () => {
  it('loses no acknowledged write and uses no revision twice', async () => {
    const dir = newDir();
    const acknowledged = new Map<string, number>();
    for (let round = 0; round < 5; round++) {
      const writer = spawn(process.execPath, ['--import', writerLoader(), '-e', '0', dir, String(round)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await readAcks(writer, acknowledged, 200 + 50 * round);
      const backend = await open(dir);
      for (const [key, revision] of acknowledged) expect((await backend.range({ key })).kvs[0]?.modRevision, key).toBe(revision);
      const { kvs } = await backend.range({ key: '', rangeEnd: '\0' });
      expect(new Set(kvs.map((kv) => kv.modRevision)).size).toBe(kvs.length);
      await backend.close();
    }
    expect(acknowledged.size).toBeGreaterThan(1000);
  });
});

/** A writer of the compiled store: 16 loops that print each acknowledged key with its revision. */
function writerLoader(): string {
  const store = new URL('../../../dist/src/etcd/leveldb.js', import.meta.url).href;
  const clock = new URL('../../../dist/src/apimachinery/clock.js', import.meta.url).href;
  const logger = new URL('../../../dist/src/apimachinery/logger.js', import.meta.url).href;
  const source = `
    import { writeSync } from 'node:fs';
    const [{ openLevelBackend }, { systemClock }, { silentLogger }] = await Promise.all(['${store}', '${clock}', '${logger}'].map((m) => import(m)));
    const [dir, round] = process.argv.slice(1);
    const backend = await openLevelBackend({ dir, clock: systemClock, log: silentLogger });
    await Promise.all(Array.from({ length: 16 }, async (_, w) => {
      for (let i = 0; ; i++) {
        const key = round + '/' + w + '/' + i;
        const { revision } = await backend.txn({ compare: [], success: [{ type: 'put', key, value: Buffer.alloc(512) }], failure: [] });
        writeSync(1, key + ' ' + revision + '\\n');
      }
    }));`;
  return `data:text/javascript,${encodeURIComponent(source)}`;
}

async function readAcks(writer: ChildProcess, acknowledged: Map<string, number>, enough: number): Promise<void> {
  let seen = 0;
  const exited = once(writer, 'exit');
  for await (const line of createInterface({ input: writer.stdout! })) {
    const [key, revision] = line.split(' ');
    acknowledged.set(key!, Number(revision));
    if (++seen === enough) writer.kill('SIGKILL');
  }
  await exited;
  expect(seen).toBeGreaterThanOrEqual(enough);
}
