// The machine as a node's status shows it: its identity, capacity and pressures, from /proc, /sys and /etc.
import { readdir, readFile, statfs } from 'node:fs/promises';
import { arch, cpus, release, totalmem } from 'node:os';
import { formatQuantity } from '../../src/apimachinery/quantity.js';
import type { NodeSystemInfo } from '../../src/kinds/types/core_v1.js';
import { GIT_VERSION } from '../../src/kinds/wellknown.js';
import { processTable } from '../process-table.js';
import type { RuntimeVersion } from '../runtime/runtime.js';

const ARCHITECTURES: { readonly [node: string]: string } = { x64: 'amd64', ia32: '386' };

export interface MachineFacts {
  readonly cpu_milli: number;
  readonly memory_bytes: number;
  readonly disk_bytes: number;
  /** What is set aside in huge pages, by their size as resources name it: `2Mi`. */
  readonly hugepages_bytes: { readonly [size: string]: number };
  /** Processes and threads that the kernel can tell apart. */
  readonly pids_max: number;
}

export const architecture = () => ARCHITECTURES[arch()] ?? arch();

const read = (path: string) =>
  readFile(path, 'utf8').then(
    (text) => text.trim(),
    () => '',
  );

export async function machineFacts(rootDirectory: string): Promise<MachineFacts> {
  const { blocks, bsize } = await statfs(rootDirectory);
  return {
    cpu_milli: cpus().length * 1000,
    memory_bytes: totalmem(),
    disk_bytes: blocks * bsize,
    hugepages_bytes: await hugepages('/sys/kernel/mm/hugepages'),
    pids_max: (await processTable()).capacity,
  };
}

/** Directories `hugepages-2048kB`; a kernel without huge pages has none. */
async function hugepages(directory: string): Promise<MachineFacts['hugepages_bytes']> {
  const sizes = (await readdir(directory).catch(() => [])).map((name) => Number(/^hugepages-(\d+)kB$/.exec(name)?.[1] ?? 0) * 1024);
  const entries = sizes.filter(Boolean).map(async (size) => {
    const pages = Number(await read(`${directory}/hugepages-${size / 1024}kB/nr_hugepages`));
    return [formatQuantity(size, 'BinarySI'), pages * size] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

export async function systemInfo(runtime: RuntimeVersion | undefined): Promise<NodeSystemInfo> {
  const [machineID, systemUUID, bootID, osRelease, memory] = await Promise.all([
    read('/etc/machine-id'),
    read('/sys/class/dmi/id/product_uuid'),
    read('/proc/sys/kernel/random/boot_id'),
    read('/etc/os-release'),
    read('/proc/meminfo'),
  ]);
  const swap_bytes = Number(/^SwapTotal:\s+(\d+) kB/m.exec(memory)?.[1] ?? 0) * 1024;
  return {
    machineID,
    systemUUID: systemUUID || machineID,
    bootID,
    kernelVersion: release(),
    osImage: /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(osRelease)?.[1] ?? 'Linux',
    containerRuntimeVersion: runtime ? `${runtime.name}://${runtime.version}` : '',
    kubeletVersion: GIT_VERSION,
    kubeProxyVersion: GIT_VERSION,
    operatingSystem: 'linux',
    architecture: architecture(),
    ...(swap_bytes > 0 ? { swap: { capacity: swap_bytes } } : {}),
  };
}

/** The lowest OOM score that containers can be given here: below 0 needs CAP_SYS_RESOURCE, which nested machines may lack. */
export async function oomScoreFloor(): Promise<number> {
  const status = await read('/proc/self/status');
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`);
  const CAP_SYS_RESOURCE = 24n;
  return (effective >> CAP_SYS_RESOURCE) & 1n ? -1000 : 0;
}

/** The kernel enforces AppArmor's profiles. */
export const hasAppArmor = async () => (await read('/sys/module/apparmor/parameters/enabled')) === 'Y';
