// What the kernel counts for one control group, of cgroup v1 or v2: CPU time, memory, processes, and bytes read and written.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

const ROOT = '/sys/fs/cgroup';
/** v1 counts CPU time of user and system in these. */
const TICKS_PER_SECOND = 100;
/** v1 writes no limit as the largest number of whole pages. */
const UNLIMITED_FROM = 2 ** 62;

/** Where a group lies: in each controller's hierarchy, or in the one of v2. */
export type CgroupPaths = { readonly [controller in 'cpu' | 'cpuacct' | 'memory' | 'pids' | 'blkio']: string };

export interface CgroupUsage {
  readonly cpu_ns: number;
  readonly user_ns: number;
  readonly system_ns: number;
  readonly periods: number;
  readonly throttledPeriods: number;
  readonly throttled_ns: number;
  /** Absent: no limit. */
  readonly quota_us?: number;
  readonly period_us: number;
  readonly shares: number;
  readonly memory_bytes: number;
  /** Without what the kernel would drop first. */
  readonly workingSet_bytes: number;
  readonly rss_bytes: number;
  readonly cache_bytes: number;
  readonly mapped_bytes: number;
  readonly swap_bytes: number;
  readonly max_bytes: number;
  /** Absent: no limit. */
  readonly limit_bytes?: number;
  readonly failures: number;
  readonly pageFaults: number;
  readonly majorPageFaults: number;
  readonly oomKills: number;
  readonly processes: number;
  readonly read_bytes: number;
  readonly written_bytes: number;
}

const isV2 = existsSync(join(ROOT, 'cgroup.controllers'));

/** The groups of a process; undefined where it is gone. */
export async function cgroupOf(pid: number): Promise<CgroupPaths | undefined> {
  const text = await read(`/proc/${pid}/cgroup`);
  if (text === '') return undefined;
  const lines = text
    .trim()
    .split('\n')
    .map((line) => line.split(':'));
  const at = (controller: keyof CgroupPaths) => {
    const [, , ...path] = lines.find(([, names = '']) => (isV2 ? names === '' : names.split(',').includes(controller))) ?? [];
    return join(ROOT, isV2 ? '' : controller, path.join(':'));
  };
  return { cpu: at('cpu'), cpuacct: at('cpuacct'), memory: at('memory'), pids: at('pids'), blkio: at('blkio') };
}

/** As metrics name a group: without where its hierarchy is mounted. */
export function cgroupName({ memory }: CgroupPaths): string {
  return memory.slice(join(ROOT, isV2 ? '' : 'memory').length) || '/';
}

export function parentOf(paths: CgroupPaths): CgroupPaths {
  return {
    cpu: dirname(paths.cpu),
    cpuacct: dirname(paths.cpuacct),
    memory: dirname(paths.memory),
    pids: dirname(paths.pids),
    blkio: dirname(paths.blkio),
  };
}

/** The machine's own, of all processes. */
export function rootCgroup(): CgroupPaths {
  const at = (controller: string) => join(ROOT, isV2 ? '' : controller);
  return { cpu: at('cpu'), cpuacct: at('cpuacct'), memory: at('memory'), pids: at('pids'), blkio: at('blkio') };
}

/** Undefined where the group is gone. */
export function readCgroup(paths: CgroupPaths): Promise<CgroupUsage | undefined> {
  return isV2 ? readV2(paths.memory) : readV1(paths);
}

export async function readV1({ cpu, cpuacct, memory, pids, blkio }: CgroupPaths): Promise<CgroupUsage | undefined> {
  const [time, ticks, stat, quota, period, shares, usage, most, limit, failures, detail, oom, tasks, io] = await Promise.all(
    [
      join(cpuacct, 'cpuacct.usage'),
      join(cpuacct, 'cpuacct.stat'),
      join(cpu, 'cpu.stat'),
      join(cpu, 'cpu.cfs_quota_us'),
      join(cpu, 'cpu.cfs_period_us'),
      join(cpu, 'cpu.shares'),
      join(memory, 'memory.usage_in_bytes'),
      join(memory, 'memory.max_usage_in_bytes'),
      join(memory, 'memory.limit_in_bytes'),
      join(memory, 'memory.failcnt'),
      join(memory, 'memory.stat'),
      join(memory, 'memory.oom_control'),
      join(pids, 'pids.current'),
      join(blkio, 'blkio.throttle.io_service_bytes'),
    ].map(read),
  );
  if (!time) return undefined;
  const [acct, cfs, counts] = [keyed(ticks!), keyed(stat!), keyed(detail!)];
  const memory_bytes = Number(usage) || 0;
  return {
    cpu_ns: Number(time),
    user_ns: ((acct['user'] ?? 0) * 1e9) / TICKS_PER_SECOND,
    system_ns: ((acct['system'] ?? 0) * 1e9) / TICKS_PER_SECOND,
    periods: cfs['nr_periods'] ?? 0,
    throttledPeriods: cfs['nr_throttled'] ?? 0,
    throttled_ns: cfs['throttled_time'] ?? 0,
    ...(Number(quota) > 0 ? { quota_us: Number(quota) } : {}),
    period_us: Number(period) || 0,
    shares: Number(shares) || 0,
    memory_bytes,
    workingSet_bytes: Math.max(0, memory_bytes - (counts['total_inactive_file'] ?? 0)),
    rss_bytes: counts['total_rss'] ?? 0,
    cache_bytes: counts['total_cache'] ?? 0,
    mapped_bytes: counts['total_mapped_file'] ?? 0,
    swap_bytes: counts['total_swap'] ?? 0,
    max_bytes: Number(most) || 0,
    ...limited(Number(limit)),
    failures: Number(failures) || 0,
    pageFaults: counts['total_pgfault'] ?? 0,
    majorPageFaults: counts['total_pgmajfault'] ?? 0,
    oomKills: keyed(oom!)['oom_kill'] ?? 0,
    processes: Number(tasks) || 0,
    read_bytes: sumOf(io!, /^\S+ Read (\d+)$/gm),
    written_bytes: sumOf(io!, /^\S+ Write (\d+)$/gm),
  };
}

