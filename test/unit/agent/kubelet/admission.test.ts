// Whether a node takes a pod: every reason it can have not to, in upstream's words.
import { describe, expect, it } from 'vitest';
import { admit, type NodeState } from '../../../../agent/kubelet/admission.js';
import type { Node, Pod, PodSpec } from '../../../../src/kinds/types/core_v1.js';
import { container, pod } from './fixtures.js';

const node = (extra: Partial<Node['spec']> = {}): Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'n', uid: 'n', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z', labels: { disk: 'ssd' } },
  spec: extra,
  status: {} as never,
});
const allocatable = new Map([
  ['pods', 3],
  ['cpu', 2000],
  ['memory', 1 << 30],
  ['ephemeral-storage', 1 << 30],
  ['example.com/dongle', 1],
]);
const state = (extra: Partial<NodeState> = {}): NodeState => ({ node: node(), allocatable, pressures: [], shuttingDown: false, ...extra });
const asking = (requests: object, spec: Partial<PodSpec> = {}): Pod =>
  pod({ containers: [container('main', { resources: { requests } as never })], ...spec });
const onPort = (hostPort: number, hostIP?: string) =>
  pod({ containers: [container('main', { ports: [{ containerPort: 80, hostPort, ...(hostIP ? { hostIP } : {}) }] })] });
const short = (resource: string, requested: number, used: number, capacity: number) =>
  `Node didn't have enough resource: ${resource}, requested: ${requested}, used: ${used}, capacity: ${capacity}`;

describe('a pod is taken', () => {
  it.each<[string, Pod, readonly Pod[]]>([
    ['with all that is left', asking({ cpu: '1500m', memory: '1Gi' }), [asking({ cpu: '500m' })]],
    ['with a resource that the node knows nothing of', asking({ 'example.com/unknown': '7' }), []],
    ['beside one on another address', onPort(80, '10.0.0.1'), [onPort(80, '10.0.0.2')]],
    ['for the labels of its node', pod({ nodeSelector: { disk: 'ssd' } }), []],
  ])('%s', (_what, wanted, others) => expect(admit(wanted, others, state())).toBeUndefined());
});

describe('a pod is turned away', () => {
  const three = [pod(), pod(), pod()];
  it.each<[string, string, Pod, readonly Pod[], Partial<NodeState>]>([
    ['OutOfpods', short('pods', 1, 3, 3), pod(), three, {}],
    ['OutOfcpu', short('cpu', 1600, 500, 2000), asking({ cpu: '1600m' }), [asking({ cpu: '500m' })], {}],
    ['OutOfmemory', short('memory', 2 ** 30, 1, 2 ** 30), asking({ memory: '1Gi' }), [asking({ memory: '1' })], {}],
    ['OutOfephemeral-storage', short('ephemeral-storage', 2 ** 31, 0, 2 ** 30), asking({ 'ephemeral-storage': '2Gi' }), [], {}],
    ['OutOfexample.com/dongle', short('example.com/dongle', 1, 1, 1), ...twice(asking({ 'example.com/dongle': '1' })), {}],
    [
      'NodeAffinity',
      predicate('NodeAffinity', "node(s) didn't match Pod's node affinity/selector"),
      pod({ nodeSelector: { disk: 'hdd' } }),
      [],
      {},
    ],
    [
      'NodePorts',
      predicate('NodePorts', "node(s) didn't have free ports for the requested pod ports"),
      onPort(80),
      [onPort(80, '10.0.0.1')],
      {},
    ],
    [
      'TaintToleration',
      predicate('TaintToleration', "node(s) had taints that the pod didn't tolerate"),
      pod(),
      [],
      { node: node({ taints: [{ key: 'a', effect: 'NoExecute' }] }) },
    ],
    ['Evicted', 'The node had condition: [MemoryPressure]. ', pod(), [], { pressures: ['MemoryPressure'] }],
    ['Evicted', 'The node had condition: [DiskPressure]. ', asking({ cpu: '1m' }), [], { pressures: ['DiskPressure'] }],
    ['NodeShutdown', 'Pod was rejected as the node is shutting down.', pod(), [], { shuttingDown: true }],
  ])('%s: %s', (reason, message, wanted, others, extra) =>
    expect(admit(wanted, others, state(extra))).toEqual({ reason, message: `Pod was rejected: ${message}`, rejected: true }));

  it('but not for memory pressure where it asked for memory, bears it, or the cluster needs it', () => {
    const pressures = ['MemoryPressure'];
    const tolerations = [{ key: 'node.kubernetes.io/memory-pressure', operator: 'Exists' }];
    expect(admit(asking({ memory: '1Mi' }), [], state({ pressures }))).toBeUndefined();
    expect(admit(pod({ tolerations }), [], state({ pressures }))).toBeUndefined();
    expect(admit(pod({ priority: 2_000_000_000 }), [], state({ pressures: ['DiskPressure'] }))).toBeUndefined();
  });
});

function predicate(name: string, why: string): string {
  return `Predicate ${name} failed: ${why}`;
}

function twice(one: Pod): [Pod, readonly Pod[]] {
  return [one, [one]];
}
