// Which endpoints take a Service port's traffic: readiness, the fallback to terminating ones, the traffic policies and hints. Pure.
import type { EndpointSlice } from '../../src/kinds/types/discovery_v1.js';
import { isIPv4, isPort } from './net.js';

export interface ProxyEndpoint {
  readonly ip: string;
  readonly port: number;
  /** `ip:port`. */
  readonly address: string;
  readonly local: boolean;
  /** `pod default/web-1` where the slice says what it is. */
  readonly target: string | undefined;
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
  /** Whose traffic it is meant for; empty: nobody's in particular. */
  readonly forNodes: readonly string[];
  readonly forZones: readonly string[];
}

export interface PortEndpoints {
  /** For traffic policy Cluster. */
  readonly cluster: readonly ProxyEndpoint[];
  /** For traffic policy Local: those on this node. */
  readonly local: readonly ProxyEndpoint[];
}

/** Where the node stands. */
export interface Place {
  readonly nodeName: string;
  /** Its label topology.kubernetes.io/zone. */
  readonly zone: string | undefined;
}

/** The endpoints of one Service port, sorted by address so that the same state makes the same rules. */
export function endpointsOf(
  slices: readonly EndpointSlice[],
  port: { readonly name: string; readonly protocol: string },
  place: Place,
  complain: (message: string) => void,
): PortEndpoints {
  const all = new Map<string, ProxyEndpoint>();
  for (const slice of slices) {
    if (slice.addressType !== 'IPv4') continue;
    const slicePorts = (slice.ports ?? []).filter((p) => (p.name ?? '') === port.name && (p.protocol ?? 'TCP') === port.protocol);
    for (const { port: number } of slicePorts) {
      if (isPort(number)) collect(all, slice, number, place, complain);
      else complain(`EndpointSlice ${slice.metadata.name}: port ${JSON.stringify(number)} is none; it is left out`);
    }
  }
  const sorted = [...all.values()].sort((a, b) => (a.address < b.address ? -1 : 1));
  const near = nearest(sorted, place);
  return { cluster: usable(near), local: usable(sorted.filter((endpoint) => endpoint.local)) };
}

function collect(
  into: Map<string, ProxyEndpoint>,
  slice: EndpointSlice,
  port: number,
  { nodeName }: Place,
  complain: (message: string) => void,
): void {
  for (const { addresses, conditions, nodeName: on, targetRef, hints } of slice.endpoints ?? []) {
    // Upstream's rule: addresses of one endpoint are the same place, and the first is the one to use.
    const ip = addresses?.[0];
    if (!ip || !isIPv4(ip)) {
      complain(`EndpointSlice ${slice.metadata.name}: ${JSON.stringify(ip)} is no IPv4 address; it is left out`);
      continue;
    }
    const ready = conditions?.ready !== false;
    const address = `${ip}:${port}`;
    // While a pod moves between slices it may stand in two of them: the one that calls it ready counts.
    if (into.get(address)?.ready) continue;
    into.set(address, {
      ip,
      port,
      address,
      local: on === nodeName,
      target: targetRef?.name && `${(targetRef.kind ?? 'pod').toLowerCase()} ${targetRef.namespace ?? ''}/${targetRef.name}`,
      ready,
      serving: conditions?.serving ?? ready,
      terminating: conditions?.terminating ?? false,
      forNodes: (hints?.forNodes ?? []).map(({ name }) => name),
      forZones: (hints?.forZones ?? []).map(({ name }) => name),
    });
  }
}

/** The ready ones; where there are none, those that are ending but still serve, so that a rollout drops nothing. */
function usable(endpoints: readonly ProxyEndpoint[]): readonly ProxyEndpoint[] {
  const ready = endpoints.filter((endpoint) => endpoint.ready);
  return ready.length > 0 ? ready : endpoints.filter((endpoint) => endpoint.serving && endpoint.terminating);
}

/** Those that hints mean for this node, or else for its zone; all where a ready one has no hint, or none is meant for here. */
function nearest(endpoints: readonly ProxyEndpoint[], { nodeName, zone }: Place): readonly ProxyEndpoint[] {
  const ready = endpoints.filter((endpoint) => endpoint.ready);
  const meantFor = (here: string | undefined, hintsOf: (endpoint: ProxyEndpoint) => readonly string[]) => {
    if (here === undefined || !ready.every((endpoint) => hintsOf(endpoint).length > 0)) return [];
    return ready.filter((endpoint) => hintsOf(endpoint).includes(here));
  };
  const onNode = meantFor(nodeName, (endpoint) => endpoint.forNodes);
  const inZone = onNode.length > 0 ? onNode : meantFor(zone, (endpoint) => endpoint.forZones);
  return inZone.length > 0 ? inZone : endpoints;
}
