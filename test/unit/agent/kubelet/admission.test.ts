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
  ])('%s', (_what, wanted, others) => expect(admit(wanted, others, state())).toEqual({ preempts: [] }));
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
    expect(admit(wanted, others, state(extra))).toEqual({
      failure: { reason, message: `Pod was rejected: ${message}`, rejected: true },
      preempts: [],
    }));

  it('but not for memory pressure where it asked for memory, bears it, or the cluster needs it', () => {
    const pressures = ['MemoryPressure'];
    const tolerations = [{ key: 'node.kubernetes.io/memory-pressure', operator: 'Exists' }];
    expect(admit(asking({ memory: '1Mi' }), [], state({ pressures })).failure).toBeUndefined();
    expect(admit(pod({ tolerations }), [], state({ pressures })).failure).toBeUndefined();
    expect(admit(pod({ priority: 2_000_000_000 }), [], state({ pressures: ['DiskPressure'] })).failure).toBeUndefined();
  });
});

describe('a pod that the node cannot do without', () => {
  const named = (name: string, requests: object, spec: Partial<PodSpec> = {}): Pod => {
    const made = asking(requests, spec);
    return { ...made, metadata: { ...made.metadata, name, uid: name } };
  };
  const critical = { priority: 2_000_001_000 };
  const guaranteed = (name: string, requests: object): Pod =>
    named(name, requests, { containers: [container('main', { resources: { requests, limits: requests } as never })] });
  const victims = (wanted: Pod, others: readonly Pod[]) =>
    admit(wanted, others, state())
      .preempts.map(({ metadata }) => metadata.name)
      .sort();

  it.each<[string, object, readonly Pod[], readonly string[]]>([
    ['nobody where there is room', { cpu: '1' }, [named('a', { cpu: '1' })], []],
    ['the one that has enough', { cpu: '1' }, [named('little', { cpu: '500m' }), named('much', { cpu: '1500m' })], ['much']],
    ['of two that have enough the lighter', { cpu: '500m' }, [named('a', { cpu: '1100m' }), named('b', { cpu: '900m' })], ['b']],
    [
      'a Burstable one before a Guaranteed one',
      { cpu: '1' },
      [guaranteed('g', { cpu: '1', memory: '1Mi' }), named('b', { cpu: '1' })],
      ['b'],
    ],
    [
      'whoever asked for nothing, where only a place is missing',
      {},
      [named('a', { cpu: '1m' }), named('b', {}), named('c', { cpu: '1m' })],
      ['b'],
    ],
    ['as many as it takes', { cpu: '2' }, [named('a', { cpu: '1' }), named('b', { cpu: '1' })], ['a', 'b']],
  ])('ends %s', (_what, requests, others, expected) => expect(victims(named('critical', requests, critical), others)).toEqual(expected));

  it('does not end those that the node cannot do without either, but for a lower priority', () => {
    const lower = named('lower', { cpu: '2' }, { priority: 2_000_000_000 });
    const same = named('same', { cpu: '2' }, critical);
    expect(victims(named('critical', { cpu: '1' }, critical), [lower])).toEqual(['lower']);
    expect(admit(named('critical', { cpu: '1' }, critical), [same], state())).toEqual({
      failure: {
        reason: 'UnexpectedAdmissionError',
        message:
          'Pod was rejected: Unexpected error while attempting to recover from admission failure: preemption: error finding a set of pods to preempt: no set of running pods found to reclaim resources: [(res: cpu, q: 1000), ]',
        rejected: true,
      },
      preempts: [],
    });
  });

  it('ends nobody where it could not run all the same', () => {
    const elsewhere = named('critical', { cpu: '1' }, { ...critical, nodeSelector: { disk: 'hdd' } });
    expect(admit(elsewhere, [named('a', { cpu: '2' })], state())).toMatchObject({ failure: { reason: 'NodeAffinity' }, preempts: [] });
  });

  it('may be a static one, which bears any taint', () => {
    const tainted = state({ node: node({ taints: [{ key: 'a', effect: 'NoExecute' }] }) });
    const pod = named('static', { cpu: '1' });
    const asStatic = { ...pod, metadata: { ...pod.metadata, annotations: { 'kubernetes.io/config.source': 'file' } } };
    expect(admit(asStatic, [named('a', { cpu: '2' })], tainted).preempts).toMatchObject([{ metadata: { name: 'a' } }]);
    expect(admit(asStatic, [], tainted)).toEqual({ preempts: [] });
  });
});

function predicate(name: string, why: string): string {
  return `Predicate ${name} failed: ${why}`;
}

function twice(one: Pod): [Pod, readonly Pod[]] {
  return [one, [one]];
}
