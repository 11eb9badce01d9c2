// Services hold cluster IPs and node ports, each of which only one Service may have: what they claim, and what is free.

import { type Cidr, cidrHasIp, ipv4, parseIpv4 } from '../../apimachinery/cidr.js';
import type { Random } from '../../apimachinery/clock.js';
import { type FieldError, invalid } from '../../apimachinery/field.js';
import { services } from '../../kinds/core/service.js';
import type { Mutable } from '../../kinds/define.js';
import type { Service, ServicePort } from '../../kinds/types/core_v1.js';
import type { ApiServerOptions } from '../options.js';
import type { Claim, ResourceExtension, Shown } from './extension.js';
import { pickFree, type Range, staticBand } from './pick-free.js';
import { shownAddress, shownAddresses } from './service-addresses.js';
import type { ServiceRanges } from './service-ranges.js';

const IP_PREFIX = '/registry/ranges/serviceips/';
const NODE_PORT_PREFIX = '/registry/ranges/servicenodeports/';
const HEADLESS = 'None';
/** Upstream's: of cluster IPs a sixteenth, up to 256, and of node ports a thirty-second, up to 128, are left to those who ask for one. */
const [IP_BAND_PART, IP_BAND_MAX] = [16, 256];
const [PORT_BAND_PART, PORT_BAND_MAX] = [32, 128];

type Options = Pick<ApiServerOptions, 'nodePorts' | 'clock'>;

const hasClusterIp = ({ spec }: Service) => spec.type !== 'ExternalName' && spec.clusterIP !== HEADLESS;
const hasNodePorts = ({ spec: { type, allocateLoadBalancerNodePorts } }: Service) =>
  type === 'NodePort' || (type === 'LoadBalancer' && allocateLoadBalancerNodePorts !== false);

export function serviceClaims(options: Options, random: Random, ranges: ServiceRanges): ResourceExtension<Service> {
  const claims = (service: Service) => claimsOf(service, (ip) => shownAddress(service, ip, random, options.clock));
  return {
    kind: services,
    load: () => ranges.load(),
    claims,
    shown: shownAddresses,
    claimPrefixes: [IP_PREFIX, NODE_PORT_PREFIX],
    repairEvents: { repaired, conflicting },
    validateClaims(service, old) {
      // What it holds already stays its own, even where the ranges have changed since.
      const held = new Set(old ? claims(old).map(({ key }) => key) : []);
      return [...validateClusterIp(service, ranges.all, held), ...validateNodePorts(service, options, held)];
    },
    allocate(draft, old, taken) {
      if (old) inherit(draft, old as Service);
      const pick = <R extends Range>(among: readonly R[]) => pickFree(random, among, taken());
      allocateClusterIp(draft, ranges.all, pick);
      allocateNodePorts(draft, options, pick);
    },
  };
}

function claimsOf(service: Service, show: (ip: string) => Shown): readonly Claim[] {
  const { clusterIP, ports = [] } = service.spec;
  const out: Claim[] = [];
  if (clusterIP && hasClusterIp(service)) {
    const why = `failed to allocate IP ${clusterIP}: provided IP is already allocated`;
    out.push({ key: IP_PREFIX + clusterIP, shown: show(clusterIP), error: invalid('spec.clusterIPs', [clusterIP], why) });
  }
  const claimPort = (field: string, port: number | undefined) => {
    const key = `${NODE_PORT_PREFIX}${port}`;
    // One Service may use a port for TCP and for UDP.
    if (!port || out.some((claim) => claim.key === key)) return;
    out.push({ key, error: invalid(field, port, 'provided port is already allocated') });
  };
  ports.forEach(({ nodePort }, index) => void claimPort(`spec.ports[${index}].nodePort`, nodePort));
  claimPort('spec.healthCheckNodePort', service.spec.healthCheckNodePort);
  return out;
}

/** Upstream's events of its repair loops. */
const repaired = ({ key }: Claim) =>
  key.startsWith(IP_PREFIX)
    ? { reason: 'ClusterIPNotAllocated', message: `Cluster IP ${key.slice(IP_PREFIX.length)} is not allocated; repairing` }
    : { reason: 'PortNotAllocated', message: `Port ${key.slice(NODE_PORT_PREFIX.length)} is not allocated; repairing` };
const conflicting = ({ key }: Claim) =>
  key.startsWith(IP_PREFIX)
    ? {
        reason: 'ClusterIPAlreadyAllocated',
        message: `Cluster IP ${key.slice(IP_PREFIX.length)} was assigned to multiple services; please recreate service`,
      }
    : {
        reason: 'PortAlreadyAllocated',
        message: `Port ${key.slice(NODE_PORT_PREFIX.length)} was assigned to multiple services; please recreate service`,
      };

type Held = ReadonlySet<string>;

