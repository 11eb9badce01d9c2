// In-place resize, the pure parts: what a pod keeps until it is given more, what changes in its containers, and in which words it is told.
import { describe, expect, it } from 'vitest';
import { readSettings } from '../../../../agent/config/load.js';
import { widest } from '../../../../agent/kubelet/cgroups/limits.js';
import {
  allocationFromStatus,
  infeasible,
  isGiven,
  requested,
  resizeActions,
  resizeMessage,
  withAllocation,
} from '../../../../agent/kubelet/resize.js';
import { containerResources } from '../../../../agent/kubelet/resources.js';
import type { Container, ResourceRequirements } from '../../../../src/kinds/types/core_v1.js';
import { container, observed, pod, run, sandbox } from './fixtures.js';

const asking = (cpu: string, memory = '64Mi', extra: Partial<Container> = {}) =>
  container('main', { resources: { requests: { cpu, memory }, limits: { cpu, memory } }, ...extra });
const of = (main: Container) => pod({ containers: [main] });

describe('what a pod was given', () => {
  const before = of(asking('100m'));
  const after = of(asking('200m'));

  it('stays until it is given more', () => {
    const allocation = requested(before);
    expect(isGiven(before, allocation)).toBe(true);
    expect(isGiven(after, allocation)).toBe(false);
    expect(withAllocation(after, allocation).spec.containers[0]!.resources).toEqual(before.spec.containers[0]!.resources);
    expect(withAllocation(before, allocation)).toBe(before);
  });

  it('is what its containers have where an agent finds it pending', () => {
    const resources = before.spec.containers[0]!.resources as ResourceRequirements;
    const status = {
      conditions: [{ type: 'PodResizePending', status: 'True' }],
      containerStatuses: [{ name: 'main', resources } as never],
    };
    expect(allocationFromStatus({ ...after, status }).get('main')).toEqual(resources);
    expect(allocationFromStatus({ ...after, status: { ...status, conditions: [] } })).toEqual(requested(after));
  });
});

it('more than the whole node has can never be given', () => {
  const allocatable = new Map([
    ['cpu', 2000],
    ['memory', 2 ** 30],
  ]);
  const message = (what: string, wanted: number, capacity: number) =>
    `Node didn't have enough capacity: ${what}, requested: ${wanted}, capacity: ${capacity}`;
  expect(infeasible(of(asking('3')), allocatable)).toEqual({ reason: 'Infeasible', message: message('cpu', 3000, 2000) });
  expect(infeasible(of(asking('1', '2Gi')), allocatable)).toEqual({ reason: 'Infeasible', message: message('memory', 2 ** 31, 2 ** 30) });
  expect(infeasible(of(asking('2', '1Gi')), allocatable)).toBeUndefined();
});

describe('what changes in containers', () => {
  const actual = { cpuShares: 102, cpuPeriod_us: 100_000, cpuQuota_us: 10_000, memory_bytes: 64 << 20 };
  const running = observed([sandbox()], run('main', 'running', { resources: actual }));
  const restarting = (resourceName: string): Partial<Container> => ({
    resizePolicy: [{ resourceName, restartPolicy: 'RestartContainer' }],
  });
  const changes = (main: Container) => {
    const { spec } = of(main);
    const context = { spec, nodeMemory_bytes: 2 ** 30, oomFloor: 0, settings: readSettings({}) };
    const { update, restart } = resizeActions(of(main), running, (each) => containerResources(each, context));
    return [update.map(({ resources }) => [resources.cpuQuota_us, resources.memory_bytes]), restart.length];
  };

  it.each<[string, Container, unknown]>([
    ['nothing', asking('100m'), [[], 0]],
    ['the CPU, as it runs', asking('200m'), [[[20_000, 64 << 20]], 0]],
    ['the memory, as it runs', asking('100m', '32Mi'), [[[10_000, 32 << 20]], 0]],
    ['the memory, for which it starts anew', asking('100m', '32Mi', restarting('memory')), [[], 1]],
    ['the CPU, where only the memory needs a new start', asking('200m', '64Mi', restarting('memory')), [[[20_000, 64 << 20]], 0]],
  ])('is %s', (_what, main, expected) => expect(changes(main)).toEqual(expected));
});

it('a group is wide enough for what was and what comes', () => {
  const was = { cpuShares: 1, cpuQuota_us: 10, memory_bytes: -1 };
  expect(widest(was, { cpuShares: 2, cpuQuota_us: 5, memory_bytes: 7 })).toEqual({ cpuShares: 2, cpuQuota_us: 10, memory_bytes: -1 });
});

it('is told in upstream’s words', () => {
  expect(resizeMessage('started', of(asking('100m')))).toBe(
    'Pod resize started: {"containers":[{"name":"main","resources":{"limits":{"cpu":"100m","memory":"64Mi"},"requests":{"cpu":"100m","memory":"64Mi"}}}],"generation":1}',
  );
});
