// The kind NetworkPolicy of networking.k8s.io/v1.
import { type FieldError, forbidden, invalid, notSupported, required } from '../../apimachinery/field.js';
import { validateLabelSelector } from '../../apimachinery/labels.js';
import { isPortName, isPortNumber } from '../../apimachinery/names.js';
import { invalids } from '../checks.js';
import { column, formatLabelSelector } from '../columns.js';
import { defineKind } from '../define.js';
import { checkCidr, isStrictSubset, parseIpRange } from '../ip-checks.js';
import type { IPBlock, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec } from '../types/networking_v1.js';

const POLICY_TYPES = ['Ingress', 'Egress'];
const PROTOCOLS = ['TCP', 'UDP', 'SCTP'];

export const networkPolicies = defineKind<NetworkPolicy>({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'NetworkPolicy',
  plural: 'networkpolicies',
  shortNames: ['netpol'],
  namespaced: true,
  schema: 'networking.v1.NetworkPolicy',
  generation: true,
  columns: [column('Pod-Selector', 'string', 'The pods it is for', ({ spec }) => formatLabelSelector(spec.podSelector))],
  defaults({ spec }) {
    if (!spec.policyTypes?.length) spec.policyTypes = spec.egress?.length ? ['Ingress', 'Egress'] : ['Ingress'];
    for (const { ports } of [...(spec.ingress ?? []), ...(spec.egress ?? [])]) for (const port of ports ?? []) port.protocol ??= 'TCP';
  },
  validate: ({ spec }) => validateSpec('spec', spec),
});

function validateSpec(at: string, { podSelector, ingress = [], egress = [], policyTypes = [] }: NetworkPolicySpec): FieldError[] {
  const errors = [...validateLabelSelector(podSelector, `${at}.podSelector`)];
  for (const [i, { ports, from }] of ingress.entries()) {
    errors.push(...validatePorts(`${at}.ingress[${i}].ports`, ports), ...validatePeers(`${at}.ingress[${i}].from`, from));
  }
  for (const [i, { ports, to }] of egress.entries()) {
    errors.push(...validatePorts(`${at}.egress[${i}].ports`, ports), ...validatePeers(`${at}.egress[${i}].to`, to));
  }
  if (policyTypes.length > POLICY_TYPES.length) {
    return [...errors, invalid(`${at}.policyTypes`, policyTypes, 'may not specify more than two policyTypes')];
  }
  for (const [i, type] of policyTypes.entries()) {
    if (!POLICY_TYPES.includes(type)) errors.push(notSupported(`${at}.policyTypes[${i}]`, type, POLICY_TYPES));
  }
  return errors;
}

function validatePorts(at: string, ports: readonly NetworkPolicyPort[] = []): FieldError[] {
  return ports.flatMap((port, i) => validatePort(`${at}[${i}]`, port));
}

function validatePort(at: string, { protocol, port, endPort }: NetworkPolicyPort): FieldError[] {
  const errors: FieldError[] = [];
  if (protocol !== undefined && !PROTOCOLS.includes(protocol)) errors.push(notSupported(`${at}.protocol`, protocol, PROTOCOLS));
  if (port !== undefined) errors.push(...invalids(`${at}.port`, port, typeof port === 'string' ? isPortName(port) : isPortNumber(port)));
  if (endPort === undefined) return errors;
  const refuse = (value: number, why: string) => errors.push(invalid(`${at}.endPort`, value, why));
  if (port === undefined) refuse(endPort, 'may not be specified when `port` is not specified');
  else if (typeof port === 'string') refuse(endPort, 'may not be specified when `port` is non-numeric');
  else {
    if (endPort < port) refuse(port, 'must be greater than or equal to `port`');
    errors.push(...invalids(`${at}.endPort`, endPort, isPortNumber(endPort)));
  }
  return errors;
}

function validatePeers(at: string, peers: readonly NetworkPolicyPeer[] = []): FieldError[] {
  return peers.flatMap(({ podSelector, namespaceSelector, ipBlock }, i) => {
    const field = `${at}[${i}]`;
    if (!podSelector && !namespaceSelector && !ipBlock) return [required(field, 'must specify a peer')];
    return [
      ...validateLabelSelector(podSelector, `${field}.podSelector`),
      ...validateLabelSelector(namespaceSelector, `${field}.namespaceSelector`),
      ...(ipBlock ? validateIpBlock(`${field}.ipBlock`, ipBlock) : []),
      ...(ipBlock && (podSelector || namespaceSelector) ? [forbidden(field, 'may not specify both ipBlock and another peer')] : []),
    ];
  });
}

function validateIpBlock(at: string, { cidr, except = [] }: IPBlock): FieldError[] {
  if (!cidr) return [required(`${at}.cidr`)];
  const range = parseIpRange(cidr);
  if (!range) return checkCidr(`${at}.cidr`, cidr);
  return except.flatMap((text, i) => {
    const hole = parseIpRange(text);
    if (!hole) return checkCidr(`${at}.except[${i}]`, text);
    return isStrictSubset(range, hole) ? [] : [invalid(`${at}.except[${i}]`, text, 'must be a strict subset of `cidr`')];
  });
}
