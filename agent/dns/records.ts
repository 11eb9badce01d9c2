// What the cluster's own names are: answers to DNS questions from Services, EndpointSlices and Namespaces. Pure.
import type { Answer, SrvAnswer, StringAnswer } from 'dns-packet';
import { type Cidr, cidrHasIp, parseIpv4 } from '../../src/apimachinery/cidr.js';
import type { Service } from '../../src/kinds/types/core_v1.js';
import type { EndpointSlice } from '../../src/kinds/types/discovery_v1.js';
import { isIPv4 } from '../proxy/net.js';
import { type HeadlessEndpoint, headlessEndpoints } from './headless.js';

/** The cluster as names need it. */
export interface ClusterView {
  /** `cluster.local`. */
  readonly domain: string;
  /** Addresses whose reverse names are answered here and nowhere else. */
  readonly reverseCidrs: readonly Cidr[];
  service(namespace: string, name: string): Service | undefined;
  serviceByIp(clusterIp: string): Service | undefined;
  slices(namespace: string, service: string): readonly EndpointSlice[];
  slicesByIp(endpointIp: string): readonly EndpointSlice[];
  hasNamespace(namespace: string): boolean;
}

export interface Question {
  readonly name: string;
  readonly type: string;
}

export interface Reply {
  readonly rcode: 'NOERROR' | 'NXDOMAIN';
  readonly answers: readonly Answer[];
  readonly authorities: readonly Answer[];
  readonly additionals: readonly Answer[];
  /** A CNAME's target outside the cluster: the asked type of this name is still to be looked up elsewhere. */
  readonly continueAt?: string;
}

/** As CoreDNS answers by default: Services move, and pods should follow soon. */
export const TTL_S = 5;
/** A chain of ExternalNames that long is a circle. */
const MAX_CNAMES = 8;

const lower = (name: string) => name.toLowerCase().replace(/\.$/, '');

/** The answer, or undefined where the name is not the cluster's. */
export function answer(question: Question, cluster: ClusterView): Reply | undefined {
  const name = lower(question.name);
  if (name === cluster.domain || name.endsWith(`.${cluster.domain}`)) return inDomain(question, name, cluster);
  return reverse(question, name, cluster);
}

/** What a name leads to, before it is asked for one type; undefined: there is no such name. */
interface Found {
  readonly ips?: readonly string[];
  readonly cname?: string;
  readonly srv?: readonly { readonly port: number; readonly target: string; readonly ips: readonly string[] }[];
  readonly txt?: string;
  readonly soa?: boolean;
}

function inDomain(question: Question, name: string, cluster: ClusterView): Reply {
  const answers: Answer[] = [];
  let owner = question.name;
  let at = name;
  for (let links = 0; links < MAX_CNAMES; links++) {
    const labels = at === cluster.domain ? [] : at.slice(0, -cluster.domain.length - 1).split('.');
    const found = lookUp(labels, cluster);
    if (!found) return negative('NXDOMAIN', answers, cluster.domain);
    if (!found.cname) return positive(question.type, owner, found, answers, cluster);
    answers.push({ type: 'CNAME', name: owner, ttl: TTL_S, data: found.cname });
    if (question.type === 'CNAME') return { rcode: 'NOERROR', answers, authorities: [], additionals: [] };
    owner = found.cname;
    at = lower(owner);
    if (!at.endsWith(`.${cluster.domain}`)) return { rcode: 'NOERROR', answers, authorities: [], additionals: [], continueAt: at };
  }
  return negative('NXDOMAIN', [], cluster.domain);
}

function positive(type: string, owner: string, found: Found, before: readonly Answer[], cluster: ClusterView): Reply {
  const answers: Answer[] = [...before];
  const additionals: Answer[] = [];
  if (type === 'A') answers.push(...(found.ips ?? []).map((ip) => a(owner, ip)));
  if (type === 'SRV') {
    const srv = found.srv ?? [];
    const weight = Math.max(1, Math.floor(100 / Math.max(1, srv.length)));
    for (const { port, target, ips } of srv) {
      answers.push({ type: 'SRV', name: owner, ttl: TTL_S, data: { priority: 0, weight, port, target } } satisfies SrvAnswer);
      for (const ip of ips)
        if (!additionals.some((x) => x.name === target && x.type === 'A' && x.data === ip)) additionals.push(a(target, ip));
    }
  }
  if (type === 'TXT' && found.txt) answers.push({ type: 'TXT', name: owner, ttl: TTL_S, data: found.txt });
  if (type === 'SOA' && found.soa) answers.push(soa(cluster.domain));
  if (answers.length === 0) return negative('NOERROR', [], cluster.domain);
  return { rcode: 'NOERROR', answers, authorities: [], additionals };
}

function negative(rcode: Reply['rcode'], answers: readonly Answer[], zone: string): Reply {
  return { rcode, answers, authorities: [soa(zone)], additionals: [] };
}

/** By the labels in front of the cluster's domain, as upstream's DNS specification lays them out. */
function lookUp(labels: readonly string[], cluster: ClusterView): Found | undefined {
  if (labels.length === 0) return { soa: true };
  const kind = labels.at(-1);
  const namespace = labels.at(-2);
  if (kind === 'dns-version' && labels.length === 1) return { txt: '1.1.0' };
  if (kind !== 'svc' && kind !== 'pod') return undefined;
  if (namespace === undefined) return {};
  if (!cluster.hasNamespace(namespace)) return undefined;
  const rest = labels.slice(0, -2);
  if (rest.length === 0) return {};
  return kind === 'pod' ? podName(rest) : serviceName(rest, namespace, cluster);
}

