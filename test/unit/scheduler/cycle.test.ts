// A scheduling cycle: which node a pod gets, and what is said of those it does not get.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Random } from '../../../src/apimachinery/clock.js';
import type { Node, Pod, Service } from '../../../src/kinds/types/core_v1.js';
import { feasibleNodesToFind, schedule } from '../../../src/scheduler/cycle.js';
import type { Decision, Snapshot } from '../../../src/scheduler/define.js';
import { Nominator } from '../../../src/scheduler/nominator.js';
import { defaultProfile } from '../../../src/scheduler/profile.js';
import { nodeInfo, nodesOf } from '../../../src/scheduler/resources.js';
import { showsFields } from '../../suites/pod-spec.js';
import { controlledBy, node, pod, replicaSet, service } from '../controllers/objects.js';
import { storageOf } from './plugins/lab.js';
import { refusedIn } from './refusals.js';

const profile = defaultProfile();
const first: Random = { next: () => 0, bytes: (length) => new Uint8Array(length) };

function snapshotOf(nodes: readonly Node[], pods: readonly Pod[] = [], services: readonly Service[] = []): Snapshot {
  const infos = nodes.map((each) =>
    nodeInfo(
      each,
      pods.filter(({ spec }) => spec.nodeName === each.metadata.name),
    ),
  );
  const namespaceLabels = (name: string) => ({ 'kubernetes.io/metadata.name': name });
  return { ...nodesOf(infos), nominated: new Nominator(), services, namespaceLabels, storage: storageOf([]) };
}

const place = (what: Pod, nodes: readonly Node[], pods: readonly Pod[] = [], services: readonly Service[] = []) =>
  schedule(what, snapshotOf(nodes, pods, services), profile, first);

/** Nodes that no filter refused. */
const fitting = ({ feasible }: Decision) => feasible.map(({ name }) => name);

const refusalOn = (decision: Decision, name: string) => {
  const { plugin, reasons } = refusedIn(decision).find((one) => one.node === name)!;
  return { plugin, reasons };
};

const requesting = (cpu: string, memory = '64Mi') => [{ name: 'c', image: 'busybox', resources: { requests: { cpu, memory } } }];
const onNode = (name: string, nodeName: string, extra: { spec?: object; metadata?: object } = {}): Pod =>
  pod(name, { metadata: extra.metadata ?? {}, spec: { nodeName, ...extra.spec } });
const tainted = (name: string, effect: string) => node(name, { spec: { taints: [{ key: 'dedicated', value: 'db', effect }] } });
const zoned = (name: string, zone: string) =>
  node(name, { metadata: { labels: { 'kubernetes.io/hostname': name, 'topology.kubernetes.io/zone': zone } } });

describe('why not', () => {
  const free = node('n1');
  test.each<[string, Pod, readonly Node[], readonly Pod[], string]>([
    ['no nodes', pod('p'), [], [], 'no nodes available to schedule pods'],
    ['CPU', pod('p', { spec: { containers: requesting('5') } }), [free], [], '0/1 nodes are available: 1 Insufficient cpu.'],
    [
      'CPU and memory, each counted',
      pod('p', { spec: { containers: requesting('5', '9Gi') } }),
      [free, node('n2')],
      [],
      '0/2 nodes are available: 2 Insufficient cpu, 2 Insufficient memory.',
    ],
    [
      'different reasons',
      pod('p', { spec: { containers: requesting('5') } }),
      [free, tainted('n2', 'NoSchedule'), tainted('n3', 'NoExecute')],
      [],
      '0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint(s).',
    ],
    [
      'full of pods',
      pod('p'),
      [node('n1', { status: { allocatable: { cpu: '4', memory: '8Gi', pods: '1' } } })],
      [onNode('x', 'n1')],
      '0/1 nodes are available: 1 Too many pods.',
    ],
    ['cordoned', pod('p'), [node('n1', { spec: { unschedulable: true } })], [], '0/1 nodes are available: 1 node(s) were unschedulable.'],
    [
      'node selector',
      pod('p', { spec: { nodeSelector: { disk: 'ssd' } } }),
      [free],
      [],
      "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.",
    ],
    [
      'host port',
      pod('p', { spec: { containers: [{ name: 'c', ports: [{ containerPort: 80, hostPort: 80 }] }] } }),
      [free],
      [onNode('x', 'n1', { spec: { containers: [{ name: 'c', ports: [{ containerPort: 80, hostPort: 80, hostIP: '10.0.0.1' }] }] } })],
      "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports.",
    ],
  ])('%s', (_, what, nodes, pods, message) => {
    expect(place(what, nodes, pods)).toMatchObject({ node: undefined, message });
  });

  test('each node’s reason is part of the decision, with the plugin that gave it', () => {
    const decision = place(pod('p'), [tainted('n2', 'NoSchedule')]);
    expect(refusalOn(decision, 'n2')).toEqual({ plugin: 'TaintToleration', reasons: ['node(s) had untolerated taint(s)'] });
  });
});

