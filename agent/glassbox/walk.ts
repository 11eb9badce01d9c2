// The part of a connection's way that this node sees: the name, the policies, the route, and whether an endpoint of its own listens.
import { Resolver } from 'node:dns/promises';
import { connect } from 'node:net';
import type { DnsStep, EndpointStep, NodeWalk, RouteStep, TableEndpoint } from '../../src/client/proxyz.js';
import type { Service } from '../../src/kinds/types/core_v1.js';
import { PORT_NODE_DNS } from '../../src/kinds/wellknown.js';
import { FORWARD, INPUT, TABLE } from '../policy/names.js';
import { type Exec, ExecError } from '../proxy/exec.js';
import type { Tables } from './difference.js';
import { verdict } from './verdict.js';

export interface WalkOptions {
  readonly nodeName: string;
  readonly exec: Exec;
  readonly clusterDomain: string;
  readonly dnsIp: string;
  readonly service: Service;
  readonly endpoints: readonly TableEndpoint[];
  /** The address that the connection comes from. */
  readonly from: string;
  readonly tables: Tables;
}

/** A Service of thousands is not looked through: these many show what is wrong. */
const ENDPOINTS_MAX = 50;
/** On the node itself an answer takes a millisecond. */
const CONNECT_TIMEOUT_MS = 1_000;
const DNS_TIMEOUT_MS = 1_000;
const DNS_PORT = 53;

export async function walk(options: WalkOptions): Promise<NodeWalk> {
  const [dns, ...endpoints] = await Promise.all([
    dnsStep(options),
    ...options.endpoints.slice(0, ENDPOINTS_MAX).map((endpoint) => endpointStep(options, endpoint)),
  ]);
  return { dns, endpoints };
}

async function dnsStep({ service, clusterDomain, dnsIp, from, tables }: WalkOptions): Promise<DnsStep> {
  const name = `${service.metadata.name}.${service.metadata.namespace}.svc.${clusterDomain}`;
  const packet = {
    source: from,
    destination: dnsIp,
    protocol: 'udp',
    port: PORT_NODE_DNS,
    original: { address: dnsIp, port: DNS_PORT },
  };
  const base = { name, server: dnsIp, verdict: verdict(tables.get(TABLE) ?? new Map(), INPUT, packet) };
  const resolver = new Resolver({ timeout: DNS_TIMEOUT_MS, tries: 2 });
  resolver.setServers([dnsIp]);
  try {
    return { ...base, answer: await resolver.resolve4(name) };
  } catch (error) {
    return { ...base, error: (error as NodeJS.ErrnoException).code ?? String(error) };
  }
}

async function endpointStep({ exec, nodeName, from, tables }: WalkOptions, endpoint: TableEndpoint): Promise<EndpointStep> {
  const { address, protocol, node } = endpoint;
  const [ip = '', port = ''] = address.split(':');
  const packet = { source: from, destination: ip, protocol: protocol.toLowerCase(), port: Number(port) };
  const asks = node === nodeName && protocol === 'TCP';
  const [route, listening] = await Promise.all([routeTo(exec, ip), asks ? knock(ip, Number(port)) : undefined]);
  return {
    address,
    protocol,
    verdict: verdict(tables.get(TABLE) ?? new Map(), FORWARD, packet),
    route,
    ...(listening ? { listening } : {}),
  };
}

/** The entry of the routing table that serves the address: a default route leads out of the cluster, so it is none. */
async function routeTo(exec: Exec, ip: string): Promise<RouteStep> {
  let found: { readonly dst?: string; readonly gateway?: string; readonly dev?: string; readonly type?: string } | undefined;
  try {
    [found] = JSON.parse(await exec('ip', ['-json', 'route', 'get', 'fibmatch', ip]));
  } catch (error) {
    if (!(error instanceof ExecError)) throw error;
    return { error: error.stderr.trim().split('\n').at(-1) ?? 'no route' };
  }
  const via = `${found?.gateway ? `via ${found.gateway} ` : ''}dev ${found?.dev ?? '?'}`;
  return found?.dst === 'default' ? { error: `only the default route, ${via}` } : { route: `${found?.dst ?? ip} ${via}` };
}

function knock(host: string, port: number): Promise<NonNullable<EndpointStep['listening']>> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: CONNECT_TIMEOUT_MS });
    const end = (answer: NonNullable<EndpointStep['listening']>) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => end('yes'));
    socket.once('timeout', () => end('no answer'));
    socket.once('error', ({ code }: NodeJS.ErrnoException) => end(code === 'ECONNREFUSED' ? 'refused' : 'no answer'));
  });
}
