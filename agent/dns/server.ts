// The node's DNS server: the same questions and answers over UDP and TCP on one address and port.
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import type { Server as HttpServer } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import { parseCidr } from '../../src/apimachinery/cidr.js';
import type { Clock, Random } from '../../src/apimachinery/clock.js';
import type { Logger } from '../../src/apimachinery/logger.js';
import type { Informers } from '../../src/client/informer.js';
import { CLUSTER_DOMAIN, CLUSTER_IP_DNS, POD_CIDR, SERVICE_CIDR } from '../../src/kinds/wellknown.js';
import { parseHostPort } from '../proxy/net.js';
import { createClusterView } from './cluster-view.js';
import { createForwarder, type StubDomains } from './forward.js';
import { encodeReply, parseQuery, type Query } from './message.js';
import { DnsMetrics, type Transport } from './metrics.js';
import { startDnsPages } from './pages.js';
import { type Resolution, type ResolverOptions, resolve, SERVFAIL } from './resolver.js';
import { keepRecords, readRecords } from './saved-records.js';
import { readFrames } from './tcp-frames.js';

export interface DnsOptions {
  readonly informers: Informers;
  /** The node's InternalIP. Not 0.0.0.0: a reply from another address of the node would not be taken for the Service's. */
  readonly address: string;
  readonly port: number;
  /** Name servers for everything outside the cluster, `ip` or `ip:port`: those of the node's resolv.conf. */
  readonly upstreams: readonly string[];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** CLUSTER_DOMAIN if absent. */
  readonly domain?: string;
  /** CLUSTER_IP_DNS if absent. */
  readonly dnsIp?: string;
  /** Name servers of single domains. */
  readonly stubDomains?: StubDomains;
  /** Where /metrics, /health and /ready are served; nowhere if absent. */
  readonly pagesPort?: number;
  /** A file to keep names in for the next start; none if absent. */
  readonly recordsFile?: string;
  /** Whose reverse names are the cluster's; POD_CIDR and SERVICE_CIDR if absent. */
  readonly reverseCidrs?: readonly string[];
}

export interface DnsServer {
  readonly port: number;
  stop(): Promise<void>;
}

/** Connections at once and their silence: enough for a node's pods, too little for one of them to starve the rest. */
const TCP_MAX_CONNECTIONS = 256;
const TCP_IDLE_MS = 10_000;
/** Questions of one connection being answered at once; the rest of its bytes wait in the kernel. */
const TCP_MAX_PIPELINED = 64;

/** Resolves when both sockets listen; rejects where the address or port cannot be had. */
export async function startDns(options: DnsOptions): Promise<DnsServer> {
  const log = options.log.child({ component: 'dns' });
  const cidrs = (options.reverseCidrs ?? [POD_CIDR, SERVICE_CIDR]).map((text) => {
    const cidr = parseCidr(text);
    if (!cidr) throw new Error(`${JSON.stringify(text)} is no IPv4 prefix such as ${POD_CIDR}`);
    return cidr;
  });
  const zone = { domain: options.domain ?? CLUSTER_DOMAIN, dnsIp: options.dnsIp ?? CLUSTER_IP_DNS, reverseCidrs: cidrs };
  const view = createClusterView(options.informers, zone);
  const saved = options.recordsFile ? await readRecords(options.recordsFile, zone) : undefined;
  const metrics = new DnsMetrics(() => options.clock.monotonic());
  const upstreams = usableUpstreams(options, log);
  const forwarder = createForwarder({ ...options, upstreams, metrics });
  const resolver: Answering = { view, saved, forwarder, random: options.random, log, metrics, clock: options.clock };
  const tcp = tcpServer(resolver);
  await listenTcp(tcp.server, options);
  const { port } = tcp.server.address() as { port: number };
  let udp: UdpSocket;
  try {
    udp = await listenUdp(udpSocket(resolver, log), options.address, port);
  } catch (error) {
    await tcp.close();
    throw error;
  }
  log.info({ address: options.address, port, upstreams: options.upstreams }, 'DNS server listens');
  const keeper = options.recordsFile ? keepRecords(options.recordsFile, { ...options, log }) : undefined;
  const pages = await startPages(options, resolver);
  return {
    port,
    async stop() {
      pages?.closeAllConnections();
      pages?.close();
      await Promise.all([tcp.close(), new Promise<void>((resolve) => udp.close(resolve)), keeper?.stop()]);
    },
  };
}

/** What it takes to answer a message. */
interface Answering extends ResolverOptions {
  readonly metrics: DnsMetrics;
  readonly clock: Clock;
}

