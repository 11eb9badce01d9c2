// What a node has, and what of it is for pods: capacity less the reserved parts and the eviction thresholds. Pure.
import { formatQuantity, parseQuantity } from '../../src/apimachinery/quantity.js';
import { readQuantity } from '../../src/kinds/checks.js';
import { resourceAmount } from '../../src/kinds/core/podutil.js';
import type { KubeletSettings } from '../config/kubelet-configuration.js';
import type { CgroupLimits } from './cgroups/limits.js';
import type { MachineFacts } from './machine.js';
import { cpuShares } from './resources.js';

/** In `resourceAmount` units: millicores of cpu, bytes, pieces. */
export type Amounts = ReadonlyMap<string, number>;

const HUGEPAGES = 'hugepages-';
const OWN = ['cpu', 'memory', 'ephemeral-storage', 'pods'];
/** The signals that keep a part of a resource from pods. */
const EVICTION_SIGNALS: { readonly [resource: string]: string } = { memory: 'memory.available', 'ephemeral-storage': 'nodefs.available' };

export function nodeCapacity(machine: MachineFacts, { maxPods }: Pick<KubeletSettings, 'maxPods'>): Amounts {
  return new Map([
    ['cpu', machine.cpu_milli],
    ['memory', wholeKi(machine.memory_bytes)],
    ['ephemeral-storage', wholeKi(machine.disk_bytes)],
    ['pods', maxPods],
    ...Object.entries(machine.hugepages_bytes).map(([size, bytes]) => [`${HUGEPAGES}${size}`, bytes] as const),
  ]);
}

const wholeKi = (bytes: number) => Math.floor(bytes / 1024) * 1024;

/** What is in huge pages is no memory for anything else. */
export function nodeAllocatable(capacity: Amounts, settings: KubeletSettings): Amounts {
  const huge = [...capacity].filter(([resource]) => resource.startsWith(HUGEPAGES)).reduce((sum, [, bytes]) => sum + bytes, 0);
  return new Map(
    [...capacity].map(([resource, amount]) => {
      const kept = reserved(resource, settings) + thresholdOf(resource, amount, settings) + (resource === 'memory' ? huge : 0);
      return [resource, Math.max(0, amount - kept)];
    }),
  );
}

/** What all pods together may use: a threshold is for eviction to keep, not for the kernel. */
export function forPods(machine: MachineFacts, settings: KubeletSettings): CgroupLimits {
  const { systemReserved, kubeReserved } = settings;
  const pids = reserved('pid', settings);
  return {
    cpuShares: cpuShares(machine.cpu_milli - reserved('cpu', settings)),
    memory_bytes: machine.memory_bytes - reserved('memory', settings),
    ...((systemReserved['pid'] ?? kubeReserved['pid']) ? { pids: Math.max(1, machine.pids_max - pids) } : {}),
  };
}

function reserved(resource: string, { systemReserved, kubeReserved }: KubeletSettings): number {
  return [systemReserved, kubeReserved].reduce((sum, list) => sum + resourceAmount(resource, list[resource] ?? 0), 0);
}

function thresholdOf(resource: string, capacity: number, { evictionHard }: KubeletSettings): number {
  const value = evictionHard[EVICTION_SIGNALS[resource] ?? ''];
  return value === undefined ? 0 : thresholdAmount(value, capacity);
}

/** A quantity, or a percentage of the capacity. */
export function thresholdAmount(value: string, capacity: number): number {
  return value.endsWith('%') ? Math.floor((Number(value.slice(0, -1)) / 100) * capacity) : parseQuantity(value);
}

export function formatResources(amounts: Amounts): { readonly [resource: string]: string } {
  return Object.fromEntries([...amounts].map(([resource, amount]) => [resource, formatAmount(resource, amount)]));
}

function formatAmount(resource: string, amount: number): string {
  if (resource === 'cpu') return formatQuantity(amount / 1000, 'DecimalSI');
  return formatQuantity(amount, resource === 'pods' ? 'DecimalSI' : 'BinarySI');
}

/** What somebody has told the API that the node has besides: kept, and all of it for pods. */
export function extendedResources(capacity: { readonly [resource: string]: string | number } | undefined) {
  const isOwn = (resource: string) => OWN.includes(resource) || resource.startsWith(HUGEPAGES);
  const isReadable = (resource: string, quantity: string | number) => readQuantity(resource, quantity).errors.length === 0;
  return Object.fromEntries(
    Object.entries(capacity ?? {}).filter(([resource, quantity]) => !isOwn(resource) && isReadable(resource, quantity)),
  );
}
