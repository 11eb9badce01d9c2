// The nodes and pods of the scheduler's benchmark: what upstream's scheduler_perf has in its templates, in amounts of our own.
import type { Draft } from '../../src/apimachinery/json.js';
import type { Node, Pod } from '../../src/kinds/types/core_v1.js';

/**
 * `preemption` is what upstream's floor for it is about (PreemptionAsync): pods that fit, while one that has to preempt others comes every now
 * and then. In `all-preempt` each pod has to (PreemptionBasic, which upstream does not run with so many nodes and has no floor for).
 */
export type PodKind = 'plain' | 'spread' | 'anti-affinity' | 'preemption' | 'all-preempt' | 'unschedulable';

export interface Size {
  readonly nodes: number;
  readonly pods: number;
}

export interface Case {
  readonly kind: PodKind;
  readonly size: Size;
  /** The scheduler is a process of its own. */
  readonly apart: boolean;
}

interface Stages {
  /** There before the scheduler first starts: on nodes already, or such as fit nowhere. */
  readonly before: readonly Draft<Pod>[];
  readonly warmUp: readonly Draft<Pod>[];
  readonly measured: readonly Draft<Pod>[];
  /** Comes again and again while those are placed. */
  readonly meanwhile?: { readonly every_ms: number; readonly make: (i: number) => Draft<Pod> };
}

const AMOUNTS = { cpu: '4', memory: '32Gi', 'ephemeral-storage': '100Gi', pods: '110' };
const ZONES = 3;
/** Pods of the first turn, in several rounds where there is no room for so many at once. */
export const WARM_UP = 500;
/** Of those that fit nowhere. */
const UNSCHEDULABLE = 200;
const SMALL = { cpu: '100m', memory: '500Mi' };
/** Four on each node leave no room for one of high priority, for which three have to go. */
const [LOW, HIGH] = [
  { cpu: '900m', memory: '500Mi' },
  { cpu: '3', memory: '500Mi' },
];
const LOW_PER_NODE = 4;
export const VICTIMS = 3;
/** Upstream's interval. */
const PREEMPTING_EVERY_MS = 200;

export const nodeName = (i: number) => `node-${i}`;

export function nodeOf(i: number): { readonly metadata: Draft<Node['metadata']> & { readonly name: string }; readonly status: object } {
  const name = nodeName(i);
  const labels = { 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux', 'topology.kubernetes.io/zone': `zone-${i % ZONES}` };
  const at = new Date(0).toISOString().replace('.000', '');
  const conditions = [{ type: 'Ready', status: 'True', reason: 'KubeletReady', lastHeartbeatTime: at, lastTransitionTime: at }];
  return { metadata: { name, labels }, status: { conditions, allocatable: AMOUNTS, capacity: AMOUNTS } };
}

export function podsOf(kind: PodKind, { nodes, pods }: Size): Stages {
  const warmUp = many(WARM_UP, 'warm-up', (i) => ({ labels: labelsOf(kind, i, nodes), spec: specOf(kind, i, nodes) }));
  if (kind === 'all-preempt') return { before: low(nodes), warmUp: high(nodes / 10, 'warm-up'), measured: high(nodes / 2, 'measured') };
  if (kind === 'preemption') return besidePreemption(nodes);
  const measured = many(pods, 'measured', (i) => ({ labels: labelsOf(kind, i, nodes), spec: specOf(kind, i, nodes) }));
  const before = kind === 'unschedulable' ? many(UNSCHEDULABLE, 'before', () => ({ spec: asking({ cpu: '9', memory: '500Mi' }) })) : [];
  return { before, warmUp, measured };
}

/** Every node holds pods that have to go; each of the first and the second turn takes one node. */
function low(nodes: number): readonly Draft<Pod>[] {
  return Array.from({ length: nodes }, (_, i) => lowOn(nodeName(i), `before-${i}`, LOW_PER_NODE)).flat();
}

export function lowOn(node: string, name: string, count: number): readonly Draft<Pod>[] {
  return many(count, name, () => ({ spec: { ...asking(LOW), nodeName: node, terminationGracePeriodSeconds: 0 } }));
}

function besidePreemption(nodes: number): Stages {
  // One for each node, as upstream: it fits beside the pods that are there, and beside the one of high priority and whom that one leaves.
  const small = (count: number, stage: string) =>
    many(count, `${stage}-small`, () => ({ spec: { ...asking(SMALL), terminationGracePeriodSeconds: 0 } }), stage);
  return {
    before: low(nodes),
    warmUp: [...high(nodes / 10, 'warm-up'), ...small(nodes / 10, 'warm-up')],
    measured: small(nodes, 'measured'),
    meanwhile: { every_ms: PREEMPTING_EVERY_MS, make: (i) => high(1, `meanwhile-${i}`)[0]! },
  };
}

const high = (count: number, stage: string): readonly Draft<Pod>[] =>
  many(Math.floor(count), stage, () => ({
    spec: { ...asking(HIGH), priorityClassName: HIGH_PRIORITY, terminationGracePeriodSeconds: 0 },
  }));

export const HIGH_PRIORITY = 'high';

/** Of like pods as many as half the nodes: each node could be without one. */
const groupOf = (i: number, nodes: number) => `group-${Math.floor(i / Math.ceil(nodes / 2))}`;

function labelsOf(kind: PodKind, i: number, nodes: number): { readonly [name: string]: string } {
  return kind === 'spread' || kind === 'anti-affinity' ? { app: groupOf(i, nodes) } : {};
}

function specOf(kind: PodKind, i: number, nodes: number): Draft<Pod['spec']> {
  const labelSelector = { matchLabels: { app: groupOf(i, nodes) } };
  const base = asking(SMALL);
  if (kind === 'spread') {
    const constraint = { maxSkew: 5, topologyKey: 'topology.kubernetes.io/zone', whenUnsatisfiable: 'DoNotSchedule', labelSelector };
    return { ...base, topologySpreadConstraints: [constraint] };
  }
  if (kind !== 'anti-affinity') return base;
  const term = { labelSelector, topologyKey: 'kubernetes.io/hostname' };
  return { ...base, affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } } };
}

const asking = (requests: { readonly cpu: string; readonly memory: string }): Draft<Pod['spec']> => ({
  containers: [{ name: 'main', image: 'registry.k8s.io/pause:3.10', resources: { requests } }],
});

function many(
  count: number,
  name: string,
  make: (i: number) => { readonly labels?: object; readonly spec: Draft<Pod['spec']> },
  stage = name,
): readonly Draft<Pod>[] {
  return Array.from({ length: count }, (_, i) => {
    const { labels, spec } = make(i);
    return { metadata: { namespace: 'default', name: `${name}-${i}`, labels: { ...labels, stage } }, spec } as Draft<Pod>;
  });
}
