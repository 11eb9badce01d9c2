// The endpoints of a Service as DNS names them: each by its hostname, or by its address with dashes. Pure.
import { isIP } from 'node:net';
import type { EndpointSlice } from '../../src/kinds/types/discovery_v1.js';
import { isPort } from '../proxy/net.js';

export interface HeadlessEndpoint {
  readonly ip: string;
  readonly hostname: string;
  readonly ports: readonly { readonly name: string; readonly protocol: string; readonly port: number }[];
}

/** Ready ones only; publishNotReadyAddresses is already in the slice's ready condition. */
export function headlessEndpoints(slices: readonly EndpointSlice[]): readonly HeadlessEndpoint[] {
  return slices.flatMap((slice) => {
    const ports = (slice.ports ?? []).flatMap(({ name, protocol, port }) =>
      isPort(port) ? [{ name: name ?? '', protocol: protocol ?? 'TCP', port }] : [],
    );
    return (slice.endpoints ?? [])
      .filter((endpoint) => endpoint.conditions?.ready !== false)
      .flatMap(({ addresses, hostname }) =>
        // Addresses of type FQDN are none.
        addresses.filter((ip) => isIP(ip) !== 0).map((ip) => ({ ip, hostname: hostname || dashed(ip), ports })),
      );
  });
}

/** `10-244-1-5`, `fd00--5`. */
const dashed = (ip: string) => ip.replaceAll(/[.:]/g, '-');
