// Pods and nodes as amounts of resources: what each asks for, has, and blocks. Pure; remembered for each object.
import { hostPortsOf } from '../kinds/core/host-ports.js';
import { podRequests, resourceAmount } from '../kinds/core/podutil.js';
import type { Node, Pod } from '../kinds/types/core_v1.js';
import type { NodeInfo, Snapshot } from './define.js';

/** Upstream's stand-ins for pods that ask for nothing, used in scores only: they too take room. */
const DEFAULT_MILLI_CPU = 100;
const DEFAULT_MEMORY_BYTES = 200 * 1024 * 1024;

const requests = new WeakMap<Pod, ReadonlyMap<string, number>>();

/** `podRequests`, computed once for each pod object. */
export function requestsOf(pod: Pod): ReadonlyMap<string, number> {
  let known = requests.get(pod);
  if (!known) requests.set(pod, (known = podRequests(pod)));
  return known;
}

/** What a pod counts for in scores. */
export function scoredRequest(pod: Pod, resource: 'cpu' | 'memory'): number {
  return requestsOf(pod).get(resource) ?? (resource === 'cpu' ? DEFAULT_MILLI_CPU : DEFAULT_MEMORY_BYTES);
}

/** A node and the pods on it, as plugins see them. */
export function nodeInfo(node: Node, pods: readonly Pod[]): NodeInfo {
  const allocatable = new Map<string, number>();
  for (const [resource, quantity] of Object.entries(node.status.allocatable ?? {})) {
    // Capacity rounds down: a fraction of a byte or piece can be given to nobody.
    allocatable.set(resource, Math.floor(resourceAmount(resource, quantity)));
  }
  const requested = new Map<string, number>([['pods', pods.length]]);
  const hostPorts = new Set<string>();
  const scored = { cpu: 0, memory: 0 };
  for (const pod of pods) {
    for (const [resource, amount] of requestsOf(pod)) requested.set(resource, (requested.get(resource) ?? 0) + amount);
    for (const port of hostPortsOf(pod)) hostPorts.add(port);
    scored.cpu += scoredRequest(pod, 'cpu');
    scored.memory += scoredRequest(pod, 'memory');
  }
  const podsWithAffinity = pods.filter(({ spec }) => spec.affinity?.podAffinity || spec.affinity?.podAntiAffinity);
  const podsWithRequiredAntiAffinity = podsWithAffinity.filter(
    ({ spec }) => (spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).length > 0,
  );
  const { name } = node.metadata;
  return { name, node, pods, allocatable, requested, scored, hostPorts, podsWithAffinity, podsWithRequiredAntiAffinity };
}

/** The node as it would be with one more pod. */
export const nodeInfoWith = (info: NodeInfo, pod: Pod): NodeInfo => nodeInfo(info.node, [...info.pods, pod]);

/** The node as it would be without that pod. */
export function nodeInfoWithout(info: NodeInfo, { metadata }: Pod): NodeInfo {
  return nodeInfo(
    info.node,
    info.pods.filter((other) => other.metadata.uid !== metadata.uid),
  );
}

/** A snapshot's parts that follow from its nodes. */
export function nodesOf(nodes: readonly NodeInfo[]): Pick<Snapshot, 'nodes' | 'byName' | 'withAffinity' | 'withRequiredAntiAffinity'> {
  return {
    nodes,
    byName: new Map(nodes.map((info) => [info.name, info])),
    withAffinity: nodes.filter(({ podsWithAffinity }) => podsWithAffinity.length > 0),
    withRequiredAntiAffinity: nodes.filter(({ podsWithRequiredAntiAffinity }) => podsWithRequiredAntiAffinity.length > 0),
  };
}
