// GET /stats/summary: the node, its pods and containers in the form of upstream's stats/v1alpha1 Summary.
import { readdir, readFile, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Clock, rfc3339 } from '../../src/apimachinery/clock.js';
import type { Volume } from '../../src/kinds/types/core_v1.js';
import { processTable } from '../process-table.js';
import type { PodLookup } from '../server/find-container.js';
import { readClaim } from '../volumes/claim.js';
import type { DiskUsage, Usage } from './disk-usage.js';
import { defaultInterface, type InterfaceStats, interfacesOf } from './network.js';
import type { ContainerStats, Measured, NodeStats, PodStats } from './node-stats.js';

export interface SummaryOptions {
  readonly nodeName: string;
  /** Where pods' directories lie. */
  readonly rootDirectory: string;
  readonly lookup: PodLookup;
  readonly stats: NodeStats;
  readonly disk: DiskUsage;
  readonly clock: Clock;
}

interface FileSystem {
  readonly availableBytes: number;
  /** Also what only root may take. */
  readonly freeBytes: number;
  readonly capacityBytes: number;
  readonly inodesFree: number;
  readonly inodes: number;
}

type Rates = ReadonlyMap<string, number>;

/** `onlyCpuAndMemory` is what autoscalers ask for, and costs no look at the disk. */
export async function summary(options: SummaryOptions, onlyCpuAndMemory: boolean): Promise<object> {
  const { snapshot, nanoCores } = await options.stats.withRates();
  const { node, pods } = snapshot;
  const rest = onlyCpuAndMemory ? {} : await nodeRest(options, node.at_ms);
  return {
    node: {
      nodeName: options.nodeName,
      systemContainers: systemContainers(pods, nanoCores, options.clock.now()),
      startTime: rfc3339(await bootTime_ms()),
      ...cpuAndMemory(node, nanoCores),
      ...rest,
    },
    pods: await Promise.all(pods.map((pod) => podSummary(options, pod, nanoCores, onlyCpuAndMemory))),
  };
}

function cpuAndMemory({ usage, at_ms, cgroup }: Measured, rates: Rates): { readonly cpu: object; readonly memory: object } {
  const time = rfc3339(at_ms);
  const rate = rates.get(cgroup);
  const { limit_bytes, memory_bytes: usageBytes, workingSet_bytes: workingSetBytes, rss_bytes: rssBytes } = usage;
  return {
    cpu: { time, ...(rate === undefined ? {} : { usageNanoCores: rate }), usageCoreNanoSeconds: usage.cpu_ns },
    memory: {
      time,
      ...(limit_bytes === undefined ? {} : { availableBytes: Math.max(0, limit_bytes - workingSetBytes) }),
      usageBytes,
      workingSetBytes,
      rssBytes,
      pageFaults: usage.pageFaults,
      majorPageFaults: usage.majorPageFaults,
    },
  };
}

/** Of a pod without a control group of its own: its containers' together. */
function sumOf(parts: readonly Measured[], rates: Rates): { readonly cpu: object; readonly memory: object } {
  const sum = (value: (part: Measured) => number) => parts.reduce((total, part) => total + value(part), 0);
  const time = rfc3339(Math.max(...parts.map(({ at_ms }) => at_ms)));
  return {
    cpu: { time, usageNanoCores: sum(({ cgroup }) => rates.get(cgroup) ?? 0), usageCoreNanoSeconds: sum(({ usage }) => usage.cpu_ns) },
    memory: {
      time,
      usageBytes: sum(({ usage }) => usage.memory_bytes),
      workingSetBytes: sum(({ usage }) => usage.workingSet_bytes),
      rssBytes: sum(({ usage }) => usage.rss_bytes),
      pageFaults: sum(({ usage }) => usage.pageFaults),
      majorPageFaults: sum(({ usage }) => usage.majorPageFaults),
    },
  };
}

/** Every part of a pod that is measured by itself, its sandbox among them. */
export const partsOf = ({ containers, sandbox }: PodStats): readonly Measured[] => [...containers, ...(sandbox ? [sandbox] : [])];

