// Services hold cluster IPs and node ports, each of which only one Service may have: what they claim, and what is free.

import { type Cidr, cidrHasIp, ipv4, parseIpv4, requireCidr } from '../../apimachinery/cidr.js';
import type { Random } from '../../apimachinery/clock.js';
import { type FieldError, invalid } from '../../apimachinery/field.js';
import { internalError } from '../../apimachinery/status.js';
import { services } from '../../kinds/core/service.js';
import type { Mutable } from '../../kinds/define.js';
import type { Service, ServicePort } from '../../kinds/types/core_v1.js';
import type { ApiServerOptions } from '../options.js';
import type { Claim, ResourceExtension } from './extension.js';

const IP_PREFIX = '/registry/ranges/serviceips/';
const NODE_PORT_PREFIX = '/registry/ranges/servicenodeports/';
const HEADLESS = 'None';
/** Random tries before the range is searched from end to end. */
const RANDOM_TRIES = 16;

type Options = Pick<ApiServerOptions, 'serviceCidr' | 'nodePorts'>;

const hasClusterIp = ({ spec }: Service) => spec.type !== 'ExternalName' && spec.clusterIP !== HEADLESS;
const hasNodePorts = ({ spec: { type, allocateLoadBalancerNodePorts } }: Service) =>
  type === 'NodePort' || (type === 'LoadBalancer' && allocateLoadBalancerNodePorts !== false);

/** Throws for a service CIDR that cannot be read: an error of the operator's. */
export function serviceClaims(options: Options, random: Random): ResourceExtension<Service> {
  const cidr = requireCidr(options.serviceCidr);
  return {
    kind: services,
    claims,
    validateClaims(service, old) {
      // What it holds already stays its own, even where the ranges have changed since.
      const held = new Set(old ? claims(old).map(({ key }) => key) : []);
      return [...validateClusterIp(service, options.serviceCidr, cidr, held), ...validateNodePorts(service, options, held)];
    },
    allocate(draft, old, taken) {
      if (old) inherit(draft, old as Service);
      const pick = (count: number, keyOf: (index: number) => string, what: string) => pickFree(random, count, keyOf, taken(), what);
      allocateClusterIp(draft, cidr, pick);
      allocateNodePorts(draft, options, pick);
    },
  };
}

function claims(service: Service): readonly Claim[] {
  const { clusterIP, ports = [] } = service.spec;
  const out: Claim[] = [];
  if (clusterIP && hasClusterIp(service)) {
    const why = `failed to allocate IP ${clusterIP}: provided IP is already allocated`;
    out.push({ key: IP_PREFIX + clusterIP, error: invalid('spec.clusterIPs', [clusterIP], why) });
  }
  ports.forEach(({ nodePort }, index) => {
    const key = `${NODE_PORT_PREFIX}${nodePort}`;
    // One Service may use a port for TCP and for UDP.
    if (!nodePort || out.some((claim) => claim.key === key)) return;
    out.push({ key, error: invalid(`spec.ports[${index}].nodePort`, nodePort, 'provided port is already allocated') });
  });
  return out;
}

type Held = ReadonlySet<string>;

function validateClusterIp(service: Service, serviceCidr: string, cidr: Cidr, held: Held): readonly FieldError[] {
  const { clusterIP } = service.spec;
  if (!clusterIP || !hasClusterIp(service) || held.has(IP_PREFIX + clusterIP)) return [];
  const address = parseIpv4(clusterIP);
  if (address !== undefined && cidrHasIp(cidr, address)) return [];
  const why = `failed to allocate IP ${clusterIP}: the provided IP (${clusterIP}) is not in the valid range. The range of valid IPs is ${serviceCidr}`;
  return [invalid('spec.clusterIPs', [clusterIP], why)];
}

function validateNodePorts({ spec }: Service, { nodePorts: { min, max } }: Options, held: Held): readonly FieldError[] {
  return (spec.ports ?? []).flatMap(({ nodePort }, index) => {
    if (!nodePort || (nodePort >= min && nodePort <= max) || held.has(NODE_PORT_PREFIX + nodePort)) return [];
    const why = `provided port is not in the valid range. The range of valid ports is ${min}-${max}`;
    return [invalid(`spec.ports[${index}].nodePort`, nodePort, why)];
  });
}

