// Pods and nodes as amounts of resources: what each asks for, has, and blocks. Pure; remembered for each object.
import { hostPortsOf } from '../kinds/core/host-ports.js';
import { allContainers, podRequests, resourceAmount } from '../kinds/core/podutil.js';
import type { Node, Pod } from '../kinds/types/core_v1.js';
import type { NodeInfo, Snapshot } from './define.js';

/** Upstream's stand-ins for containers that ask for nothing, used in scores only: they too take room. */
const STAND_INS = { cpu: '100m', memory: '200Mi' };

const requests = new WeakMap<Pod, ReadonlyMap<string, number>>();

/** `podRequests`, computed once for each pod object. */
export function requestsOf(pod: Pod): ReadonlyMap<string, number> {
  let known = requests.get(pod);
  if (!known) requests.set(pod, (known = podRequests(pod)));
  return known;
}

const scored = new WeakMap<Pod, ReadonlyMap<string, number>>();

/** What a pod counts for in scores. */
export function scoredRequest(pod: Pod, resource: 'cpu' | 'memory'): number {
  let known = scored.get(pod);
  if (!known) scored.set(pod, (known = saysAll(pod) ? requestsOf(pod) : podRequests(pod, STAND_INS)));
  return known.get(resource)!;
}

function saysAll({ spec }: Pod): boolean {
  return allContainers(spec).every(
    ({ resources }) => resources?.requests?.['cpu'] !== undefined && resources.requests['memory'] !== undefined,
  );
}

type Snapshots = Pick<Snapshot, 'nodes' | 'byName' | 'withAffinity' | 'withRequiredAntiAffinity'>;

/** A node and the pods on it, as plugins see them. */
export function nodeInfo(node: Node, pods: readonly Pod[]): NodeInfo {
  const requested = new Map<string, number>([['pods', pods.length]]);
  const scored = { cpu: 0, memory: 0 };
  for (const pod of pods) {
    for (const [resource, amount] of requestsOf(pod)) requested.set(resource, (requested.get(resource) ?? 0) + amount);
    scored.cpu += scoredRequest(pod, 'cpu');
    scored.memory += scoredRequest(pod, 'memory');
  }
  const podsWithAffinity = pods.filter(hasAffinity);
  const { name } = node.metadata;
  return {
    name,
    node,
    pods,
    allocatable: allocatableOf(node),
    requested,
    scored,
    hostPorts: portsOf(pods),
    podsWithAffinity,
    podsWithRequiredAntiAffinity: podsWithAffinity.filter(hasRequiredAntiAffinity),
    lowestPriority: lowestPriorityOf(pods),
  };
}

/** The same pods on the node as it is now. */
export const nodeInfoOn = (info: NodeInfo, node: Node): NodeInfo => ({ ...info, node, allocatable: allocatableOf(node) });

/** The node as it would be with one more pod: added to what is known, not summed anew. */
export function nodeInfoWith(info: NodeInfo, pod: Pod): NodeInfo {
  const pods = [...info.pods, pod];
  const requested = new Map(info.requested).set('pods', pods.length);
  for (const [resource, amount] of requestsOf(pod)) requested.set(resource, (requested.get(resource) ?? 0) + amount);
  const ports = hostPortsOf(pod);
  return {
    ...info,
    pods,
    requested,
    scored: { cpu: info.scored.cpu + scoredRequest(pod, 'cpu'), memory: info.scored.memory + scoredRequest(pod, 'memory') },
    hostPorts: ports.length === 0 ? info.hostPorts : new Set([...info.hostPorts, ...ports]),
    podsWithAffinity: hasAffinity(pod) ? [...info.podsWithAffinity, pod] : info.podsWithAffinity,
    podsWithRequiredAntiAffinity: hasRequiredAntiAffinity(pod)
      ? [...info.podsWithRequiredAntiAffinity, pod]
      : info.podsWithRequiredAntiAffinity,
    lowestPriority: Math.min(info.lowestPriority, pod.spec.priority ?? 0),
  };
}