describe('where to', () => {
  test('never where a filter refuses, and always somewhere if one node is left', () => {
    const cpus = fc.array(fc.record({ free: fc.integer({ min: 0, max: 8 }), cordoned: fc.boolean() }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(cpus, fc.integer({ min: 1, max: 8 }), fc.double({ min: 0, max: 0.999, noNaN: true }), (sizes, cpu, draw) => {
        const nodes = sizes.map(({ free, cordoned }, i) =>
          node(`n${i}`, { spec: { unschedulable: cordoned }, status: { allocatable: { cpu: String(free), memory: '8Gi', pods: '9' } } }),
        );
        const what = pod('p', { spec: { containers: requesting(String(cpu)) } });
        const decision = schedule(what, snapshotOf(nodes), profile, { ...first, next: () => draw });
        const wanted = sizes.flatMap(({ free, cordoned }, i) => (!cordoned && free >= cpu ? [`n${i}`] : []));
        if (wanted.length === 0) expect(decision.node).toBeUndefined();
        else expect(wanted).toContain(decision.node?.name);
        expect(decision.feasible.length + decision.refused.length).toBe(nodes.length);
      }),
    );
  });

  test('the node with the most left free', () => {
    const busy = onNode('x', 'n1', { spec: { containers: requesting('2', '2Gi') } });
    expect(place(pod('p', { spec: { containers: requesting('1', '1Gi') } }), [node('n1'), node('n2')], [busy]).node?.name).toBe('n2');
  });

  test('pods that ask for nothing spread all the same', () => {
    expect(place(pod('p'), [node('n1'), node('n2')], [onNode('x', 'n1')]).node?.name).toBe('n2');
  });

  test('equally good nodes are drawn from by the given randomness', () => {
    const nodes = ['n1', 'n2', 'n3'].map((name) => node(name));
    const draw = (value: number) => schedule(pod('p'), snapshotOf(nodes), profile, { ...first, next: () => value }).node?.name;
    expect([draw(0), draw(0.5), draw(0.99)]).toEqual(['n1', 'n2', 'n3']);
  });

  test('only nodes with the labels that the pod selects', (context) => {
    showsFields(context, 'spec.nodeSelector');
    const fast = node('n2', { metadata: { labels: { disk: 'ssd' } } });
    expect(place(pod('p', { spec: { nodeSelector: { disk: 'ssd' } } }), [node('n1'), fast]).node?.name).toBe('n2');
  });

  test('with room for what the pod takes besides its containers', (context) => {
    showsFields(context, 'spec.overhead');
    const nodes = [node('n1', { status: { allocatable: { cpu: '1', memory: '8Gi', pods: '9' } } })];
    expect(place(pod('p', { spec: { containers: requesting('900m'), overhead: { cpu: '100m' } } }), nodes).node?.name).toBe('n1');
    expect(place(pod('p', { spec: { containers: requesting('900m'), overhead: { cpu: '101m' } } }), nodes).message).toContain(
      'Insufficient cpu',
    );
  });

  test('a tolerated taint, and a node that is only less liked', (context) => {
    showsFields(context, 'spec.tolerations[].{key,operator,value,effect}');
    const tolerations = [{ key: 'dedicated', operator: 'Equal', value: 'db', effect: 'NoSchedule' }];
    expect(place(pod('p', { spec: { tolerations } }), [tainted('n1', 'NoSchedule')]).node?.name).toBe('n1');
    expect(place(pod('p'), [tainted('n1', 'PreferNoSchedule'), node('n2')]).node?.name).toBe('n2');
  });

  test.each([
    ['In', ['eu'], ['n1']],
    ['NotIn', ['eu'], ['n2', 'n3']],
    ['Exists', [], ['n1', 'n2']],
    ['DoesNotExist', [], ['n3']],
  ])('required node affinity %s', (operator, values, names) => {
    const region = (name: string, value?: string) => node(name, { metadata: { labels: value ? { region: value } : {} } });
    const nodeAffinity = {
      requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'region', operator, values }] }] },
    };
    const decision = place(pod('p', { spec: { affinity: { nodeAffinity } } }), [region('n1', 'eu'), region('n2', 'us'), region('n3')]);
    expect(fitting(decision)).toEqual(names);
  });

  test('preferred node affinity draws', (context) => {
    showsFields(context, 'spec.affinity.nodeAffinity');
    const preference = { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: ['n2'] }] };
    const nodeAffinity = { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 50, preference }] };
    expect(place(pod('p', { spec: { affinity: { nodeAffinity } } }), [node('n1'), node('n2')]).node?.name).toBe('n2');
  });
});

