// A Service as kube-proxy sees it: ports, addresses and policies, each checked; what has no rules is named as a problem. Pure.
import { parseCidr } from '../../src/apimachinery/cidr.js';
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
  readonly externalIps: readonly string[];
  /** Those of the load balancer that deliver packets with its address on them. */
  readonly loadBalancerIps: readonly string[];
  /** Who may come in by the load balancer's addresses; undefined: everybody. */
  readonly sourceRanges: readonly string[] | undefined;
  readonly internalLocal: boolean;
  readonly externalLocal: boolean;
  /** Absent without session affinity. */
  readonly affinity_s: number | undefined;
}

export interface ServiceInfo {
  readonly ports: readonly ServicePortInfo[];
  /** Where load balancers ask whether this node has endpoints: with external traffic policy Local. */
  readonly healthCheckNodePort: number | undefined;
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

/** Nothing for headless and ExternalName Services: those are DNS names only. */
const NOTHING: ServiceInfo = { ports: [], healthCheckNodePort: undefined, problems: [] };

export function serviceInfo(service: Service): ServiceInfo {
  const { metadata, spec } = service;
  const clusterIp = spec.clusterIP ?? '';
  const isNameOnly = spec.type === 'ExternalName' || clusterIp === '' || clusterIp === 'None';
  if (isNameOnly || metadata.labels?.[LABEL_PROXY_NAME] !== undefined) return NOTHING;

  const problems: Problem[] = [];
  const complain: Complain = (message) => problems.push({ about: aboutService(service, 'not served'), message });
  if (!isIPv4(clusterIp)) {
    complain(`clusterIP ${JSON.stringify(clusterIp)} is no IPv4 address; only IPv4 is supported`);
    return { ...NOTHING, problems };
  }
  const reach = { clusterIp, ...externalReach(service, complain) };
  const ports = (spec.ports ?? []).flatMap((port) => portInfo(service, port, reach, complain) ?? []);
  const healthCheck = spec.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local' ? spec.healthCheckNodePort : undefined;
  return { ports: distinctPorts(ports, complain), healthCheckNodePort: isPort(healthCheck) ? healthCheck : undefined, problems };
}

export const aboutService = ({ metadata }: Service, role: string): Subject => ({
  kind: 'Service',
  namespace: metadata.namespace ?? '',
  name: metadata.name,
  role,
});

type Complain = (message: string) => void;
type Reach = Pick<ServicePortInfo, 'clusterIp' | 'externalIps' | 'loadBalancerIps' | 'sourceRanges'>;

/** Two ports of one name and protocol would have the same chains. */
function distinctPorts(ports: readonly ServicePortInfo[], complain: Complain): readonly ServicePortInfo[] {
  const seen = new Set<string>();
  return ports.filter(({ id, protocol, portName }) => {
    const key = `${id} ${protocol}`;
    if (seen.has(key)) complain(`port ${JSON.stringify(portName)} is there twice for ${protocol.toUpperCase()}; the first one counts`);
    return !seen.has(key) && seen.add(key);
  });
}

function portInfo({ metadata, spec }: Service, port: ServicePort, reach: Reach, complain: Complain): ServicePortInfo | undefined {
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
    ...reach,
    nodePort: isPort(nodePort) ? nodePort : undefined,
    internalLocal: spec.internalTrafficPolicy === 'Local',
    externalLocal: spec.externalTrafficPolicy === 'Local',
    affinity_s: spec.sessionAffinity === 'ClientIP' ? affinitySeconds(spec.sessionAffinityConfig?.clientIP?.timeoutSeconds) : undefined,
  };
}

function affinitySeconds(wanted: unknown): number {
  const valid = typeof wanted === 'number' && Number.isInteger(wanted) && wanted > 0 && wanted <= AFFINITY_MAX_S;
  return valid ? wanted : AFFINITY_DEFAULT_S;
}

function externalReach({ spec, status }: Service, complain: Complain): Omit<Reach, 'clusterIp'> {
  const valid = (field: string, ips: readonly string[]) => {
    for (const ip of ips) {
      if (!isIPv4(ip)) complain(`${field} ${JSON.stringify(ip)} is no IPv4 address; only IPv4 is supported`);
    }
    return [...new Set(ips.filter((ip) => isIPv4(ip)))].sort();
  };
  // With mode Proxy packets arrive with the node's or the pod's own address: there is nothing to catch.
  const ingress = (status?.loadBalancer?.ingress ?? []).flatMap(({ ip, ipMode }) => (ip && ipMode !== 'Proxy' ? [ip] : []));
  return {
    externalIps: valid('external IP', spec.externalIPs ?? []),
    loadBalancerIps: spec.type === 'LoadBalancer' ? valid('load balancer address', ingress) : [],
    sourceRanges: sourceRanges(spec.loadBalancerSourceRanges ?? [], complain),
  };
}

/** Where ranges are given and none of them is one, nobody gets in: the mistake must not open what was to be closed. */
function sourceRanges(wanted: readonly string[], complain: Complain): readonly string[] | undefined {
  if (wanted.length === 0) return undefined;
  const ranges = wanted.flatMap((text) => {
    const cidr = parseCidr(text.trim());
    if (!cidr) complain(`loadBalancerSourceRanges ${JSON.stringify(text)} is no IPv4 range; only IPv4 is supported`);
    return cidr ? [cidr.text] : [];
  });
  return ranges.includes('0.0.0.0/0') ? undefined : [...new Set(ranges)].sort();
}
