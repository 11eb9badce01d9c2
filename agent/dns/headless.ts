// The endpoints of a headless Service as DNS names them: each by its hostname, or by its address with dashes. Pure.
import type { EndpointSlice } from '../../src/kinds/types/discovery_v1.js';
import { isIPv4, isPort } from '../proxy/net.js';

export interface HeadlessEndpoint {
  readonly ip: string;
  readonly hostname: string;
  readonly ports: readonly { readonly name: string; readonly protocol: string; readonly port: number }[];
}

/** Ready ones only; publishNotReadyAddresses is already in the slice's ready condition. */
export function headlessEndpoints(slices: readonly EndpointSlice[]): readonly HeadlessEndpoint[] {
  return slices
    .filter((slice) => slice.addressType === 'IPv4')
    .flatMap((slice) => {
      const ports = (slice.ports ?? []).flatMap(({ name, protocol, port }) =>
        isPort(port) ? [{ name: name ?? '', protocol: protocol ?? 'TCP', port }] : [],
      );
      return (slice.endpoints ?? [])
        .filter((endpoint) => endpoint.conditions?.ready !== false)
        .flatMap(({ addresses, hostname }) =>
          addresses.filter((ip) => isIPv4(ip)).map((ip) => ({ ip, hostname: hostname || ip.replaceAll('.', '-'), ports })),
        );
    });
}