describe('spreading', () => {
  const owner = replicaSet('web');
  const replica = (name: string, nodeName?: string, spec: object = {}) =>
    pod(name, {
      metadata: { labels: { app: 'web' }, ownerReferences: [controlledBy(owner)] },
      spec: { ...(nodeName ? { nodeName } : {}), ...spec },
    });

  test('replicas of one owner go to different hosts, one after the other', () => {
    const nodes = ['n1', 'n2', 'n3'].map((name) => node(name));
    const placed: Pod[] = [];
    for (let i = 0; i < 6; i++) {
      const { node: chosen } = place(replica(`r${i}`), nodes, placed);
      placed.push(replica(`r${i}`, chosen?.name));
    }
    const counts = nodes.map(({ metadata }) => placed.filter(({ spec }) => spec.nodeName === metadata.name).length);
    expect(counts).toEqual([2, 2, 2]);
  });

  test('pods behind one Service keep apart though nobody owns them', () => {
    const labels = { app: 'web' };
    const big = onNode('big', 'n2', { spec: { containers: requesting('1', '1Gi') } });
    const peer = onNode('peer', 'n1', { metadata: { labels } });
    const bare = pod('p', { metadata: { labels } });
    expect(place(bare, [node('n1'), node('n2')], [big, peer]).node?.name).toBe('n1');
    expect(place(bare, [node('n1'), node('n2')], [big, peer], [service('web')]).node?.name).toBe('n2');
  });

  test('a constraint that must hold refuses what would make the zones uneven', (context) => {
    showsFields(context, 'spec.topologySpreadConstraints[].{maxSkew,topologyKey,whenUnsatisfiable,labelSelector}');
    const constraint = {
      maxSkew: 1,
      topologyKey: 'topology.kubernetes.io/zone',
      whenUnsatisfiable: 'DoNotSchedule',
      labelSelector: { matchLabels: { app: 'web' } },
    };
    const nodes = [zoned('n1', 'a'), zoned('n2', 'b'), node('n3')];
    const decision = place(replica('p', undefined, { topologySpreadConstraints: [constraint] }), nodes, [replica('x', 'n1')]);
    expect(decision.node?.name).toBe('n2');
    expect(refusalOn(decision, 'n1').reasons).toEqual(["node(s) didn't match pod topology spread constraints"]);
    expect(refusalOn(decision, 'n3').reasons).toEqual(["node(s) didn't match pod topology spread constraints (missing required label)"]);
  });
});