/** `10-244-1-5.default.pod`: the address itself, whether or not there is such a pod, as upstream's `pods insecure`. */
function podName(labels: readonly string[]): Found | undefined {
  const ip = labels[0]!.replaceAll('-', '.');
  return labels.length === 1 && isIPv4(ip) ? { ips: [ip] } : undefined;
}

function serviceName(labels: readonly string[], namespace: string, cluster: ClusterView): Found | undefined {
  const name = labels.at(-1)!;
  const service = cluster.service(namespace, name);
  if (!service) return undefined;
  const fqdn = `${name}.${namespace}.svc.${cluster.domain}`;
  const { type, externalName, clusterIP } = service.spec;
  if (type === 'ExternalName') return labels.length === 1 && externalName ? { cname: lower(externalName) } : undefined;
  const found = clusterIP === 'None' ? headless(labels.slice(0, -1), service, fqdn, cluster) : virtual(labels.slice(0, -1), service, fqdn);
  return found;
}

function virtual(front: readonly string[], { spec }: Service, fqdn: string): Found | undefined {
  const ips = (spec.clusterIPs?.length ? spec.clusterIPs : [spec.clusterIP ?? '']).filter((ip) => isIPv4(ip));
  const ports = (spec.ports ?? []).filter((port) => matches(front, port.name ?? '', port.protocol ?? 'TCP'));
  if (front.length > 0 && ports.length === 0) return undefined;
  return { ips: front.length === 0 ? ips : [], srv: ports.map(({ port }) => ({ port, target: fqdn, ips })) };
}

/** No ready endpoint, no name: clients then try again rather than keep an empty answer. */
function headless(front: readonly string[], { metadata }: Service, fqdn: string, cluster: ClusterView): Found | undefined {
  let endpoints = headlessEndpoints(cluster.slices(metadata.namespace!, metadata.name));
  const isPort = front[0]?.startsWith('_') ?? false;
  if (front.length === 1 && !isPort) endpoints = endpoints.filter((endpoint) => endpoint.hostname === front[0]);
  const srv = endpoints.flatMap(({ ip, hostname, ports }) =>
    ports
      .filter((port) => !isPort || matches(front, port.name, port.protocol))
      .map(({ port }) => ({ port, target: `${hostname}.${fqdn}`, ips: [ip] })),
  );
  if (endpoints.length === 0 || (isPort && srv.length === 0) || (front.length > 1 && !isPort)) return undefined;
  return { ips: isPort ? [] : [...new Set(endpoints.map(({ ip }) => ip))], srv };
}

/** `_http._tcp` in front of a Service's name; no labels at all match every port. */
function matches(front: readonly string[], portName: string, protocol: string): boolean {
  return front.length === 0 || (front.length === 2 && front[0] === `_${portName}` && front[1] === `_${protocol.toLowerCase()}`);
}

const REVERSE = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\.in-addr\.arpa$/;

function reverse(question: Question, name: string, cluster: ClusterView): Reply | undefined {
  const ip = REVERSE.exec(name)?.slice(1).reverse().join('.');
  const address = ip === undefined ? undefined : parseIpv4(ip);
  if (!ip || address === undefined || !cluster.reverseCidrs.some((cidr) => cidrHasIp(cidr, address))) return undefined;
  const targets = reverseNames(ip, cluster);
  const zone = name.slice(name.indexOf('.') + 1);
  if (targets.length === 0) return negative('NXDOMAIN', [], zone);
  if (question.type !== 'PTR') return negative('NOERROR', [], zone);
  const answers = targets.map((data): StringAnswer => ({ type: 'PTR', name: question.name, ttl: TTL_S, data }));
  return { rcode: 'NOERROR', answers, authorities: [], additionals: [] };
}

/** A Service for its cluster IP, else the names that headless Services give to this endpoint. */
function reverseNames(ip: string, cluster: ClusterView): readonly string[] {
  const nameOf = (namespace: string, service: string) => `${service}.${namespace}.svc.${cluster.domain}`;
  const service = cluster.serviceByIp(ip);
  if (service) return [nameOf(service.metadata.namespace!, service.metadata.name)];
  return cluster.slicesByIp(ip).flatMap((slice) => {
    const owner = slice.metadata.labels?.['kubernetes.io/service-name'] ?? '';
    const namespace = slice.metadata.namespace ?? '';
    if (cluster.service(namespace, owner)?.spec.clusterIP !== 'None') return [];
    const here = headlessEndpoints([slice]).filter((endpoint: HeadlessEndpoint) => endpoint.ip === ip);
    return here.map(({ hostname }) => `${hostname}.${nameOf(namespace, owner)}`);
  });
}

const a = (name: string, ip: string): StringAnswer => ({ type: 'A', name, ttl: TTL_S, data: ip });

function soa(zone: string): Answer {
  return {
    type: 'SOA',
    name: zone,
    ttl: TTL_S,
    data: { mname: `ns.dns.${zone}`, rname: `hostmaster.${zone}`, serial: 1, refresh: 7200, retry: 1800, expire: 86_400, minimum: TTL_S },
  };
}
