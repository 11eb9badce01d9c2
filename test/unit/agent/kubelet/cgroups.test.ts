// Pods' control groups, the pure parts: names under both drivers, limits of both versions, what systemd is told, what a node has for pods.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readSettings } from '../../../../agent/config/load.js';
import { forPods, nodeAllocatable, nodeCapacity } from '../../../../agent/kubelet/allocatable.js';
import { cgroupFiles, cpuWeight, podCgroupLimits } from '../../../../agent/kubelet/cgroups/limits.js';
import { cgroupParent, cgroupPath, podCgroup, podUidOf, qosCgroup } from '../../../../agent/kubelet/cgroups/names.js';
import { sliceProperties } from '../../../../agent/kubelet/cgroups/systemd.js';
import { oomScore } from '../../../../agent/kubelet/resources.js';
import type { PodSpec } from '../../../../src/kinds/types/core_v1.js';
import { container } from './fixtures.js';

const settings = readSettings({});
const UID = '0f3c-1a';
const asking = (name: string, requests: object, limits: object = {}) => container(name, { resources: { requests, limits } as never });

describe('a pod’s group', () => {
  it.each([
    ['cgroupfs', 'Guaranteed', '/kubepods/pod0f3c-1a', '/kubepods/pod0f3c-1a'],
    ['cgroupfs', 'Burstable', '/kubepods/burstable/pod0f3c-1a', '/kubepods/burstable/pod0f3c-1a'],
    ['systemd', 'Guaranteed', '/kubepods.slice/kubepods-pod0f3c_1a.slice', 'kubepods-pod0f3c_1a.slice'],
    [
      'systemd',
      'BestEffort',
      '/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod0f3c_1a.slice',
      'kubepods-besteffort-pod0f3c_1a.slice',
    ],
  ] as const)('of the %s driver, %s, is %s', (driver, qos, path, parent) => {
    const name = podCgroup('', qos, UID);
    expect(cgroupPath(name, driver)).toBe(path);
    expect(cgroupParent(name, driver)).toBe(parent);
    expect(podUidOf(path.slice(path.lastIndexOf('/') + 1), driver)).toBe(UID);
  });

  it('is below the root that is set, and no other group is taken for a pod’s', () => {
    expect(cgroupPath(qosCgroup('/node-1/x', 'Burstable'), 'cgroupfs')).toBe('/node-1/x/kubepods/burstable');
    expect(cgroupPath(qosCgroup('/node-1', 'Guaranteed'), 'systemd')).toBe('/node_1.slice/node_1-kubepods.slice');
    expect(podUidOf('burstable', 'cgroupfs')).toBeUndefined();
    expect(podUidOf('kubepods-burstable.slice', 'systemd')).toBeUndefined();
  });
});

describe('a pod’s limits', () => {
  const of = (spec: Partial<PodSpec>, config: object = {}) =>
    podCgroupLimits({ containers: [], ...spec } as PodSpec, readSettings(config as never), ['2Mi', '1Gi']);

  it('are the sums of its containers’ where each has one', () => {
    const [a, b] = [asking('a', { cpu: '100m' }, { cpu: '200m', memory: '64Mi' }), asking('b', { cpu: '50m' }, { cpu: 1, memory: '32Mi' })];
    expect(of({ containers: [a, b] })).toMatchObject({ cpuShares: 153, cpuQuota_us: 120_000, memory_bytes: 96 << 20, pids: -1 });
    expect(of({ containers: [a, container('c')] })).toMatchObject({ cpuShares: 102, cpuQuota_us: -1, memory_bytes: -1 });
  });

  it('are the pod’s own where it has them, and none but the least weight for who asks for nothing', () => {
    const resources = { requests: { cpu: '1' }, limits: { cpu: '2', memory: '1Gi' } };
    expect(of({ containers: [container('a')], resources })).toMatchObject({ cpuShares: 1024, cpuQuota_us: 200_000, memory_bytes: 2 ** 30 });
    expect(of({ containers: [container('a')] })).toMatchObject({ cpuShares: 2, cpuQuota_us: -1, memory_bytes: -1 });
  });

  it('follow the node’s settings: processes, no quota, another period', () => {
    const containers = [asking('a', {}, { cpu: '500m', memory: '1Gi' })];
    expect(of({ containers }, { podPidsLimit: 77 }).pids).toBe(77);
    expect(of({ containers }, { cpuCFSQuota: false }).cpuQuota_us).toBe(-1);
    expect(of({ containers }, { cpuCFSQuotaPeriod: '10ms' })).toMatchObject({ cpuPeriod_us: 10_000, cpuQuota_us: 5_000 });
  });

  it('keep huge pages from who did not ask for them', () => {
    expect(of({ containers: [asking('a', {}, { 'hugepages-2Mi': '4Mi', memory: '1Gi' })] }).hugepages_bytes).toEqual({
      '2MB': 4 << 20,
      '1GB': 0,
    });
  });
});

