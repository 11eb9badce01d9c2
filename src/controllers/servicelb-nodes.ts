// Which nodes' addresses a LoadBalancer gets. Pure.
import { isBeingDeleted, objectKey } from '../apimachinery/object.js';
import { nodes } from '../kinds/core/node.js';
import type { Lister } from '../kinds/define.js';
import { endpointSlices } from '../kinds/discovery/endpointslice.js';
import type { Node, Service } from '../kinds/types/core_v1.js';
import { LABEL_SERVICE_NAME, PORT_API, PORT_ETCD, PORT_KUBELET } from '../kinds/wellknown.js';
import { isNodeReady } from './node-health.js';

const LABEL_EXCLUDED = 'node.kubernetes.io/exclude-from-external-load-balancers';
const TAINT_TO_BE_DELETED = 'ToBeDeletedByClusterAutoscaler';
/** Of the nodes' own: a Service that took these would cut the cluster off from itself. */
const RESERVED: ReadonlySet<string> = new Set([`TCP/${PORT_API}`, `TCP/${PORT_ETCD}`, `TCP/${PORT_KUBELET}`]);

/** Ours to balance: of no class, and wanted. */
export const isBalanced = (service: Service): boolean =>
  service.spec.type === 'LoadBalancer' && service.spec.loadBalancerClass === undefined && !isBeingDeleted(service);

/** `TCP/80`. */
export const portsOf = ({ spec }: Service): readonly string[] =>
  (spec.ports ?? []).map(({ protocol = 'TCP', port }) => `${protocol}/${port}`);

export const sharePort = (a: Service, b: Service): boolean => {
  const ports = new Set(portsOf(a));
  return a.metadata.uid !== b.metadata.uid && portsOf(b).some((port) => ports.has(port));
};

export interface NodeFacts {
  /** In the order of their names, each with its addresses. */
  readonly nodes: readonly (readonly string[])[];
}

/** The nodes that may take traffic for the Service: with externalTrafficPolicy Local only those that have an endpoint. */
export function nodeFacts(lister: Pick<Lister, 'get' | 'list'>, service: Service): NodeFacts {
  const local = service.spec.externalTrafficPolicy === 'Local' ? nodesWithEndpoints(lister, service) : undefined;
  const usable = lister.list(nodes).filter((node) => takesTraffic(node) && (!local || local.has(node.metadata.name)));
  const families = new Set(service.spec.ipFamilies ?? ['IPv4']);
  const sorted = [...usable].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  return { nodes: sorted.map((node) => addressesOf(node).filter((ip) => families.has(ip.includes(':') ? 'IPv6' : 'IPv4'))) };
}

function takesTraffic(node: Node): boolean {
  if (isBeingDeleted(node) || !isNodeReady(node) || node.metadata.labels?.[LABEL_EXCLUDED] !== undefined) return false;
  return !node.spec.taints?.some(({ key }) => key === TAINT_TO_BE_DELETED);
}

/** Those by which it is known outside, where it has any. */
function addressesOf({ status }: Node): readonly string[] {
  const of = (type: string) => (status.addresses ?? []).filter((each) => each.type === type).map(({ address }) => address);
  const external = of('ExternalIP');
  return external.length > 0 ? external : of('InternalIP');
}

function nodesWithEndpoints(lister: Pick<Lister, 'list'>, { metadata }: Service): ReadonlySet<string> {
  const slices = lister
    .list(endpointSlices, metadata.namespace)
    .filter((slice) => slice.metadata.labels?.[LABEL_SERVICE_NAME] === metadata.name);
  const ready = slices.flatMap(({ endpoints = [] }) => endpoints.filter(({ conditions }) => conditions.ready !== false));
  return new Set(ready.flatMap(({ nodeName }) => (nodeName ? [nodeName] : [])));
}

export interface Addresses {
  readonly ips: readonly string[];
  /** Who stood in the way of an address, if any was refused. */
  readonly taken?: string;
}

/** `rivals` are all balanced Services. Of two that want the same port of an address one has it: who has it now, else the older. */
export function addressesFor(service: Service, facts: NodeFacts, rivals: readonly Service[]): Addresses {
  if (portsOf(service).some((port) => RESERVED.has(port))) return { ips: [], taken: 'the nodes themselves' };
  const others = rivals.filter((other) => sharePort(other, service));
  const ips: string[] = [];
  let taken: string | undefined;
  for (const ip of new Set(facts.nodes.flat())) {
    const rival = others.find((other) => comesFirst(other, service, ip));
    if (rival) taken = `service ${objectKey(rival)}`;
    else ips.push(ip);
  }
  return { ips, ...(taken ? { taken } : {}) };
}

function comesFirst(other: Service, service: Service, ip: string): boolean {
  const has = ({ status }: Service) => status.loadBalancer?.ingress?.some((each) => each.ip === ip) ?? false;
  if (has(other) !== has(service)) return has(other);
  // One that wants no nodes other than its endpoints' is heard once it has them.
  if (!has(other) && other.spec.externalTrafficPolicy === 'Local') return false;
  const age = ({ metadata }: Service) => `${metadata.creationTimestamp ?? ''} ${metadata.uid}`;
  return age(other) < age(service);
}
