// The rules of one Service: those of its ports (port-rules.ts), its health check, and what of it cannot be served. Pure.
import type { Service } from '../../src/kinds/types/core_v1.js';
import type { EndpointSlice } from '../../src/kinds/types/discovery_v1.js';
import { claimOf, type TakenAddresses } from './address-claims.js';
import { endpointsOf, type PortEndpoints } from './endpoints.js';
import { NODEPORTS } from './names.js';
import { type Match, type NodeContext, PortRules, SHARED_CHAINS } from './port-rules.js';
import { type Chain, makeChain, makeRule, type Problem, type Rule, type Table } from './rules.js';
import { aboutService, type ServicePortInfo, serviceInfo } from './service-info.js';

/** How a UDP Service port is reached and by whom it is served: what stale connection tracking is found by. */
export interface UdpPort {
  readonly id: string;
  readonly ips: readonly string[];
  readonly nodePort: number | undefined;
  readonly endpoints: readonly { readonly ip: string; readonly port: number }[];
}

/** How many endpoints of a Service are ready on this node: what its health check node port answers. */
export interface HealthCheck {
  readonly port: number;
  readonly localEndpoints: number;
}

export interface ServiceRules {
  readonly chains: readonly Chain[];
  /** What the Service has in each of `SHARED_CHAINS`, in that order. */
  readonly shared: readonly Chain[];
  readonly udp: readonly UdpPort[];
  readonly healthCheck: HealthCheck | undefined;
  readonly problems: readonly Problem[];
}

export const NO_RULES: ServiceRules = {
  chains: [],
  shared: SHARED_CHAINS.map(({ table, name }) => makeChain(table, name, [])),
  udp: [],
  healthCheck: undefined,
  problems: [],
};

/** An object with very many mistakes is told of these. */
const PROBLEMS_MAX = 10;

/** `taken`: addresses that it claims and other Services have. */
export function renderService(service: Service, slices: readonly EndpointSlice[], node: NodeContext, taken?: TakenAddresses): ServiceRules {
  const info = serviceInfo(service);
  const said = new Map(info.problems.map((problem) => [problem.message, problem]));
  const complain = (message: string) => said.set(message, { about: aboutService(service, 'left out'), message });
  const parts = info.ports.flatMap((port) => {
    const servable = withoutMissing(taken?.size ? withoutTaken(port, taken, complain) : port, node.missing, complain);
    if (!servable) return [];
    const endpoints = endpointsOf(slices, { name: port.portName, protocol: port.protocol.toUpperCase() }, node, complain);
    return [{ info: servable, endpoints, rules: new PortRules(servable, endpoints, node) }];
  });
  const healthCheck = info.healthCheckNodePort === undefined ? undefined : healthCheckOf(info.healthCheckNodePort, parts);
  const shared = (table: Table, name: string) => {
    const rules = parts.flatMap(({ rules }) => rules.shared(table, name));
    const checked = healthCheck && table === 'filter' && name === NODEPORTS ? [healthCheckRule(service, healthCheck.port)] : [];
    return makeChain(table, name, [...rules, ...checked]);
  };
  const problems = [...said.values()];
  return {
    chains: parts.flatMap(({ rules }) => rules.chains()),
    shared: SHARED_CHAINS.map(({ table, name }) => shared(table, name)),
    udp: parts.filter(({ info }) => info.protocol === 'udp').map(({ info, endpoints }) => udpPort(info, endpoints)),
    healthCheck,
    problems: problems.slice(0, PROBLEMS_MAX),
  };
}

/** Where several Services claim one address and port, packets can go to one of them only: it must not depend on their names which. */
function withoutTaken(port: ServicePortInfo, taken: TakenAddresses, complain: (message: string) => void): ServicePortInfo {
  const own = (ip: string) => {
    const owner = taken.get(claimOf(ip, port));
    if (owner) complain(`${ip} port ${port.port}/${port.protocol.toUpperCase()} is not served: Service ${owner} has this address already`);
    return owner === undefined;
  };
  return { ...port, externalIps: port.externalIps.filter(own), loadBalancerIps: port.loadBalancerIps.filter(own) };
}

/** The port as far as this kernel can serve it. */
function withoutMissing(
  port: ServicePortInfo,
  missing: ReadonlySet<Match>,
  complain: (message: string) => void,
): ServicePortInfo | undefined {
  if (port.protocol === 'sctp' && missing.has('sctp')) {
    complain(`port ${port.port}/SCTP is not served: this node's kernel has no match for SCTP (xt_sctp)`);
    return undefined;
  }
  if (port.affinity_s === undefined || !missing.has('recent')) return port;
  complain("sessionAffinity ClientIP is not kept: this node's kernel has no match for it (xt_recent)");
  return { ...port, affinity_s: undefined };
}

function healthCheckOf(port: number, parts: readonly { readonly endpoints: PortEndpoints }[]): HealthCheck {
  const ips = parts.flatMap(({ endpoints }) => endpoints.local.filter(({ ready }) => ready).map(({ ip }) => ip));
  return { port, localEndpoints: new Set(ips).size };
}

function healthCheckRule(service: Service, port: number): Rule {
  const match = ['-p', 'tcp', '-m', 'tcp', '--dport', String(port)];
  const { namespace, name } = service.metadata;
  return makeRule(aboutService(service, 'health check node port'), match, `${namespace}/${name} health check node port`, 'ACCEPT');
}

function udpPort(info: ServicePortInfo, { cluster, local }: PortEndpoints): UdpPort {
  const used = [...(info.internalLocal ? [] : cluster), ...(info.externalLocal ? [] : cluster), ...local];
  return {
    id: info.id,
    ips: [...new Set([info.clusterIp, ...info.externalIps, ...info.loadBalancerIps])],
    nodePort: info.nodePort,
    endpoints: used.map(({ ip, port }) => ({ ip, port })),
  };
}