async function podSummary(options: SummaryOptions, pod: PodStats, rates: Rates, onlyCpuAndMemory: boolean): Promise<object> {
  const { name, namespace, uid, own } = pod;
  const whole = own ? cpuAndMemory(own, rates) : sumOf(partsOf(pod), rates);
  const base = { podRef: { name, namespace, uid }, startTime: rfc3339(pod.startedAt_ms) };
  const startTime = ({ container }: ContainerStats) => rfc3339(container.startedAt_ms);
  if (onlyCpuAndMemory) {
    const containers = pod.containers.map((each) => ({
      name: each.container.name,
      startTime: startTime(each),
      ...cpuAndMemory(each, rates),
    }));
    return { ...base, containers, ...whole };
  }
  const fs = await fileSystem(options.rootDirectory);
  const time = rfc3339(options.clock.now());
  const used = ({ bytes, inodes }: Usage, { freeBytes: _free, ...told } = fs) => ({ time, ...told, usedBytes: bytes, inodesUsed: inodes });
  const containers = await Promise.all(
    pod.containers.map(async (each) => ({ each, rootfs: await rootUsage(each, options.disk), logs: await logUsage(each, options.disk) })),
  );
  const volumes = await volumesOf(options, pod);
  const local = [...containers.flatMap(({ rootfs, logs }) => [rootfs, logs]), ...volumes.filter(isEphemeral).map(({ usage }) => usage)];
  return {
    ...base,
    containers: containers.map(({ each, rootfs, logs }) => ({
      name: each.container.name,
      startTime: startTime(each),
      ...cpuAndMemory(each, rates),
      rootfs: used(rootfs),
      logs: used(logs),
    })),
    ...whole,
    ...(pod.interfaces.length > 0 ? { network: network(pod.interfaces, pod.interfaces[0]!.name, time) } : {}),
    ...(volumes.length > 0
      ? { volume: volumes.map(({ name: volume, claim, usage, fs: its }) => ({ ...used(usage, its), name: volume, ...claim })) }
      : {}),
    'ephemeral-storage': used({ bytes: sum(local, 'bytes'), inodes: sum(local, 'inodes') }),
    process_stats: { process_count: partsOf(pod).reduce((total, { usage }) => total + usage.processes, 0) },
  };
}

const sum = (all: readonly Usage[], what: keyof Usage) => all.reduce((total, usage) => total + usage[what], 0);

/** What the container itself has written: the upper layer of its overlay, as the kernel mounted it. */
async function rootUsage({ container }: ContainerStats, disk: DiskUsage): Promise<Usage> {
  const mounts = await readFile(`/proc/${container.pid}/mountinfo`, 'utf8').catch(() => '');
  const upper = /^\S+ \S+ \S+ \S+ \/ .* - overlay .*upperdir=([^,\s]+)/m.exec(mounts)?.[1];
  return upper ? disk.of(upper) : { bytes: 0, inodes: 0 };
}

/** All of its files: the engine keeps them in a directory with its own of that container, which are small. */
function logUsage({ container: { logPath } }: ContainerStats, disk: DiskUsage): Promise<Usage> {
  return logPath ? disk.of(dirname(logPath)) : Promise.resolve({ bytes: 0, inodes: 0 });
}

interface VolumeUsage {
  readonly name: string;
  readonly spec: Volume | undefined;
  readonly claim: { readonly pvcRef?: { readonly name: string; readonly namespace: string } };
  readonly usage: Usage;
  /** Of the file system that it is on. */
  readonly fs: FileSystem;
}