async function startPages(
  { address, pagesPort }: DnsOptions,
  { view, saved, metrics, forwarder, log }: Answering,
): Promise<HttpServer | undefined> {
  if (pagesPort === undefined) return undefined;
  return startDnsPages({
    address,
    port: pagesPort,
    isReady: () => view.synced || saved !== undefined,
    writeMetrics: (out) => metrics.write(out, forwarder.cacheSize),
    log,
  });
}

/** Without ourselves: asking oneself goes in circles. */
function usableUpstreams({ upstreams, address, port, dnsIp = CLUSTER_IP_DNS }: DnsOptions, log: Logger): readonly string[] {
  return upstreams.filter((text) => {
    const upstream = parseHostPort(text, 53);
    const isOurselves = upstream?.host === dnsIp || (upstream?.host === address && upstream.port === port);
    if (upstream && !isOurselves) return true;
    log.warn({ nameserver: text }, upstream ? 'name server left out: it is this one' : 'name server left out: it is no address');
    return false;
  });
}

function reply(message: Buffer, transport: Transport, answering: Answering): Buffer | undefined | Promise<Buffer> {
  const begun = answering.clock.monotonic();
  const query = parseQuery(message);
  if (!query || Buffer.isBuffer(query)) return query;
  answering.metrics.request(transport, query.question.type);
  const done = (resolution: Resolution) => {
    answering.metrics.response(resolution.rcode, begun);
    return encoded(query, resolution, transport, answering);
  };
  const resolution = resolve(query.question, answering);
  return resolution instanceof Promise ? resolution.then(done) : done(resolution);
}

function encoded(query: Query, resolution: Resolution, transport: Transport, { log }: Answering): Buffer {
  try {
    return encodeReply(query, resolution, transport);
  } catch (error) {
    // Records that another server sent and that cannot be written again as they were read.
    log.warn({ err: error, ...query.question }, 'reply could not be encoded');
    return encodeReply(query, SERVFAIL, transport);
  }
}

function udpSocket(resolver: Answering, log: Logger): UdpSocket {
  const socket = createSocket('udp4');
  let open = true;
  socket.on('error', (error) => log.error({ err: error }, 'DNS socket failed'));
  socket.on('close', () => {
    open = false;
  });
  // A client that is gone, or whose network is, is no trouble of the server's.
  const notSent = (error: Error | null) => error && log.debug({ err: error }, 'reply not sent');
  socket.on('message', (message, { port, address }) => {
    const send = (bytes: Buffer) => open && socket.send(bytes, port, address, notSent);
    const bytes = reply(message, 'udp', resolver);
    if (bytes instanceof Promise) void bytes.then(send);
    else if (bytes) send(bytes);
  });
  return socket;
}

function tcpServer(resolver: Answering): { server: Server; close(): Promise<void> } {
  const connections = new Set<Socket>();
  const server = createServer((socket) => {
    connections.add(socket);
    let underWay = 0;
    socket.setTimeout(TCP_IDLE_MS, () => socket.destroy());
    socket.on('close', () => connections.delete(socket));
    // A reset by the client ends the connection, and `close` follows.
    socket.on('error', () => socket.destroy());
    readFrames(socket, async (message) => {
      if (++underWay >= TCP_MAX_PIPELINED) socket.pause();
      const bytes = await reply(message, 'tcp', resolver);
      if (--underWay < TCP_MAX_PIPELINED) socket.resume();
      if (!bytes || socket.destroyed) return;
      const length = Buffer.alloc(2);
      length.writeUInt16BE(bytes.length);
      socket.write(Buffer.concat([length, bytes]));
    });
  });
  server.maxConnections = TCP_MAX_CONNECTIONS;
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      for (const socket of connections) socket.destroy();
    });
  return { server, close };
}

function listenTcp(server: Server, { address, port }: DnsOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(cannotListen('TCP', address, port, error)));
    server.listen({ host: address, port }, resolve);
  });
}

function listenUdp(socket: UdpSocket, address: string, port: number): Promise<UdpSocket> {
  return new Promise((resolve, reject) => {
    socket.once('error', (error) => reject(cannotListen('UDP', address, port, error)));
    socket.bind({ address, port }, () => resolve(socket));
  });
}

function cannotListen(transport: string, address: string, port: number, cause: NodeJS.ErrnoException): Error {
  const why = cause.code === 'EADDRINUSE' ? 'another program has this port: stop it' : cause.message;
  return new Error(`the DNS server cannot listen on ${address}:${port}/${transport}: ${why}`, { cause });
}