function validateClusterIp(service: Service, ranges: readonly Cidr[], held: Held): readonly FieldError[] {
  const { clusterIP } = service.spec;
  if (!clusterIP || !hasClusterIp(service) || held.has(IP_PREFIX + clusterIP)) return [];
  const address = parseIpv4(clusterIP);
  if (address !== undefined && ranges.some((cidr) => cidrHasIp(cidr, address))) return [];
  const valid = ranges.map(({ text }) => text).join(',');
  const why = `failed to allocate IP ${clusterIP}: the provided IP (${clusterIP}) is not in the valid range. The range of valid IPs is ${valid}`;
  return [invalid('spec.clusterIPs', [clusterIP], why)];
}

function validateNodePorts({ spec }: Service, { nodePorts: { min, max } }: Options, held: Held): readonly FieldError[] {
  const check = (field: string, port: number | undefined) => {
    if (!port || (port >= min && port <= max) || held.has(NODE_PORT_PREFIX + port)) return [];
    return [invalid(field, port, `provided port is not in the valid range. The range of valid ports is ${min}-${max}`)];
  };
  const ports = (spec.ports ?? []).flatMap(({ nodePort }, index) => check(`spec.ports[${index}].nodePort`, nodePort));
  return [...ports, ...check('spec.healthCheckNodePort', spec.healthCheckNodePort)];
}

/** A client that leaves out what the server once chose means to keep it. */
function inherit(draft: Mutable<Service>, old: Service): void {
  if (hasClusterIp(draft) && hasClusterIp(old) && !draft.spec.clusterIP && old.spec.clusterIP) {
    draft.spec.clusterIP = old.spec.clusterIP;
    draft.spec.clusterIPs = [...(old.spec.clusterIPs ?? [old.spec.clusterIP])];
  }
  if (needsHealthCheckPort(draft) && needsHealthCheckPort(old) && !draft.spec.healthCheckNodePort && old.spec.healthCheckNodePort) {
    draft.spec.healthCheckNodePort = old.spec.healthCheckNodePort;
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

type Picker = <R extends Range>(ranges: readonly R[]) => readonly [R, number];

/** The network's own address and the broadcast address are nobody's. */
function addressRange(cidr: Cidr): Range & { readonly first: number } {
  const [first, size] = [cidr.base + 1, cidr.size - 2];
  const band = staticBand(size, IP_BAND_PART, IP_BAND_MAX);
  return { first, size, band, keyOf: (i) => IP_PREFIX + ipv4(first + i), what: 'a service IP' };
}

function allocateClusterIp(draft: Mutable<Service>, ranges: readonly Cidr[], pick: Picker): void {
  const { spec } = draft;
  if (spec.type === 'ExternalName') {
    for (const field of ['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy'] as const) delete spec[field];
    return;
  }
  spec.clusterIP ||= spec.clusterIPs?.[0] ?? '';
  if (!spec.clusterIP) {
    const [{ first }, index] = pick(ranges.map(addressRange));
    spec.clusterIP = ipv4(first + index);
  }
  if (!spec.clusterIPs?.length) spec.clusterIPs = [spec.clusterIP];
  if (!spec.ipFamilies?.length) spec.ipFamilies = ['IPv4'];
  spec.ipFamilyPolicy ||= 'SingleStack';
}

function allocateNodePorts(draft: Mutable<Service>, { nodePorts }: Options, pick: Picker): void {
  const { spec } = draft;
  const ports = hasNodePorts(draft as Service) ? (spec.ports ?? []) : [];
  const mine = new Set([...(spec.ports ?? []).map(({ nodePort }) => nodePort), spec.healthCheckNodePort]);
  const choose = () => {
    const port = nodePorts.min + pick([portRange(nodePorts, mine)])[1];
    mine.add(port);
    return port;
  };
  for (const port of ports) port.nodePort ||= sharedNodePort(ports, port) ?? choose();
  if (needsHealthCheckPort(draft as Service)) spec.healthCheckNodePort ||= choose();
}

/** Where load balancers ask each node whether it has an endpoint of its own. */
const needsHealthCheckPort = ({ spec }: Service) => spec.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local';

/** Ports already chosen for this same Service are as good as taken. */
function portRange({ min, max }: Options['nodePorts'], mine: ReadonlySet<number | undefined>): Range {
  const size = max - min + 1;
  const keyOf = (index: number) => (mine.has(min + index) ? undefined : `${NODE_PORT_PREFIX}${min + index}`);
  return { size, band: staticBand(size, PORT_BAND_PART, PORT_BAND_MAX), keyOf, what: 'a nodePort' };
}

/** The same port number over another protocol gets the same node port. */
function sharedNodePort(ports: readonly ServicePort[], port: ServicePort): number | undefined {
  return ports.find((each) => each.port === port.port && each.protocol !== port.protocol && each.nodePort)?.nodePort;
}
