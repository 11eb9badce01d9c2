// The closer look at what happened: whether a node or pod that came, changed or went can help a pod that a plugin refused. Pure; in doubt it can.

import type { KubeObject } from '../apimachinery/object.js';
import { hostPortsOf } from '../kinds/core/host-ports.js';
import { matchesRequired } from '../kinds/core/node-selector.js';
import { persistentVolumeClaims } from '../kinds/core/persistentvolumeclaim.js';
import { claimNamesOf } from '../kinds/core/pod-claims.js';
import { tolerates } from '../kinds/core/tolerations.js';
import type { Node, Pod } from '../kinds/types/core_v1.js';
import { TAINT_UNSCHEDULABLE } from '../kinds/wellknown.js';
import type { ClusterEventHint } from './define.js';
import { type Term, termsOf } from './pod-affinity.js';
import { allocatable, requestsOf, takenBy } from './resources.js';

type Hint = NonNullable<ClusterEventHint['hint']>;

const when = (helps: boolean): 'queue' | 'skip' => (helps ? 'queue' : 'skip');

/** For a node that comes, and for one that changes so that it does now what it did not do before. */
function onNode(fits: (pod: Pod, node: Node) => boolean): readonly ClusterEventHint[] {
  const added: Hint = (pod, _, now) => when(fits(pod, now as Node));
  const changed: Hint = (pod, old, now) => when(fits(pod, now as Node) && !fits(pod, old as Node));
  return [
    { event: 'NodeAdd', hint: added },
    { event: 'NodeUpdate', hint: changed },
  ];
}

export const nodeNameHints: readonly ClusterEventHint[] = [
  { event: 'NodeAdd', hint: ({ spec }, _, now) => when(spec.nodeName === now!.metadata.name) },
];

const UNSCHEDULABLE = { key: TAINT_UNSCHEDULABLE, effect: 'NoSchedule' };

export const nodeUnschedulableHints = onNode(
  ({ spec }, node) => !node.spec.unschedulable || (spec.tolerations ?? []).some((toleration) => tolerates(toleration, UNSCHEDULABLE)),
);

export const taintTolerationHints = onNode(({ spec }, node) =>
  (node.spec.taints ?? []).every(
    (taint) => taint.effect === 'PreferNoSchedule' || (spec.tolerations ?? []).some((toleration) => tolerates(toleration, taint)),
  ),
);

/** What the configuration adds for every pod goes by labels, too. */
export const nodeAffinityHints: readonly ClusterEventHint[] = [
  { event: 'NodeAdd', hint: (pod, _, now) => when(matchesRequired(pod, now as Node)) },
  { event: 'NodeUpdate', hint: (pod, old, now) => when(matchesRequired(pod, now as Node) && labelsChanged(old, now)) },
];

const labelsChanged = (old: KubeObject | undefined, now: KubeObject | undefined): boolean =>
  JSON.stringify(old?.metadata.labels) !== JSON.stringify(now?.metadata.labels);

export const nodePortsHints: readonly ClusterEventHint[] = [
  { event: 'NodeAdd' },
  { event: 'AssignedPodDelete', hint: (pod, old) => when(!old || sharePort(pod, old as Pod)) },
];

/** By number and protocol; the addresses may differ. */
function sharePort(a: Pod, b: Pod): boolean {
  const ports = (pod: Pod) => hostPortsOf(pod).map((port) => port.replace(/\/.*\//, '/'));
  const taken = new Set(ports(b));
  return ports(a).some((port) => taken.has(port));
}

export const nodeResourcesFitHints: readonly ClusterEventHint[] = [
  { event: 'NodeAdd', hint: (pod, _, now) => when(couldHold(pod, now as Node)) },
  { event: 'NodeUpdate', hint: (pod, old, now) => when(couldHold(pod, now as Node) && hasMore(pod, old as Node, now as Node)) },
  // A pod that goes gives its place back, if nothing else.
  { event: 'AssignedPodDelete' },
  { event: 'AssignedPodUpdate', hint: (pod, old, now) => when(asksLess(pod, old as Pod, now as Pod)) },
];

/** If it were empty. */
function couldHold(pod: Pod, node: Node): boolean {
  return allocatable(node, 'pods') > 0 && [...requestsOf(pod)].every(([resource, amount]) => amount <= allocatable(node, resource));
}

function hasMore(pod: Pod, old: Node, now: Node): boolean {
  return ['pods', ...requestsOf(pod).keys()].some((resource) => allocatable(now, resource) > allocatable(old, resource));
}

function asksLess(pod: Pod, old: Pod, now: Pod): boolean {
  const [before, after] = [takenBy(old).requests, takenBy(now).requests];
  return [...requestsOf(pod).keys()].some((resource) => (after.get(resource) ?? 0) < (before.get(resource) ?? 0));
}

/** Pods that a term means, or that mean this one; where the labels of namespaces decide, it cannot be told from the pods alone. */
function concerns(pod: Pod, other: Pod): boolean {
  const [own, theirs] = [termsOf(pod), termsOf(other)];
  if (own.signature === undefined || theirs.signature === undefined) return true;
  const means = (terms: readonly Term[], which: Pod) => terms.some((term) => term.matches(which, NO_NAMESPACES));
  return means([...own.affinity, ...own.antiAffinity], other) || means(theirs.antiAffinity, pod);
}

const NO_NAMESPACES = { namespaceLabels: () => ({}) };

export const interPodAffinityHints: readonly ClusterEventHint[] = [
  { event: 'NodeAdd' },
  { event: 'NodeUpdate', hint: (_, old, now) => when(labelsChanged(old, now)) },
  { event: 'AssignedPodAdd', hint: (pod, _, now) => when(concerns(pod, now as Pod)) },
  { event: 'AssignedPodUpdate', hint: (pod, old, now) => when(concerns(pod, old as Pod) !== concerns(pod, now as Pod)) },
  { event: 'AssignedPodDelete', hint: (pod, old) => when(!old || concerns(pod, old as Pod)) },
  { event: 'NamespaceUpdate' },
];

/** Only pods of its own namespace are spread with it. */
const inNamespace: Hint = (pod, old, now) => when((now ?? old)?.metadata.namespace === pod.metadata.namespace);

export const podTopologySpreadHints: readonly ClusterEventHint[] = [
  { event: 'NodeAdd' },
  { event: 'NodeUpdate' },
  // With the last node of a domain goes its count, which may have been the least.
  { event: 'NodeDelete' },
  { event: 'AssignedPodAdd', hint: inNamespace },
  { event: 'AssignedPodUpdate', hint: inNamespace },
  { event: 'AssignedPodDelete', hint: inNamespace },
];

/** A claim is one pod's or few's; volumes and classes may be anybody's. */
export const volumeBindingHints: readonly ClusterEventHint[] = [
  { event: 'NodeAdd' },
  { event: 'NodeUpdate' },
  {
    event: 'StorageChange',
    hint(pod, old, now) {
      const object = now ?? old;
      if (object?.kind !== persistentVolumeClaims.kind) return 'queue';
      const { namespace, name } = object.metadata;
      return when(namespace === pod.metadata.namespace && claimNamesOf(pod).includes(name));
    },
  },
];