describe('the kernel’s files', () => {
  const limits = { cpuShares: 512, cpuQuota_us: 50_000, cpuPeriod_us: 100_000, memory_bytes: -1, pids: 10, hugepages_bytes: { '2MB': 0 } };
  const lines = (version: 1 | 2) => cgroupFiles(limits, version).map(({ controller, file, value }) => `${controller} ${file} ${value}`);

  it('are those of each version', () => {
    expect(lines(1)).toEqual([
      'cpu cpu.shares 512',
      'cpu cpu.cfs_period_us 100000',
      'cpu cpu.cfs_quota_us 50000',
      'memory memory.limit_in_bytes -1',
      'pids pids.max 10',
      'hugetlb hugetlb.2MB.limit_in_bytes 0',
    ]);
    expect(lines(2)).toEqual([
      'cpu cpu.weight 20',
      'cpu cpu.max 50000 100000',
      'memory memory.max max',
      'pids pids.max 10',
      'hugetlb hugetlb.2MB.max 0',
    ]);
    expect(sliceProperties(limits, 2)).toEqual([
      'CPUWeight=20',
      'CPUQuota=50%',
      'CPUQuotaPeriodSec=100000us',
      'MemoryMax=infinity',
      'TasksMax=10',
    ]);
    expect(sliceProperties({ ...limits, cpuQuota_us: -1 }, 1)).toContain('CPUQuota=');
  });

  it('weights keep to their bounds and their order', () => {
    expect([cpuWeight(2), cpuWeight(262_144)]).toEqual([1, 10_000]);
    const shares = fc.integer({ min: 2, max: 262_144 });
    fc.assert(fc.property(shares, shares, (a, b) => a <= b === cpuWeight(a) <= cpuWeight(b) || cpuWeight(a) === cpuWeight(b)));
  });
});

describe('what a node has for pods', () => {
  const machine = {
    cpu_milli: 4000,
    memory_bytes: 8 * 2 ** 30,
    disk_bytes: 100 * 2 ** 30,
    hugepages_bytes: { '2Mi': 2 ** 30 },
    pids_max: 32768,
  };
  const reserved = {
    systemReserved: { cpu: '500m', memory: '1Gi', pid: '1000' },
    kubeReserved: { cpu: '100m', 'ephemeral-storage': '1Gi' },
  };

  it('is its capacity less what is reserved, kept free or in huge pages', () => {
    const allocatable = nodeAllocatable(nodeCapacity(machine, settings), readSettings(reserved));
    expect(Object.fromEntries(allocatable)).toEqual({
      cpu: 3400,
      memory: 6 * 2 ** 30 - 100 * 2 ** 20,
      'ephemeral-storage': 89 * 2 ** 30,
      pods: 110,
      'hugepages-2Mi': 2 ** 30,
    });
    expect(forPods(machine, readSettings(reserved))).toEqual({ cpuShares: 3481, memory_bytes: 7 * 2 ** 30, pids: 31_768 });
    expect(forPods(machine, settings).pids).toBeUndefined();
  });
});

describe('OOM scores', () => {
  const GIB = 2 ** 30;
  const score = (spec: Partial<PodSpec>, index = 0, list: 'containers' | 'initContainers' = 'containers') => {
    const whole = { containers: [container('main')], ...spec } as PodSpec;
    return oomScore(whole[list]![index]!, whole, 10 * GIB);
  };

  it('spare the Guaranteed and what the node needs, and come by what was asked for in between', () => {
    expect(score({})).toBe(1000);
    expect(score({ priorityClassName: 'system-node-critical' })).toBe(-997);
    expect(score({ containers: [asking('a', {}, { cpu: 1, memory: '1Gi' })] })).toBe(-997);
    expect(score({ containers: [asking('a', { memory: '1Gi' })] })).toBe(900);
    expect(score({ containers: [asking('a', { memory: '10Gi' })] })).toBe(3);
    expect(score({ containers: [asking('a', { cpu: 1 })] })).toBe(999);
  });

  it('share what the pod asked for as a whole, and let sidecars outlive those they serve', () => {
    const resources = { requests: { memory: '4Gi' } };
    expect(score({ resources, containers: [container('a'), container('b')] })).toBe(800);
    const initContainers = [container('side', { restartPolicy: 'Always' })];
    expect(score({ initContainers, containers: [asking('a', { memory: '5Gi' })] }, 0, 'initContainers')).toBe(500);
  });
});