/** The same pod as it is now, if it asks for what it asked for before; undefined: it is to be taken off and put on anew. */
export function nodeInfoReplacing(info: NodeInfo, old: Pod, pod: Pod): NodeInfo | undefined {
  if (!sameDemands(old, pod)) return undefined;
  const replaced = (pods: readonly Pod[]) => (pods.includes(old) ? pods.map((other) => (other === old ? pod : other)) : pods);
  return {
    ...info,
    pods: replaced(info.pods),
    podsWithAffinity: replaced(info.podsWithAffinity),
    podsWithRequiredAntiAffinity: replaced(info.podsWithRequiredAntiAffinity),
  };
}

function sameDemands(a: Pod, b: Pod): boolean {
  const [before, after] = [requestsOf(a), requestsOf(b)];
  if (before.size !== after.size || hasAffinity(a) !== hasAffinity(b) || hasRequiredAntiAffinity(a) !== hasRequiredAntiAffinity(b))
    return false;
  for (const [resource, amount] of before) if (after.get(resource) !== amount) return false;
  return hostPortsOf(a).join() === hostPortsOf(b).join();
}

/** The node as it would be without that pod. */
export function nodeInfoWithout(info: NodeInfo, { metadata: { uid } }: Pod): NodeInfo {
  const pod = info.pods.find((other) => other.metadata.uid === uid);
  if (!pod) return info;
  const others = (pods: readonly Pod[]) => pods.filter((other) => other !== pod);
  const pods = others(info.pods);
  const requested = new Map(info.requested).set('pods', pods.length);
  for (const [resource, amount] of requestsOf(pod)) requested.set(resource, requested.get(resource)! - amount);
  return {
    ...info,
    pods,
    requested,
    scored: { cpu: info.scored.cpu - scoredRequest(pod, 'cpu'), memory: info.scored.memory - scoredRequest(pod, 'memory') },
    hostPorts: hostPortsOf(pod).length === 0 ? info.hostPorts : portsOf(pods),
    podsWithAffinity: hasAffinity(pod) ? others(info.podsWithAffinity) : info.podsWithAffinity,
    podsWithRequiredAntiAffinity: hasRequiredAntiAffinity(pod)
      ? others(info.podsWithRequiredAntiAffinity)
      : info.podsWithRequiredAntiAffinity,
    lowestPriority: (pod.spec.priority ?? 0) > info.lowestPriority ? info.lowestPriority : lowestPriorityOf(pods),
  };
}

function allocatableOf({ status }: Node): ReadonlyMap<string, number> {
  const amounts = new Map<string, number>();
  // Capacity rounds down: a fraction of a byte or piece can be given to nobody.
  for (const [resource, quantity] of Object.entries(status.allocatable ?? {}))
    amounts.set(resource, Math.floor(resourceAmount(resource, quantity)));
  return amounts;
}

const lowestPriorityOf = (pods: readonly Pod[]): number =>
  pods.reduce((lowest, { spec }) => Math.min(lowest, spec.priority ?? 0), Number.POSITIVE_INFINITY);

const portsOf = (pods: readonly Pod[]): ReadonlySet<string> => new Set(pods.flatMap(hostPortsOf));

const hasAffinity = ({ spec: { affinity } }: Pod): boolean =>
  affinity?.podAffinity !== undefined || affinity?.podAntiAffinity !== undefined;

export const hasRequiredAntiAffinity = ({ spec }: Pod): boolean =>
  (spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).length > 0;

/** A snapshot's parts that follow from its nodes. */
export function nodesOf(nodes: readonly NodeInfo[]): Snapshots {
  return {
    nodes,
    byName: new Map(nodes.map((info) => [info.name, info])),
    withAffinity: nodes.filter(({ podsWithAffinity }) => podsWithAffinity.length > 0),
    withRequiredAntiAffinity: nodes.filter(({ podsWithRequiredAntiAffinity }) => podsWithRequiredAntiAffinity.length > 0),
  };
}
