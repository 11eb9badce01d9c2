// From a container's requests and limits to the kernel's terms.

import { milliValue, parseQuantity } from '../../src/apimachinery/quantity.js';
import { type QosClass, qosClassOf } from '../../src/kinds/core/pod-qos.js';
import { isNodeCritical, isSidecar, podRequests } from '../../src/kinds/core/podutil.js';
import type { Container, PodSpec } from '../../src/kinds/types/core_v1.js';
import type { KubeletSettings } from '../config/kubelet-configuration.js';
import type { ContainerResources } from '../runtime/config.js';

/** The kernel takes no less. */
const CPU_QUOTA_MIN_US = 1_000;
export const CPU_SHARES_MIN = 2;
export const CPU_SHARES_MAX = 262_144;
const SHARES_PER_CPU = 1024;

/** Upstream's: what a pod may lose when memory runs out, from last to first. */
const OOM_GUARANTEED = -997;
const OOM_BEST_EFFORT = 1000;
/** Sandboxes and the kubelet itself come after every pod. */
export const OOM_SANDBOX = -998;

const isZero = (quantity: string | number | undefined) => quantity === undefined || parseQuantity(quantity) === 0;

/** What a container's resources depend on besides itself. */
export interface ResourceContext {
  readonly spec: PodSpec;
  readonly nodeMemory_bytes: number;
  /** The lowest score that this node's runtime may set. */
  readonly oomFloor: number;
  readonly settings: Pick<KubeletSettings, 'cpuCFSQuota' | 'cpuCFSQuotaPeriod'>;
}

/** A container without a limit of its own has its pod's. */
export function containerResources(
  container: Container,
  { spec, nodeMemory_bytes, oomFloor, settings }: ResourceContext,
): ContainerResources {
  const { requests, limits } = container.resources ?? {};
  const limitOf = (resource: string) => (isZero(limits?.[resource]) ? spec.resources?.limits?.[resource] : limits?.[resource]);
  const [cpuLimit, memory] = [limitOf('cpu'), limitOf('memory')];
  const cpuRequest = requests?.['cpu'] ?? cpuLimit;
  const quota = settings.cpuCFSQuota && !isZero(cpuLimit) ? cpuQuota_us(milliValue(cpuLimit!), settings.cpuCFSQuotaPeriod * 1000) : 0;
  return {
    cpuShares: cpuShares(cpuRequest === undefined ? 0 : milliValue(cpuRequest)),
    cpuPeriod_us: settings.cpuCFSQuotaPeriod * 1000,
    ...(quota === 0 ? {} : { cpuQuota_us: quota }),
    ...(isZero(memory) ? {} : { memory_bytes: Math.ceil(parseQuantity(memory!)) }),
    oomScoreAdj: Math.max(oomFloor, oomScore(container, spec, nodeMemory_bytes)),
  };
}

export function cpuShares(request_milli: number): number {
  return Math.min(CPU_SHARES_MAX, Math.max(CPU_SHARES_MIN, Math.floor((request_milli * SHARES_PER_CPU) / 1000)));
}

/** 0: no limit. */
export function cpuQuota_us(limit_milli: number, period_us: number): number {
  return limit_milli === 0 ? 0 : Math.max(CPU_QUOTA_MIN_US, Math.floor((limit_milli * period_us) / 1000));
}

/** The more memory a Burstable container asked for, the later it is killed; always between the other two classes. */
export function oomScore(container: Container, spec: PodSpec, nodeMemory_bytes: number): number {
  if (isNodeCritical(spec)) return OOM_GUARANTEED;
  const qos: QosClass = qosClassOf(spec);
  if (qos === 'Guaranteed') return OOM_GUARANTEED;
  if (qos === 'BestEffort') return OOM_BEST_EFFORT;
  const score = (one: Container) => 1000 - Math.floor((1000 * (memoryRequest(one) + shareOfRest(spec))) / nodeMemory_bytes);
  const own = score(container);
  // A sidecar outlives those that it serves.
  const found = isSidecar(container) ? Math.min(own, ...spec.containers.map(score)) : own;
  return Math.min(OOM_BEST_EFFORT - 1, Math.max(1000 + OOM_GUARANTEED, found));
}

const memoryRequest = ({ resources }: Container) => parseQuantity(resources?.requests?.['memory'] ?? 0);

/** Of what a pod asked for as a whole beyond its containers' own, each has the same part. */
function shareOfRest(spec: PodSpec): number {
  if (spec.resources?.requests?.['memory'] === undefined) return 0;
  const all = [...spec.containers, ...(spec.initContainers ?? []).filter(isSidecar)];
  const own = all.reduce((sum, container) => sum + memoryRequest(container), 0);
  return Math.max(0, (podRequests({ spec }).get('memory') ?? 0) - own) / all.length;
}
