// Pods and nodes as amounts of resources: what each asks for, has, and blocks. Pure; remembered for each object.
import { QuantityError } from '../apimachinery/quantity.js';
import { withHeldRequests } from '../kinds/core/held-resources.js';
import { hostPortsOf } from '../kinds/core/host-ports.js';
import { allContainers, podRequests, resourceAmount } from '../kinds/core/podutil.js';
import type { Node, Pod } from '../kinds/types/core_v1.js';
import type { NodeInfo, Snapshot } from './define.js';

/** Upstream's stand-ins for containers that ask for nothing, used in scores only: they too take room. */
const STAND_INS = { cpu: '100m', memory: '200Mi' };

const requests = new WeakMap<Pod, ReadonlyMap<string, number>>();

/** `podRequests` of all that the pod takes, computed once for each pod object. */
export function requestsOf(pod: Pod): ReadonlyMap<string, number> {
  let known = requests.get(pod);
  if (!known) requests.set(pod, (known = podRequests(withHeldRequests(pod))));
  return known;
}

const scored = new WeakMap<Pod, ReadonlyMap<string, number>>();

/** What a pod counts for in scores. */
export function scoredRequest(pod: Pod, resource: 'cpu' | 'memory'): number {
  let known = scored.get(pod);
  if (!known) scored.set(pod, (known = saysAll(pod) ? requestsOf(pod) : podRequests(withHeldRequests(pod), STAND_INS)));
  return known.get(resource)!;
}

function saysAll({ spec }: Pod): boolean {
  return allContainers(spec).every(
    ({ resources }) => resources?.requests?.['cpu'] !== undefined && resources.requests['memory'] !== undefined,
  );
}

/** The error where a quantity in it is none. */
function reading<T>(read: () => T): T | QuantityError {
  try {
    return read();
  } catch (error) {
    if (error instanceof QuantityError) return error;
    throw error;
  }
}

interface Taken {
  readonly requests: ReadonlyMap<string, number>;
  readonly cpu: number;
  readonly memory: number;
}

const NOTHING: Taken = { requests: new Map(), cpu: 0, memory: 0 };

/** What the pod takes of the node that it is on, besides a place: of one that cannot be read (`unreadable` says why) nothing. */
export function takenBy(pod: Pod): Taken {
  const taken = reading(() => ({ requests: requestsOf(pod), cpu: scoredRequest(pod, 'cpu'), memory: scoredRequest(pod, 'memory') }));
  return taken instanceof QuantityError ? NOTHING : taken;
}

/** What cannot be read the node does not have. */
export function allocatable({ status }: Node, resource: string): number {
  // Capacity rounds down: a fraction of a byte or piece can be given to nobody.
  const amount = reading(() => Math.floor(resourceAmount(resource, status.allocatable?.[resource] ?? '0')));
  return amount instanceof QuantityError ? 0 : amount;
}

/** Why what a pod requests, or a node has, cannot be read; undefined: it can. */
export function unreadable(read: Pod | Node): string | undefined {
  const said = reading(() =>
    'containers' in read.spec
      ? requestsOf(read as Pod)
      : Object.entries((read as Node).status.allocatable ?? {}).map(([resource, quantity]) => resourceAmount(resource, quantity)),
  );
  return said instanceof QuantityError ? said.message : undefined;
}

type Snapshots = Pick<Snapshot, 'nodes' | 'byName' | 'order' | 'withAffinity' | 'withRequiredAntiAffinity'>;

/** A node and the pods on it, as plugins see them. */
export function nodeInfo(node: Node, pods: readonly Pod[]): NodeInfo {
  const requested = new Map<string, number>([['pods', pods.length]]);
  const scored = { cpu: 0, memory: 0 };
  for (const pod of pods) {
    const { requests, cpu, memory } = takenBy(pod);
    for (const [resource, amount] of requests) requested.set(resource, (requested.get(resource) ?? 0) + amount);
    scored.cpu += cpu;
    scored.memory += memory;
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
  const { requests, cpu, memory } = takenBy(pod);
  for (const [resource, amount] of requests) requested.set(resource, (requested.get(resource) ?? 0) + amount);
  const ports = hostPortsOf(pod);
  return {
    ...info,
    pods,
    requested,
    scored: { cpu: info.scored.cpu + cpu, memory: info.scored.memory + memory },
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
  if (hasAffinity(a) !== hasAffinity(b) || hasRequiredAntiAffinity(a) !== hasRequiredAntiAffinity(b)) return false;
  return takesSame(a, b) && hostPortsOf(a).join() === hostPortsOf(b).join();
}

/** Of every resource as much as the other. */
export function takesSame(a: Pod, b: Pod): boolean {
  const [before, after] = [takenBy(a).requests, takenBy(b).requests];
  if (before.size !== after.size) return false;
  for (const [resource, amount] of before) if (after.get(resource) !== amount) return false;
  return true;
}

/** The node as it would be without that pod. */
export function nodeInfoWithout(info: NodeInfo, { metadata: { uid } }: Pod): NodeInfo {
  const pod = info.pods.find((other) => other.metadata.uid === uid);
  if (!pod) return info;
  const others = (pods: readonly Pod[]) => pods.filter((other) => other !== pod);
  const pods = others(info.pods);
  const requested = new Map(info.requested).set('pods', pods.length);
  const { requests, cpu, memory } = takenBy(pod);
  for (const [resource, amount] of requests) requested.set(resource, requested.get(resource)! - amount);
  return {
    ...info,
    pods,
    requested,
    scored: { cpu: info.scored.cpu - cpu, memory: info.scored.memory - memory },
    hostPorts: hostPortsOf(pod).length === 0 ? info.hostPorts : portsOf(pods),
    podsWithAffinity: hasAffinity(pod) ? others(info.podsWithAffinity) : info.podsWithAffinity,
    podsWithRequiredAntiAffinity: hasRequiredAntiAffinity(pod)
      ? others(info.podsWithRequiredAntiAffinity)
      : info.podsWithRequiredAntiAffinity,
    lowestPriority: (pod.spec.priority ?? 0) > info.lowestPriority ? info.lowestPriority : lowestPriorityOf(pods),
  };
}

const allocatableOf = (node: Node): ReadonlyMap<string, number> =>
  new Map(Object.keys(node.status.allocatable ?? {}).map((resource) => [resource, allocatable(node, resource)]));

const lowestPriorityOf = (pods: readonly Pod[]): number =>
  pods.reduce((lowest, { spec }) => Math.min(lowest, spec.priority ?? 0), Number.POSITIVE_INFINITY);

const portsOf = (pods: readonly Pod[]): ReadonlySet<string> => new Set(pods.flatMap(hostPortsOf));

const hasAffinity = ({ spec: { affinity } }: Pod): boolean =>
  affinity?.podAffinity !== undefined || affinity?.podAntiAffinity !== undefined;

export const hasRequiredAntiAffinity = ({ spec }: Pod): boolean =>
  (spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).length > 0;

export const orderOf = (nodes: readonly NodeInfo[]): Map<string, number> => new Map(nodes.map(({ name }, i) => [name, i]));

/** A snapshot's parts that follow from its nodes. */
export function nodesOf(nodes: readonly NodeInfo[]): Snapshots {
  return {
    nodes,
    byName: new Map(nodes.map((info) => [info.name, info])),
    order: orderOf(nodes),
    withAffinity: nodes.filter(({ podsWithAffinity }) => podsWithAffinity.length > 0),
    withRequiredAntiAffinity: nodes.filter(({ podsWithRequiredAntiAffinity }) => podsWithRequiredAntiAffinity.length > 0),
  };
}
