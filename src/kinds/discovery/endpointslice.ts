// The kind EndpointSlice of discovery.k8s.io/v1.
import { isIPv4, isIPv6 } from 'node:net';
import { duplicate, type FieldError, invalid, required, tooMany } from '../../apimachinery/field.js';
import { isDns1123Label, isDns1123Subdomain } from '../../apimachinery/names.js';
import { checkImmutable, checkOneOf, checkPort, checkReachableIp, invalids, PROTOCOLS } from '../checks.js';
import { formatList, UNSET } from '../columns.js';
import { defineKind } from '../define.js';
import type { Endpoint, EndpointPort, EndpointSlice } from '../types/discovery_v1.js';

const ADDRESS_TYPES = ['FQDN', 'IPv4', 'IPv6'];
/** A slice is sent to every node at every change of an endpoint, so it stays small. */
const MAX_ENDPOINTS = 1000;
const MAX_PORTS = 20_000;
const MAX_ADDRESSES = 100;

export const endpointSlices = defineKind<EndpointSlice>({
  group: 'discovery.k8s.io',
  version: 'v1',
  kind: 'EndpointSlice',
  plural: 'endpointslices',
  namespaced: true,
  schema: 'discovery.v1.EndpointSlice',
  generation: true,
  columns: [
    { name: 'AddressType', type: 'string', description: 'What its addresses are', cell: ({ addressType }) => addressType ?? '' },
    {
      name: 'Ports',
      type: 'string',
      description: 'The ports of every endpoint',
      cell: ({ ports }) =>
        formatList(
          (ports ?? []).map(({ port }) => (port === undefined ? '*' : String(port))),
          UNSET,
        ),
    },
    {
      name: 'Endpoints',
      type: 'string',
      description: 'The addresses of the endpoints',
      cell: ({ endpoints }) =>
        formatList(
          (endpoints ?? []).flatMap(({ addresses }) => addresses ?? []),
          UNSET,
        ),
    },
  ],
  defaults({ ports }) {
    for (const port of ports ?? []) {
      port.name ??= '';
      port.protocol ??= 'TCP';
    }
  },
  validate: (slice, old) => [...validateSlice(slice), ...(old ? checkImmutable('addressType', slice.addressType, old.addressType) : [])],
});

function validateSlice({ addressType, endpoints, ports }: EndpointSlice): FieldError[] {
  const errors = checkOneOf('addressType', addressType, ADDRESS_TYPES);
  const list = endpoints ?? [];
  if (list.length > MAX_ENDPOINTS) errors.push(tooMany('endpoints', list.length, MAX_ENDPOINTS));
  else errors.push(...list.flatMap((endpoint, i) => validateEndpoint(`endpoints[${i}]`, endpoint, addressType)));
  return [...errors, ...validatePorts(ports ?? [])];
}

function validateEndpoint(at: string, { addresses, hostname, nodeName }: Endpoint, addressType: string): FieldError[] {
  const errors: FieldError[] = [];
  const list = addresses ?? [];
  if (list.length === 0) errors.push(required(`${at}.addresses`, 'must contain at least 1 address'));
  else if (list.length > MAX_ADDRESSES) errors.push(tooMany(`${at}.addresses`, list.length, MAX_ADDRESSES));
  for (const [i, address] of list.entries()) errors.push(...validateAddress(`${at}.addresses[${i}]`, address, addressType));
  if (hostname) errors.push(...invalids(`${at}.hostname`, hostname, isDns1123Label(hostname)));
  if (nodeName) errors.push(...invalids(`${at}.nodeName`, nodeName, isDns1123Subdomain(nodeName)));
  return errors;
}

function validateAddress(field: string, address: string, addressType: string): FieldError[] {
  switch (addressType) {
    case 'IPv4':
      return isIPv4(address) ? checkReachableIp(field, address) : [invalid(field, address, 'must be an IPv4 address')];
    case 'IPv6':
      return isIPv6(address) ? checkReachableIp(field, address) : [invalid(field, address, 'must be an IPv6 address')];
    case 'FQDN':
      return invalids(field, address, isDns1123Subdomain(address.replace(/\.$/, '')));
    default:
      return [];
  }
}

function validatePorts(ports: readonly EndpointPort[]): FieldError[] {
  if (ports.length > MAX_PORTS) return [tooMany('ports', ports.length, MAX_PORTS)];
  const errors: FieldError[] = [];
  const names = new Set<string>();
  for (const [i, { name = '', port, protocol }] of ports.entries()) {
    if (names.has(name)) errors.push(duplicate(`ports[${i}].name`, name));
    else if (name) errors.push(...invalids(`ports[${i}].name`, name, isDns1123Label(name)));
    names.add(name);
    errors.push(...checkOneOf(`ports[${i}].protocol`, protocol, PROTOCOLS));
    if (port !== undefined) errors.push(...checkPort(`ports[${i}].port`, port));
  }
  return errors;
}