describe('a spread constraint', () => {
  const labels = { app: 'web', release: '2' };
  const constraint = (more: object) => ({
    maxSkew: 1,
    topologyKey: 'topology.kubernetes.io/zone',
    whenUnsatisfiable: 'DoNotSchedule',
    labelSelector: { matchLabels: { app: 'web' } },
    ...more,
  });
  const web = (more: object, spec: object = {}) =>
    pod('p', { metadata: { labels }, spec: { topologySpreadConstraints: [constraint(more)], ...spec } });
  const there = (name: string, nodeName: string, release: string) =>
    onNode(name, nodeName, { metadata: { labels: { app: 'web', release } } });
  const nodes = [zoned('n1', 'a'), zoned('n2', 'b')];
  const allowed = (what: Pod, on: readonly Node[], pods: readonly Pod[]) => fitting(place(what, on, pods));

  test('can want a number of zones', (context) => {
    showsFields(context, 'spec.topologySpreadConstraints[].minDomains');
    const each = [there('x', 'n1', '2'), there('y', 'n2', '2')];
    expect(allowed(web({ minDomains: 2 }), nodes, each)).toEqual(['n1', 'n2']);
    expect(allowed(web({ minDomains: 3 }), nodes, each)).toEqual([]);
  });

  test('can count only pods that are like this one in some labels', (context) => {
    showsFields(context, 'spec.topologySpreadConstraints[].matchLabelKeys');
    const old = [there('x', 'n1', '1'), there('y', 'n1', '1')];
    expect(allowed(web({}), nodes, old)).toEqual(['n2']);
    expect(allowed(web({ matchLabelKeys: ['release'] }), nodes, old)).toEqual(['n1', 'n2']);
  });

  test('leaves out the nodes that the pod cannot go to, or counts them too', (context) => {
    showsFields(context, 'spec.topologySpreadConstraints[].{nodeAffinityPolicy,nodeTaintsPolicy}');
    const one = [there('x', 'n1', '2')];
    const nodeSelector = { 'kubernetes.io/hostname': 'n1' };
    expect(allowed(web({}, { nodeSelector }), nodes, one)).toEqual(['n1']);
    expect(allowed(web({ nodeAffinityPolicy: 'Ignore' }, { nodeSelector }), nodes, one)).toEqual([]);
    const closed = { ...nodes[1]!, spec: { taints: [{ key: 'k', effect: 'NoSchedule' }] } };
    expect(allowed(web({}), [nodes[0]!, closed], one)).toEqual([]);
    expect(allowed(web({ nodeTaintsPolicy: 'Honor' }), [nodes[0]!, closed], one)).toEqual(['n1']);
  });
});

describe('affinity between pods', () => {
  const hostname = 'kubernetes.io/hostname';
  const term = { topologyKey: hostname, labelSelector: { matchLabels: { app: 'db' } } };
  const db = onNode('db', 'n2', { metadata: { labels: { app: 'db' } } });
  const nodes = [node('n1'), node('n2')];
  const required = (kind: string, labels = {}) =>
    pod('p', { metadata: { labels }, spec: { affinity: { [kind]: { requiredDuringSchedulingIgnoredDuringExecution: [term] } } } });

  test('with, and away from, the pods that are named', (context) => {
    showsFields(context, 'spec.affinity.{podAffinity,podAntiAffinity}');
    expect(place(required('podAffinity'), nodes, [db]).node?.name).toBe('n2');
    expect(place(required('podAntiAffinity'), nodes, [db]).node?.name).toBe('n1');
    expect(place(required('podAffinity'), nodes).message).toBe("0/2 nodes are available: 2 node(s) didn't match pod affinity rules.");
  });

  test('the first pod of a group that wants its own company goes anywhere', () => {
    expect(place(required('podAffinity', { app: 'db' }), nodes).node?.name).toBe('n1');
  });

  test('pods that are there keep others off too', () => {
    const loner = { ...required('podAntiAffinity'), metadata: { ...pod('loner').metadata } };
    const there = { ...loner, spec: { ...loner.spec, nodeName: 'n1' } };
    const decision = place(pod('p', { metadata: { labels: { app: 'db' } } }), nodes, [there]);
    expect(decision.node?.name).toBe('n2');
    expect(refusalOn(decision, 'n1').reasons).toEqual(["node(s) didn't satisfy existing pods anti-affinity rules"]);
  });
});

describe('how much is looked at', () => {
  const many = Array.from({ length: 400 }, (_, i) => node(`n${i}`));

  test.each([
    [50, 0, 50],
    [100, 0, 100],
    [1000, 0, 420],
    [5000, 0, 500],
    [10_000, 0, 500],
    [1000, 30, 300],
    [1000, 5, 100],
    [1000, 100, 1000],
  ])('of %i nodes at %i %% it is %i that have to fit', (nodes, percentage, enough) => {
    expect(feasibleNodesToFind(nodes, percentage)).toBe(enough);
  });

  test('the next cycle begins where the last one ended', () => {
    const snapshot = snapshotOf(many);
    const one = schedule(pod('a'), snapshot, profile, first);
    const other = schedule(pod('b'), snapshot, profile, first, one.nextStart);
    expect([one.feasible.length, one.nextStart, other.feasible[0]?.name]).toEqual([188, 188, 'n188']);
  });
});

test('a pod that cannot be read is told so, by the plugin that could not', () => {
  const decision = place(pod('p', { spec: { containers: requesting('many') } }), [node('n1')]);
  expect(decision).toMatchObject({ node: undefined, failed: true });
  expect(decision.message).toMatch(/^running PreFilter plugin "NodeResourcesFit": /);
});
