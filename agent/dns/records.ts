// What the cluster's own names are: answers to DNS questions from Services, EndpointSlices and Namespaces. Pure.
import { SocketAddress } from 'node:net';
import type { Answer, SrvAnswer, StringAnswer } from 'dns-packet';
import { type Cidr, cidrHasIp, parseIpv4 } from '../../src/apimachinery/cidr.js';
import type { Service } from '../../src/kinds/types/core_v1.js';
import type { EndpointSlice } from '../../src/kinds/types/discovery_v1.js';
import { isIPv4, isIPv6 } from '../proxy/net.js';
import { type HeadlessEndpoint, headlessEndpoints } from './headless.js';

/** The cluster as names need it. */
export interface ClusterView {
  /** `cluster.local`. */
  readonly domain: string;
  /** Where pods find this server: the address of `ns.dns`. */
  readonly dnsIp: string;
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
  /** It is the domain itself. */
  readonly zone?: boolean;
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
  answers.push(...addresses(owner, found.ips ?? []).filter((record) => record.type === type));
  if (type === 'SRV') {
    const srv = found.srv ?? [];
    const told = new Set<string>();
    const weight = Math.max(1, Math.floor(100 / Math.max(1, srv.length)));
    for (const { port, target, ips } of srv) {
      answers.push({ type: 'SRV', name: owner, ttl: TTL_S, data: { priority: 0, weight, port, target } } satisfies SrvAnswer);
      for (const record of addresses(target, ips)) {
        const key = `${target} ${record.data}`;
        if (!told.has(key)) additionals.push(record);
        told.add(key);
      }
    }
  }
  if (type === 'TXT' && found.txt) answers.push({ type: 'TXT', name: owner, ttl: TTL_S, data: found.txt });
  if (type === 'SOA' && found.zone) answers.push(soa(cluster.domain));
  if (type === 'NS' && found.zone) {
    const server = nameServer(cluster.domain);
    answers.push({ type: 'NS', name: owner, ttl: TTL_S, data: server });
    additionals.push(...addresses(server, [cluster.dnsIp]));
  }
  if (answers.length === 0) return negative('NOERROR', [], cluster.domain);
  return { rcode: 'NOERROR', answers, authorities: [], additionals };
}

function negative(rcode: Reply['rcode'], answers: readonly Answer[], zone: string): Reply {
  return { rcode, answers, authorities: [soa(zone)], additionals: [] };
}

/** By the labels in front of the cluster's domain, as upstream's DNS specification lays them out. */
function lookUp(labels: readonly string[], cluster: ClusterView): Found | undefined {
  if (labels.length === 0) return { zone: true };
  const kind = labels.at(-1);
  const namespace = labels.at(-2);
  if (kind === 'dns-version' && labels.length === 1) return { txt: '1.1.0' };
  if (kind === 'dns' && (labels.length === 1 || (labels.length === 2 && namespace === 'ns')))
    return labels.length === 1 ? {} : { ips: [cluster.dnsIp] };
  if (kind !== 'svc' && kind !== 'pod') return undefined;
  if (namespace === undefined) return {};
  if (!cluster.hasNamespace(namespace)) return undefined;
  const rest = labels.slice(0, -2);
  if (rest.length === 0) return {};
  return kind === 'pod' ? podName(rest) : serviceName(rest, namespace, cluster);
}

/** `10-244-1-5.default.pod`: the address itself, whether or not there is such a pod, as upstream's `pods insecure`. */
function podName(labels: readonly string[]): Found | undefined {
  const [v4, v6] = [labels[0]!.replaceAll('-', '.'), labels[0]!.replaceAll('-', ':')];
  if (labels.length !== 1) return undefined;
  if (isIPv4(v4)) return { ips: [v4] };
  return isIPv6(v6) ? { ips: [v6] } : undefined;
}

function serviceName(labels: readonly string[], namespace: string, cluster: ClusterView): Found | undefined {
  const name = labels.at(-1)!;
  const front = labels.slice(0, -1);
  const service = cluster.service(namespace, name);
  if (!service) return undefined;
  const fqdn = `${name}.${namespace}.svc.${cluster.domain}`;
  const { type, externalName, clusterIP } = service.spec;
  if (type === 'ExternalName') return front.length === 0 && externalName ? external(externalName) : undefined;
  // One endpoint can be asked for by its name also where the Service has an address.
  const isEndpoint = front.length === 1 && !front[0]!.startsWith('_');
  return clusterIP === 'None' || isEndpoint ? headless(front, service, fqdn, cluster) : virtual(front, service, fqdn);
}

/** An address in place of a name is given out as one. */
const external = (name: string): Found => (isIPv4(name) || isIPv6(name) ? { ips: [name] } : { cname: lower(name) });

function virtual(front: readonly string[], { spec }: Service, fqdn: string): Found | undefined {
  const ips = (spec.clusterIPs?.length ? spec.clusterIPs : [spec.clusterIP ?? '']).filter((ip) => isIPv4(ip) || isIPv6(ip));
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
const REVERSE_IPV6 = /^([0-9a-f]\.){32}ip6\.arpa$/;

/** Reverse names of the cluster's own addresses are answered here whatever they are; of others only what is known. */
function reverse(question: Question, name: string, cluster: ClusterView): Reply | undefined {
  const ip = reverseAddress(name);
  if (!ip) return undefined;
  const targets = reverseNames(ip, cluster);
  const address = parseIpv4(ip);
  const isOurs = address !== undefined && cluster.reverseCidrs.some((cidr) => cidrHasIp(cidr, address));
  if (targets.length === 0 && !isOurs) return undefined;
  const zone = name.slice(name.indexOf('.') + 1);
  if (targets.length === 0) return negative('NXDOMAIN', [], zone);
  if (question.type !== 'PTR') return negative('NOERROR', [], zone);
  const answers = targets.map((data): StringAnswer => ({ type: 'PTR', name: question.name, ttl: TTL_S, data }));
  return { rcode: 'NOERROR', answers, authorities: [], additionals: [] };
}

function reverseAddress(name: string): string | undefined {
  const v4 = REVERSE.exec(name)?.slice(1).reverse().join('.');
  if (v4 !== undefined) return isIPv4(v4) ? v4 : undefined;
  if (!REVERSE_IPV6.test(name)) return undefined;
  const hex = name.slice(0, -'.ip6.arpa'.length).split('.').reverse().join('');
  return new SocketAddress({ address: hex.replaceAll(/(.{4})(?=.)/g, '$1:'), family: 'ipv6' }).address;
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

const addresses = (name: string, ips: readonly string[]) =>
  ips.map((ip): StringAnswer => ({ type: isIPv4(ip) ? 'A' : 'AAAA', name, ttl: TTL_S, data: ip }));

const nameServer = (zone: string) => `ns.dns.${zone}`;

function soa(zone: string): Answer {
  return {
    type: 'SOA',
    name: zone,
    ttl: TTL_S,
    data: { mname: nameServer(zone), rname: `hostmaster.${zone}`, serial: 1, refresh: 7200, retry: 1800, expire: 86_400, minimum: TTL_S },
  };
}
