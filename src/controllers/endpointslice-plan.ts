// How a Service's endpoints are laid out over slices: few writes, at most a hundred endpoints each. Pure.
import type { Pod, Service } from '../kinds/types/core_v1.js';
import type { Endpoint, EndpointPort, EndpointSlice } from '../kinds/types/discovery_v1.js';
import { hostnameOf, podReference, resolvePorts, stateOf } from './endpoint-pods.js';

/** As upstream's default: bounds what one changed endpoint makes every node read again. */
export const MAX_ENDPOINTS_PER_SLICE = 100;

type StringMap = { readonly [name: string]: string };

/** Endpoints that have the same ports, and so can share slices. */
export interface PortGroup {
  readonly ports: readonly EndpointPort[];
  readonly endpoints: readonly Endpoint[];
}

/** What a slice should hold. */
export interface SliceDraft extends PortGroup {
  readonly labels: StringMap;
  /** Absent: they are nobody's here. */
  readonly annotations?: StringMap;
}

export interface SlicePlan {
  readonly create: readonly SliceDraft[];
  readonly update: readonly { readonly slice: EndpointSlice; readonly draft: SliceDraft }[];
  readonly delete: readonly EndpointSlice[];
}

export function endpointOf(service: Service, pod: Pod, zone: string | undefined): Endpoint {
  const hostname = hostnameOf(service, pod);
  const conditions = stateOf(service, pod);
  const hints = conditions.ready ? hintsOf(service, pod.spec.nodeName, zone) : undefined;
  return {
    addresses: [pod.status.podIP!],
    conditions,
    ...(hostname ? { hostname } : {}),
    targetRef: podReference(pod),
    ...(pod.spec.nodeName ? { nodeName: pod.spec.nodeName } : {}),
    ...(zone ? { zone } : {}),
    ...(hints ? { hints } : {}),
  };
}

/** Who should rather use this endpoint than others, as the Service would have its traffic distributed. */
function hintsOf({ spec }: Service, node: string | undefined, zone: string | undefined): Endpoint['hints'] {
  const { trafficDistribution: wanted } = spec;
  if (!wanted) return undefined;
  const forZones = zone ? { forZones: [{ name: zone }] } : {};
  const forNodes = wanted === 'PreferSameNode' && node ? { forNodes: [{ name: node }] } : {};
  return zone || forNodes.forNodes ? { ...forZones, ...forNodes } : undefined;
}

/** The pods' endpoints by the set of ports they serve the Service at: named target ports may differ from pod to pod. */
export function groupByPorts(behind: readonly Pod[], service: Service, toEndpoint: (pod: Pod) => Endpoint): readonly PortGroup[] {
  const groups = new Map<string, { ports: readonly EndpointPort[]; endpoints: Endpoint[] }>();
  for (const pod of behind) {
    const ports = resolvePorts(service, pod);
    const key = portsKey(ports);
    const group = groups.get(key) ?? { ports, endpoints: [] };
    groups.set(key, group);
    group.endpoints.push(toEndpoint(pod));
  }
  // A Service without endpoints keeps one empty slice, so that readers tell "none" from "not yet looked at".
  return groups.size > 0 ? [...groups.values()] : [{ ports: [], endpoints: [] }];
}

/** Which slices to make, change and delete. Endpoints stay in the slice that has them; new ones fill the gaps first. */
export function planSlices(
  existing: readonly EndpointSlice[],
  groups: readonly PortGroup[],
  labels: StringMap,
  annotations?: StringMap,
): SlicePlan {
  const meta = { labels, ...(annotations ? { annotations } : {}) };
  const left = new Set(existing.filter((slice) => slice.metadata.deletionTimestamp === undefined));
  const create: SliceDraft[] = [];
  const update: { slice: EndpointSlice; draft: SliceDraft }[] = [];
  for (const group of groups) {
    const key = portsKey(group.ports);
    const same = [...left].filter((slice) => portsKey(slice.ports) === key);
    const { kept, added } = distribute(same, group.endpoints);
    for (const [slice, endpoints] of kept) {
      if (endpoints.length === 0 && (group.endpoints.length > 0 || kept.keys().next().value !== slice)) continue;
      left.delete(slice);
      const draft = { ...meta, ports: group.ports, endpoints };
      const before = { labels: slice.metadata.labels, annotations: annotations && slice.metadata.annotations, endpoints: slice.endpoints };
      if (contentKey(before) !== contentKey(draft)) update.push({ slice, draft });
    }
    create.push(...added.map((endpoints) => ({ ...meta, ports: group.ports, endpoints })));
  }
  return { create, update, delete: [...left] };
}

function distribute(
  slices: readonly EndpointSlice[],
  endpoints: readonly Endpoint[],
): { readonly kept: ReadonlyMap<EndpointSlice, readonly Endpoint[]>; readonly added: readonly (readonly Endpoint[])[] } {
  const waiting = new Map(endpoints.map((endpoint) => [endpointKey(endpoint), endpoint]));
  const kept = new Map<EndpointSlice, Endpoint[]>();
  for (const slice of slices) {
    const stay: Endpoint[] = [];
    for (const endpoint of slice.endpoints ?? []) {
      const wanted = waiting.get(endpointKey(endpoint));
      if (wanted && waiting.delete(endpointKey(endpoint))) stay.push(wanted);
    }
    kept.set(slice, stay);
  }
  const rest = [...waiting.values()];
  // The fullest first, so that slices are filled up rather than all of them touched.
  for (const stay of [...kept.values()].sort((a, b) => b.length - a.length)) {
    stay.push(...rest.splice(0, MAX_ENDPOINTS_PER_SLICE - stay.length));
  }
  const added: Endpoint[][] = [];
  while (rest.length > 0) added.push(rest.splice(0, MAX_ENDPOINTS_PER_SLICE));
  if (endpoints.length === 0 && slices.length === 0) added.push([]);
  return { kept, added };
}

const endpointKey = ({ addresses, targetRef }: Endpoint) => `${addresses[0]}|${targetRef?.uid ?? ''}`;

function portsKey(ports: readonly EndpointPort[] | undefined): string {
  return JSON.stringify((ports ?? []).map((p) => [p.name ?? '', p.protocol ?? 'TCP', p.port ?? 0, p.appProtocol ?? '']).sort());
}

interface Content {
  readonly labels: StringMap | undefined;
  readonly annotations?: StringMap | undefined;
  readonly endpoints: readonly Endpoint[] | undefined;
}

function contentKey({ labels, annotations, endpoints }: Content): string {
  const fields = (endpoints ?? []).map(({ addresses, conditions, hostname, targetRef, nodeName, zone, hints }) => [
    addresses,
    conditions.ready ?? true,
    conditions.serving ?? true,
    conditions.terminating ?? false,
    hostname ?? '',
    targetRef?.name ?? '',
    targetRef?.uid ?? '',
    nodeName ?? '',
    zone ?? '',
    hints?.forZones?.map(({ name }) => name),
    hints?.forNodes?.map(({ name }) => name),
  ]);
  return JSON.stringify([Object.entries(labels ?? {}).sort(), Object.entries(annotations ?? {}).sort(), fields]);
}
