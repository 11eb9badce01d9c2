// From a container's requests and limits to the kernel's terms, and a pod's quality of service class.
import { milliValue, parseQuantity } from '../../src/apimachinery/quantity.js';
import type { Container, PodSpec, ResourceRequirements } from '../../src/kinds/types/core_v1.js';
import type { ContainerResources } from '../runtime/runtime.js';

export type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort';

const COMPUTE = ['cpu', 'memory'] as const;

const CPU_PERIOD_US = 100_000;
/** The kernel takes no less. */
const CPU_QUOTA_MIN_US = 1_000;
const CPU_SHARES_MIN = 2;
const CPU_SHARES_MAX = 262_144;
const SHARES_PER_CPU = 1024;

/** Upstream's: what a pod may lose when memory runs out, from last to first. */
const OOM_GUARANTEED = -997;
const OOM_BEST_EFFORT = 1000;
/** Sandboxes and the kubelet itself come after every pod. */
export const OOM_SANDBOX = -998;

export function qosClass(spec: PodSpec): QosClass {
  const containers = [...(spec.initContainers ?? []), ...spec.containers];
  const all = containers.map(({ resources }) => resources);
  if (all.every((resources) => COMPUTE.every((name) => isZero(resources?.requests?.[name]) && isZero(resources?.limits?.[name])))) {
    return 'BestEffort';
  }
  return all.every(isGuaranteed) ? 'Guaranteed' : 'Burstable';
}

function isGuaranteed(resources: ResourceRequirements | undefined): boolean {
  return COMPUTE.every((name) => {
    const limit = resources?.limits?.[name];
    const request = resources?.requests?.[name] ?? limit;
    return !isZero(limit) && milliValue(limit!) === milliValue(request!);
  });
}

const isZero = (quantity: string | number | undefined) => quantity === undefined || parseQuantity(quantity) === 0;

/** `oomFloor`: the lowest score that this node's runtime may set. */
export function containerResources(container: Container, spec: PodSpec, nodeMemory_bytes: number, oomFloor: number): ContainerResources {
  const { requests, limits } = container.resources ?? {};
  const cpuRequest = requests?.['cpu'] ?? limits?.['cpu'];
  const cpuLimit = limits?.['cpu'];
  const memory = limits?.['memory'];
  return {
    cpuShares: cpuShares(cpuRequest === undefined ? 0 : milliValue(cpuRequest)),
    cpuPeriod_us: CPU_PERIOD_US,
    ...(isZero(cpuLimit) ? {} : { cpuQuota_us: Math.max(CPU_QUOTA_MIN_US, Math.floor((milliValue(cpuLimit!) * CPU_PERIOD_US) / 1000)) }),
    ...(isZero(memory) ? {} : { memory_bytes: Math.ceil(parseQuantity(memory!)) }),
    oomScoreAdj: Math.max(oomFloor, oomScore(container, spec, nodeMemory_bytes)),
  };
}

function cpuShares(request_milli: number): number {
  return Math.min(CPU_SHARES_MAX, Math.max(CPU_SHARES_MIN, Math.floor((request_milli * SHARES_PER_CPU) / 1000)));
}

/** The more memory a Burstable container asked for, the later it is killed; always between the other two classes. */
export function oomScore(container: Container, spec: PodSpec, nodeMemory_bytes: number): number {
  const qos = qosClass(spec);
  if (qos === 'Guaranteed') return OOM_GUARANTEED;
  if (qos === 'BestEffort') return OOM_BEST_EFFORT;
  const request = parseQuantity(container.resources?.requests?.['memory'] ?? 0);
  const score = 1000 - Math.floor((1000 * request) / nodeMemory_bytes);
  return Math.min(OOM_BEST_EFFORT - 1, Math.max(1000 + OOM_GUARANTEED, score));
}
