// Which endpoints take a Service port's traffic: readiness, the fallback to terminating ones, and the traffic policies. Pure.
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
}

export interface PortEndpoints {
  /** For traffic policy Cluster. */
  readonly cluster: readonly ProxyEndpoint[];
  /** For traffic policy Local: those on this node. */
  readonly local: readonly ProxyEndpoint[];
}

/** The endpoints of one Service port, sorted by address so that the same state makes the same rules. */
export function endpointsOf(
  slices: readonly EndpointSlice[],
  port: { readonly name: string; readonly protocol: string },
  nodeName: string,
): PortEndpoints {
  const all = new Map<string, ProxyEndpoint>();
  for (const slice of slices) {
    if (slice.addressType !== 'IPv4') continue;
    const slicePorts = (slice.ports ?? []).filter((p) => (p.name ?? '') === port.name && (p.protocol ?? 'TCP') === port.protocol);
    for (const { port: number } of slicePorts) {
      if (isPort(number)) collect(all, slice, number, nodeName);
    }
  }
  const sorted = [...all.values()].sort((a, b) => (a.address < b.address ? -1 : 1));
  return { cluster: usable(sorted), local: usable(sorted.filter((endpoint) => endpoint.local)) };
}

function collect(into: Map<string, ProxyEndpoint>, slice: EndpointSlice, port: number, nodeName: string): void {
  for (const { addresses, conditions, nodeName: on, targetRef } of slice.endpoints ?? []) {
    // Upstream's rule: addresses of one endpoint are the same place, and the first is the one to use.
    const ip = addresses[0];
    if (!ip || !isIPv4(ip)) continue;
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
    });
  }
}

/** The ready ones; where there are none, those that are ending but still serve, so that a rollout drops nothing. */
function usable(endpoints: readonly ProxyEndpoint[]): readonly ProxyEndpoint[] {
  const ready = endpoints.filter((endpoint) => endpoint.ready);
  return ready.length > 0 ? ready : endpoints.filter((endpoint) => endpoint.serving && endpoint.terminating);
}
