// Pods and nodes as amounts of resources: what each asks for, has, and blocks. Pure; remembered for each object.
import { hostPortsOf } from '../kinds/core/host-ports.js';
import { podRequests, resourceAmount } from '../kinds/core/podutil.js';
import type { Node, Pod } from '../kinds/types/core_v1.js';
import type { NodeInfo } from './define.js';

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
  for (const pod of pods) {
    for (const [resource, amount] of requestsOf(pod)) requested.set(resource, (requested.get(resource) ?? 0) + amount);
    for (const port of hostPortsOf(pod)) hostPorts.add(port);
  }
  return { node, pods, allocatable, requested, hostPorts };
}