/** As upstream lays them out: volumes/<plugin>/<name> in the pod's directory, by the name of what is claimed where it is a claim. */
export async function volumesOf(
  { rootDirectory, lookup, disk }: Pick<SummaryOptions, 'rootDirectory' | 'lookup' | 'disk'>,
  { uid, namespace, name }: Pick<PodStats, 'uid' | 'namespace' | 'name'>,
): Promise<readonly VolumeUsage[]> {
  const directory = join(rootDirectory, 'pods', uid);
  const list = (path: string) => readdir(path).catch(() => [] as string[]);
  const volumes = lookup.pod(namespace, name)?.spec.volumes ?? [];
  const found: VolumeUsage[] = [];
  for (const plugin of await list(join(directory, 'volumes'))) {
    for (const volume of await list(join(directory, 'volumes', plugin))) {
      const path = join(directory, 'volumes', plugin, volume);
      const claimName = await readClaim(directory, volume);
      const claims = (each: Volume) => each.persistentVolumeClaim?.claimName === claimName || `${name}-${each.name}` === claimName;
      const spec = volumes.find((each) => (claimName === undefined ? each.name === volume : claims(each)));
      const claim = claimName === undefined ? {} : { pvcRef: { name: claimName, namespace } };
      const fs = await fileSystem(path).catch(() => undefined);
      // It went meanwhile.
      if (!fs) continue;
      // What is claimed is a file system of its own to whoever measures it, and may be too large to look through.
      const usage =
        claimName === undefined ? await disk.of(path) : { bytes: fs.capacityBytes - fs.freeBytes, inodes: fs.inodes - fs.inodesFree };
      found.push({ name: spec?.name ?? volume, spec, claim, usage, fs });
    }
  }
  return found;
}

/** What counts against a pod's ephemeral storage: not what lies in memory or is somebody else's. */
const isEphemeral = ({ spec, claim }: VolumeUsage) => claim.pvcRef === undefined && spec?.emptyDir?.medium !== 'Memory';

function network(interfaces: readonly InterfaceStats[], main: string, time: string): object {
  const one = ({ name, rx, tx }: InterfaceStats) => ({
    name,
    rxBytes: rx.bytes,
    rxErrors: rx.errors,
    txBytes: tx.bytes,
    txErrors: tx.errors,
  });
  const first = interfaces.find(({ name }) => name === main) ?? interfaces[0]!;
  return { time, ...one(first), interfaces: interfaces.map(one) };
}

async function nodeRest({ rootDirectory, clock }: SummaryOptions, at_ms: number): Promise<object> {
  const time = rfc3339(at_ms);
  const interfaces = await interfacesOf('self');
  const fs = await fileSystem(rootDirectory);
  const usedBytes = fs.capacityBytes - fs.freeBytes;
  const { freeBytes: _free, ...told } = fs;
  const disk = { time, ...told, usedBytes, inodesUsed: fs.inodes - fs.inodesFree };
  const { capacity, tasks } = await processTable();
  return {
    ...(interfaces.length > 0 ? { network: network(interfaces, (await defaultInterface()) ?? '', time) } : {}),
    fs: disk,
    runtime: { imageFs: disk, containerFs: disk },
    rlimit: { time: rfc3339(clock.now()), maxpid: capacity, curproc: tasks },
  };
}

async function fileSystem(path: string): Promise<FileSystem> {
  const { bsize, bavail, bfree, blocks, ffree, files } = await statfs(path);
  return { availableBytes: bavail * bsize, freeBytes: bfree * bsize, capacityBytes: blocks * bsize, inodesFree: ffree, inodes: files };
}

/** Ours, and all pods together. */
function systemContainers(pods: readonly PodStats[], rates: Rates, now_ms: number): readonly object[] {
  const { user, system } = process.cpuUsage();
  const { rss } = process.memoryUsage();
  const time = rfc3339(now_ms);
  const startTime = rfc3339(now_ms - process.uptime() * 1000);
  const kubelet = {
    name: 'kubelet',
    startTime,
    cpu: { time, usageCoreNanoSeconds: (user + system) * 1000 },
    memory: { time, usageBytes: rss, workingSetBytes: rss, rssBytes: rss },
  };
  const parts = pods.flatMap((pod) => (pod.own ? [pod.own] : partsOf(pod)));
  return parts.length === 0 ? [kubelet] : [kubelet, { name: 'pods', startTime, ...sumOf(parts, rates) }];
}

async function bootTime_ms(): Promise<number> {
  const text = await readFile('/proc/stat', 'utf8');
  return Number(/^btime (\d+)/m.exec(text)?.[1] ?? 0) * 1000;
}
