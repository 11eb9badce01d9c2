// What a pod's control group is to allow, and the files of cgroup v1 and v2 that say so. Pure.
import { qosClassOf } from '../../../src/kinds/core/pod-qos.js';
import { isSidecar, podLimits, podRequests } from '../../../src/kinds/core/podutil.js';
import type { Container, PodSpec } from '../../../src/kinds/types/core_v1.js';
import type { KubeletSettings } from '../../config/kubelet-configuration.js';
import { CPU_SHARES_MAX, CPU_SHARES_MIN, cpuQuota_us, cpuShares } from '../resources.js';

/** What is absent is left as it is. */
export interface CgroupLimits {
  readonly cpuShares?: number;
  /** Of each period; -1: no limit. */
  readonly cpuQuota_us?: number;
  readonly cpuPeriod_us?: number;
  /** -1: no limit. */
  readonly memory_bytes?: number;
  /** -1: no limit. */
  readonly pids?: number;
  /** By page size as the kernel's files name it: `2MB`. */
  readonly hugepages_bytes?: { readonly [size: string]: number };
}

export interface CgroupFile {
  /** Of cgroup v1; with v2 there is one hierarchy for all. */
  readonly controller: string;
  readonly file: string;
  readonly value: string;
}

const UNLIMITED = -1;
const HUGEPAGES = 'hugepages-';

/** Upstream's ResourceConfigForPod: a limit counts only where the pod is bounded. */
export function podCgroupLimits(spec: PodSpec, settings: KubeletSettings, hugepageSizes: readonly string[]): CgroupLimits {
  const qos = qosClassOf(spec);
  const requests = podRequests({ spec });
  const limits = podLimits({ spec });
  const quota =
    qos !== 'BestEffort' && settings.cpuCFSQuota && isBounded(spec, 'cpu')
      ? cpuQuota_us(limits.get('cpu') ?? 0, settings.cpuCFSQuotaPeriod * 1000)
      : UNLIMITED;
  const memory = qos !== 'BestEffort' && isBounded(spec, 'memory') ? limits.get('memory') : undefined;
  return {
    cpuShares: qos === 'BestEffort' ? CPU_SHARES_MIN : cpuShares(requests.get('cpu') ?? 0),
    cpuPeriod_us: settings.cpuCFSQuotaPeriod * 1000,
    cpuQuota_us: quota || UNLIMITED,
    memory_bytes: memory || UNLIMITED,
    pids: settings.podPidsLimit,
    // A pod that asked for none gets none: the pages are the node's scarcest.
    hugepages_bytes: Object.fromEntries(hugepageSizes.map((size) => [kernelSize(size), limits.get(`${HUGEPAGES}${size}`) ?? 0])),
  };
}

/** Each container that stays, or the pod itself, has a limit. */
export function isBounded(spec: PodSpec, resource: string): boolean {
  return spec.resources?.limits?.[resource] !== undefined || lasting(spec).every(has(resource));
}

const has = (resource: string) => (container: Container) => container.resources?.limits?.[resource] !== undefined;
const lasting = ({ containers, initContainers = [] }: PodSpec) => [...containers, ...initContainers.filter(isSidecar)];

/** `2Mi` is `2MB` in the kernel's files. */
export const kernelSize = (size: string) => size.replace(/i$/, 'B');

/** CPU and memory of both; no limit is wider than any. */
export function widest(a: CgroupLimits, b: CgroupLimits): CgroupLimits {
  const wider = (x = UNLIMITED, y = UNLIMITED) => (x === UNLIMITED || y === UNLIMITED ? UNLIMITED : Math.max(x, y));
  return { ...b, cpuQuota_us: wider(a.cpuQuota_us, b.cpuQuota_us), memory_bytes: wider(a.memory_bytes, b.memory_bytes) };
}

export function cgroupFiles(limits: CgroupLimits, version: 1 | 2): readonly CgroupFile[] {
  return version === 1 ? filesV1(limits) : filesV2(limits);
}

function filesV1({ cpuShares: shares, cpuQuota_us, cpuPeriod_us, memory_bytes, pids, hugepages_bytes = {} }: CgroupLimits): CgroupFile[] {
  return [
    ...file('cpu', 'cpu.shares', shares),
    ...file('cpu', 'cpu.cfs_period_us', cpuPeriod_us),
    ...file('cpu', 'cpu.cfs_quota_us', cpuQuota_us),
    ...file('memory', 'memory.limit_in_bytes', memory_bytes),
    ...file('pids', 'pids.max', pids, 'max'),
    ...Object.entries(hugepages_bytes).flatMap(([size, bytes]) => file('hugetlb', `hugetlb.${size}.limit_in_bytes`, bytes)),
  ];
}

function filesV2({ cpuShares: shares, cpuQuota_us, cpuPeriod_us, memory_bytes, pids, hugepages_bytes = {} }: CgroupLimits): CgroupFile[] {
  const cpuMax = cpuQuota_us === undefined ? [] : [`${cpuQuota_us === UNLIMITED ? 'max' : cpuQuota_us} ${cpuPeriod_us}`];
  return [
    ...(shares === undefined ? [] : file('cpu', 'cpu.weight', cpuWeight(shares))),
    ...cpuMax.map((value) => ({ controller: 'cpu', file: 'cpu.max', value })),
    ...file('memory', 'memory.max', memory_bytes, 'max'),
    ...file('pids', 'pids.max', pids, 'max'),
    ...Object.entries(hugepages_bytes).flatMap(([size, bytes]) => file('hugetlb', `hugetlb.${size}.max`, bytes)),
  ];
}

function file(controller: string, name: string, value: number | undefined, unlimited = String(UNLIMITED)): CgroupFile[] {
  if (value === undefined) return [];
  return [{ controller, file: name, value: value === UNLIMITED ? unlimited : String(value) }];
}

/** Upstream's mapping of v1's 2 to 262144 onto v2's 1 to 10000. */
export function cpuWeight(shares: number): number {
  return 1 + Math.floor(((shares - CPU_SHARES_MIN) * 9999) / (CPU_SHARES_MAX - CPU_SHARES_MIN));
}
