// A Service as kube-proxy sees it: ports, addresses and policies, each checked; what has no rules is named as a problem. Pure.
import type { Service, ServicePort } from '../../src/kinds/types/core_v1.js';
import { servicePortName } from './names.js';
import { isIPv4, isPort } from './net.js';
import type { Problem, Subject } from './rules.js';

export interface ServicePortInfo {
  readonly namespace: string;
  readonly name: string;
  readonly portName: string;
  /** `namespace/name:port`. */
  readonly id: string;
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly port: number;
  readonly clusterIp: string;
  readonly nodePort: number | undefined;
  /** spec.externalIPs and the load balancer's addresses. */
  readonly externalIps: readonly string[];
  readonly internalLocal: boolean;
  readonly externalLocal: boolean;
  /** Absent without session affinity. */
  readonly affinity_s: number | undefined;
}

export interface ServiceInfo {
  readonly ports: readonly ServicePortInfo[];
  readonly problems: readonly Problem[];
}

/** A Service with this label is another proxy's. */
const LABEL_PROXY_NAME = 'service.kubernetes.io/service-proxy-name';
const PROTOCOLS = new Map([
  ['TCP', 'tcp'],
  ['UDP', 'udp'],
  ['SCTP', 'sctp'],
] as const);
/** Upstream's default and limit. */
const AFFINITY_DEFAULT_S = 10_800;
const AFFINITY_MAX_S = 86_400;

export function subjectOf(info: ServicePortInfo, role: string, more: { endpoint?: string; target?: string | undefined } = {}): Subject {
  const { namespace, name, portName, port } = info;
  const { endpoint, target } = more;
  return {
    kind: 'Service',
    namespace,
    name,
    port: portName || String(port),
    ...(endpoint ? { endpoint } : {}),
    ...(target ? { target } : {}),
    role,
  };
}

/** No ports for headless and ExternalName Services: those are DNS names only. */
export function serviceInfo(service: Service): ServiceInfo {
  const { metadata, spec } = service;
  const clusterIp = spec.clusterIP ?? '';
  const isNameOnly = spec.type === 'ExternalName' || clusterIp === '' || clusterIp === 'None';
  if (isNameOnly || metadata.labels?.[LABEL_PROXY_NAME]) return { ports: [], problems: [] };

  const problems: Problem[] = [];
  const complain = (message: string) =>
    problems.push({ about: { kind: 'Service', namespace: metadata.namespace ?? '', name: metadata.name, role: 'not served' }, message });
  if (!isIPv4(clusterIp)) {
    complain(`clusterIP ${JSON.stringify(clusterIp)} is no IPv4 address; only IPv4 is supported`);
    return { ports: [], problems };
  }
  const externalIps = externalAddresses(service, complain);
  const ports = (spec.ports ?? []).flatMap((port) => portInfo(service, port, clusterIp, externalIps, complain) ?? []);
  return { ports, problems };
}

type Complain = (message: string) => void;

function portInfo(
  { metadata, spec }: Service,
  port: ServicePort,
  clusterIp: string,
  externalIps: readonly string[],
  complain: Complain,
): ServicePortInfo | undefined {
  const protocol = PROTOCOLS.get((port.protocol ?? 'TCP') as 'TCP');
  if (!protocol || !isPort(port.port)) {
    complain(`port ${JSON.stringify(port.port)}/${JSON.stringify(port.protocol)} is no port that iptables knows`);
    return undefined;
  }
  const nodePort = port.nodePort || undefined;
  if (nodePort !== undefined && !isPort(nodePort)) complain(`nodePort ${JSON.stringify(nodePort)} is out of range`);
  const namespace = metadata.namespace ?? '';
  return {
    namespace,
    name: metadata.name,
    portName: port.name ?? '',
    id: servicePortName(namespace, metadata.name, port.name),
    protocol,
    port: port.port,
    clusterIp,
    nodePort: isPort(nodePort) ? nodePort : undefined,
    externalIps,
    internalLocal: spec.internalTrafficPolicy === 'Local',
    externalLocal: spec.externalTrafficPolicy === 'Local',
    affinity_s: spec.sessionAffinity === 'ClientIP' ? affinitySeconds(spec.sessionAffinityConfig?.clientIP?.timeoutSeconds) : undefined,
  };
}

function affinitySeconds(wanted: unknown): number {
  const valid = typeof wanted === 'number' && Number.isInteger(wanted) && wanted > 0 && wanted <= AFFINITY_MAX_S;
  return valid ? wanted : AFFINITY_DEFAULT_S;
}

function externalAddresses({ spec, status }: Service, complain: Complain): readonly string[] {
  const ingress = (status?.loadBalancer?.ingress ?? []).flatMap(({ ip, ipMode }) => (ip && ipMode !== 'Proxy' ? [ip] : []));
  if (ingress.length > 0 && (spec.loadBalancerSourceRanges ?? []).length > 0) {
    complain('loadBalancerSourceRanges is not supported: the load balancer addresses are not served, so that nobody gets in');
    ingress.length = 0;
  }
  const all = [...new Set([...(spec.externalIPs ?? []), ...ingress])];
  for (const ip of all) {
    if (!isIPv4(ip)) complain(`external address ${JSON.stringify(ip)} is no IPv4 address; only IPv4 is supported`);
  }
  return all.filter((ip) => isIPv4(ip)).sort();
}