/** A client that leaves out what the server once chose means to keep it. */
function inherit(draft: Mutable<Service>, old: Service): void {
  if (hasClusterIp(draft) && hasClusterIp(old) && !draft.spec.clusterIP && old.spec.clusterIP) {
    draft.spec.clusterIP = old.spec.clusterIP;
    draft.spec.clusterIPs = [...(old.spec.clusterIPs ?? [old.spec.clusterIP])];
  }
  if (hasNodePorts(old) && !hasNodePorts(draft)) dropInheritedNodePorts(draft, old);
  if (!hasNodePorts(draft) || !hasNodePorts(old)) return;
  for (const port of draft.spec.ports ?? []) {
    const before = old.spec.ports?.find((each) => each.port === port.port && each.protocol === port.protocol);
    if (!port.nodePort && before?.nodePort) port.nodePort = before.nodePort;
  }
}

/** A type without node ports that still carries the old ones, as a changed `type` alone leaves them. */
function dropInheritedNodePorts(draft: Mutable<Service>, old: Service): void {
  const had = new Set(old.spec.ports?.map(({ nodePort }) => nodePort));
  for (const port of draft.spec.ports ?? []) if (had.has(port.nodePort)) delete port.nodePort;
}

type Picker = (count: number, keyOf: (index: number) => string, what: string) => number;

function allocateClusterIp(draft: Mutable<Service>, cidr: Cidr, pick: Picker): void {
  const { spec } = draft;
  if (spec.type === 'ExternalName') {
    for (const field of ['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy'] as const) delete spec[field];
    return;
  }
  spec.clusterIP ||= spec.clusterIPs?.[0] ?? '';
  if (!spec.clusterIP) {
    // The network's own address and the broadcast address are nobody's.
    const index = pick(cidr.size - 2, (i) => IP_PREFIX + ipv4(cidr.base + 1 + i), 'a service IP');
    spec.clusterIP = ipv4(cidr.base + 1 + index);
  }
  if (!spec.clusterIPs?.length) spec.clusterIPs = [spec.clusterIP];
  if (!spec.ipFamilies?.length) spec.ipFamilies = ['IPv4'];
  spec.ipFamilyPolicy ||= 'SingleStack';
}

function allocateNodePorts(draft: Mutable<Service>, { nodePorts: { min, max } }: Options, pick: Picker): void {
  if (!hasNodePorts(draft as Service)) return;
  const ports = draft.spec.ports ?? [];
  const mine = new Set(ports.map(({ nodePort }) => nodePort));
  for (const port of ports) {
    if (port.nodePort) continue;
    port.nodePort = sharedNodePort(ports, port) ?? min + pickOwn(pick, min, max, mine);
    mine.add(port.nodePort);
  }
}

/** The same port number over another protocol gets the same node port. */
function sharedNodePort(ports: readonly ServicePort[], port: ServicePort): number | undefined {
  return ports.find((each) => each.port === port.port && each.protocol !== port.protocol && each.nodePort)?.nodePort;
}

function pickOwn(pick: Picker, min: number, max: number, mine: ReadonlySet<number | undefined>): number {
  // Ports already chosen for this same Service look taken, too.
  const key = (index: number) => (mine.has(min + index) ? MINE : `${NODE_PORT_PREFIX}${min + index}`);
  return pick(max - min + 1, key, 'a nodePort');
}

/** A key that always counts as taken. */
const MINE = '';

function pickFree(random: Random, count: number, keyOf: (index: number) => string, taken: ReadonlySet<string>, what: string): number {
  const isFree = (index: number) => {
    const key = keyOf(index);
    return key !== MINE && !taken.has(key);
  };
  for (let i = 0; i < RANDOM_TRIES; i++) {
    const index = Math.floor(random.next() * count);
    if (isFree(index)) return index;
  }
  for (let index = 0; index < count; index++) if (isFree(index)) return index;
  throw internalError(`failed to allocate ${what}: range is full`);
}
