// The kind Endpoints of v1.
import { type FieldError, required } from '../../apimachinery/field.js';
import { isDns1123Label } from '../../apimachinery/names.js';
import { checkOneOf, checkPort, checkReachableIp, invalids, PROTOCOLS } from '../checks.js';
import { formatList, NONE } from '../columns.js';
import { defineKind } from '../define.js';
import type { EndpointAddress, EndpointPort, EndpointSubset, Endpoints } from '../types/core_v1.js';

export const endpoints = defineKind<Endpoints>({
  group: '',
  version: 'v1',
  kind: 'Endpoints',
  plural: 'endpoints',
  shortNames: ['ep'],
  namespaced: true,
  schema: 'core.v1.Endpoints',
  deprecationWarning: 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice',
  allowCreateOnUpdate: true,
  columns: [
    {
      name: 'Endpoints',
      type: 'string',
      description: 'The addresses and ports that are ready',
      cell: ({ subsets = [] }) => formatList(subsets.flatMap(addressesOf), NONE),
    },
  ],
  defaults({ subsets }) {
    for (const { ports } of subsets ?? []) for (const port of ports ?? []) port.protocol ||= 'TCP';
  },
  validate: ({ subsets = [] }) => subsets.flatMap((subset, i) => validateSubset(`subsets[${i}]`, subset)),
});

function addressesOf({ addresses = [], ports = [] }: EndpointSubset): string[] {
  if (ports.length === 0) return addresses.map(({ ip }) => ip);
  return ports.flatMap(({ port }) => addresses.map(({ ip }) => (ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`)));
}

function validateSubset(at: string, { addresses = [], notReadyAddresses = [], ports = [] }: EndpointSubset): FieldError[] {
  const errors: FieldError[] = [];
  if (addresses.length === 0 && notReadyAddresses.length === 0) {
    errors.push(required(at, 'must specify `addresses` or `notReadyAddresses`'));
  }
  for (const [list, items] of Object.entries({ addresses, notReadyAddresses })) {
    errors.push(...items.flatMap((address, i) => validateAddress(`${at}.${list}[${i}]`, address)));
  }
  return [...errors, ...ports.flatMap((port, i) => validatePort(`${at}.ports[${i}]`, port, ports.length > 1))];
}

function validateAddress(at: string, { ip, hostname }: EndpointAddress): FieldError[] {
  return [...checkReachableIp(`${at}.ip`, ip), ...(hostname ? invalids(`${at}.hostname`, hostname, isDns1123Label(hostname)) : [])];
}

function validatePort(at: string, { name, port, protocol }: EndpointPort, needsName: boolean): FieldError[] {
  return [
    ...(name ? invalids(`${at}.name`, name, isDns1123Label(name)) : needsName ? [required(`${at}.name`)] : []),
    ...checkPort(`${at}.port`, port),
    ...checkOneOf(`${at}.protocol`, protocol, PROTOCOLS),
  ];
}