export async function readV2(group: string): Promise<CgroupUsage | undefined> {
  const [stat, max, weight, usage, most, limit, swap, detail, events, tasks, io] = await Promise.all(
    [
      'cpu.stat',
      'cpu.max',
      'cpu.weight',
      'memory.current',
      'memory.peak',
      'memory.max',
      'memory.swap.current',
      'memory.stat',
      'memory.events',
      'pids.current',
      'io.stat',
    ].map((file) => read(join(group, file))),
  );
  if (!stat) return undefined;
  const [cpu, counts, told] = [keyed(stat), keyed(detail!), keyed(events!)];
  const [quota, period] = max!.split(' ');
  // The root has no memory.current: it is the machine.
  const memory_bytes = usage ? Number(usage) : await machineMemory();
  return {
    cpu_ns: (cpu['usage_usec'] ?? 0) * 1000,
    user_ns: (cpu['user_usec'] ?? 0) * 1000,
    system_ns: (cpu['system_usec'] ?? 0) * 1000,
    periods: cpu['nr_periods'] ?? 0,
    throttledPeriods: cpu['nr_throttled'] ?? 0,
    throttled_ns: (cpu['throttled_usec'] ?? 0) * 1000,
    ...(Number(quota) > 0 ? { quota_us: Number(quota) } : {}),
    period_us: Number(period) || 0,
    shares: sharesOf(Number(weight) || 0),
    memory_bytes,
    workingSet_bytes: Math.max(0, memory_bytes - (counts['inactive_file'] ?? 0)),
    rss_bytes: counts['anon'] ?? 0,
    cache_bytes: counts['file'] ?? 0,
    mapped_bytes: counts['file_mapped'] ?? 0,
    swap_bytes: Number(swap) || 0,
    max_bytes: Number(most) || 0,
    ...(limit ? limited(Number(limit)) : {}),
    failures: told['max'] ?? 0,
    pageFaults: counts['pgfault'] ?? 0,
    majorPageFaults: counts['pgmajfault'] ?? 0,
    oomKills: told['oom_kill'] ?? 0,
    processes: Number(tasks) || 0,
    read_bytes: sumOf(io!, /rbytes=(\d+)/g),
    written_bytes: sumOf(io!, /wbytes=(\d+)/g),
  };
}

/** What the group's weight was before the runtime turned it into v2's scale of 1 to 10000. */
const sharesOf = (weight: number) => (weight === 0 ? 0 : Math.round(2 + ((weight - 1) * 262142) / 9999));

const limited = (limit: number) => (limit > 0 && limit < UNLIMITED_FROM ? { limit_bytes: limit } : {});

async function machineMemory(): Promise<number> {
  const text = await read('/proc/meminfo');
  const of = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0) * 1024;
  return of('MemTotal') - of('MemFree');
}

/** Empty where there is no such file, or its group has just gone. */
function read(path: string): Promise<string> {
  return readFile(path, 'utf8').then(
    (text) => text.trim(),
    () => '',
  );
}

/** Lines of a name and a number. */
function keyed(text: string): { readonly [name: string]: number | undefined } {
  return Object.fromEntries(
    text.split('\n').map((line) => {
      const [name = '', value] = line.split(' ');
      return [name, Number(value) || 0];
    }),
  );
}

function sumOf(text: string, pattern: RegExp): number {
  let sum = 0;
  for (const [, value] of text.matchAll(pattern)) sum += Number(value);
  return sum;
}
