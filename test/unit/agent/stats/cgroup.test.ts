// The kernel's files of a control group, of both versions, and of network interfaces, as what they count.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { readV1, readV2 } from '../../../../agent/stats/cgroup.js';
import { treeUsage } from '../../../../agent/stats/disk-usage.js';
import { parseInterfaces } from '../../../../agent/stats/network.js';

const root = mkdtempSync(join(tmpdir(), 'stats-'));
afterAll(() => rmSync(root, { recursive: true }));

function group(name: string, files: { readonly [file: string]: string }): string {
  const directory = join(root, name);
  mkdirSync(directory);
  for (const [file, text] of Object.entries(files)) writeFileSync(join(directory, file), `${text}\n`);
  return directory;
}

it('reads a group of cgroup v2', async () => {
  const path = group('v2', {
    'cpu.stat': 'usage_usec 3000\nuser_usec 2000\nsystem_usec 1000\nnr_periods 10\nnr_throttled 4\nthrottled_usec 700',
    'cpu.max': '50000 100000',
    'cpu.weight': '39',
    'memory.current': '1000000',
    'memory.max': '2000000',
    'memory.stat': 'anon 600000\nfile 400000\nfile_mapped 5\ninactive_file 300000\npgfault 7\npgmajfault 2',
    'memory.events': 'low 0\nmax 3\noom 1\noom_kill 1',
    'pids.current': '6',
    'io.stat': '8:0 rbytes=100 wbytes=20 rios=1\n8:16 rbytes=11 wbytes=2 rios=1',
  });
  expect(await readV2(path)).toMatchObject({
    cpu_ns: 3_000_000,
    user_ns: 2_000_000,
    system_ns: 1_000_000,
    periods: 10,
    throttledPeriods: 4,
    throttled_ns: 700_000,
    quota_us: 50_000,
    period_us: 100_000,
    shares: 998,
    memory_bytes: 1_000_000,
    workingSet_bytes: 700_000,
    rss_bytes: 600_000,
    limit_bytes: 2_000_000,
    failures: 3,
    pageFaults: 7,
    oomKills: 1,
    processes: 6,
    read_bytes: 111,
    written_bytes: 22,
  });
});

it('knows no limit where cgroup v2 has none', async () => {
  const usage = await readV2(
    group('free', { 'cpu.stat': 'usage_usec 1', 'cpu.max': 'max 100000', 'memory.current': '1', 'memory.max': 'max' }),
  );
  expect(usage).not.toHaveProperty('quota_us');
  expect(usage).not.toHaveProperty('limit_bytes');
});

it('reads a group of cgroup v1', async () => {
  const path = group('v1', {
    'cpuacct.usage': '5000',
    'cpuacct.stat': 'user 3\nsystem 1',
    'cpu.stat': 'nr_periods 2\nnr_throttled 1\nthrottled_time 9',
    'cpu.cfs_quota_us': '-1',
    'cpu.cfs_period_us': '100000',
    'cpu.shares': '512',
    'memory.usage_in_bytes': '1000',
    'memory.limit_in_bytes': '9223372036854771712',
    'memory.stat': 'cache 1\ntotal_cache 300\ntotal_rss 600\ntotal_inactive_file 250',
    'memory.oom_control': 'oom_kill_disable 0\nunder_oom 0\noom_kill 2',
    'pids.current': '4',
    'blkio.throttle.io_service_bytes': '8:0 Read 10\n8:0 Write 5\n8:0 Total 15\nTotal 15',
  });
  const usage = await readV1({ cpu: path, cpuacct: path, memory: path, pids: path, blkio: path });
  expect(usage).toMatchObject({
    cpu_ns: 5000,
    user_ns: 30_000_000,
    throttledPeriods: 1,
    shares: 512,
    memory_bytes: 1000,
    workingSet_bytes: 750,
    rss_bytes: 600,
    cache_bytes: 300,
    oomKills: 2,
    processes: 4,
    read_bytes: 10,
    written_bytes: 5,
  });
  expect(usage).not.toHaveProperty('quota_us');
  expect(usage).not.toHaveProperty('limit_bytes');
});

it('is nothing for a group that is gone', async () => {
  const path = join(root, 'gone');
  expect(await readV2(path)).toBeUndefined();
  expect(await readV1({ cpu: path, cpuacct: path, memory: path, pids: path, blkio: path })).toBeUndefined();
});

it('reads interfaces, without the loopback', () => {
  const text = [
    'Inter-|   Receive                                                |  Transmit',
    ' face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed',
    '    lo: 9 9 0 0 0 0 0 0 9 9 0 0 0 0 0 0',
    '  eth0: 100 10 1 2 0 0 0 0 200 20 3 4 0 0 0 0',
  ].join('\n');
  expect(parseInterfaces(text)).toEqual([
    { name: 'eth0', rx: { bytes: 100, packets: 10, errors: 1, dropped: 2 }, tx: { bytes: 200, packets: 20, errors: 3, dropped: 4 } },
  ]);
});

it('counts a tree of files, and nothing that is not there', async () => {
  const directory = group('tree', { file: 'x'.repeat(5000) });
  const { bytes, inodes } = await treeUsage(directory);
  expect(bytes).toBeGreaterThanOrEqual(5000);
  expect(inodes).toBe(2);
  expect(await treeUsage(join(root, 'nothing'))).toEqual({ bytes: 0, inodes: 0 });
});
