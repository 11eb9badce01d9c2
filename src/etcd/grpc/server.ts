// serveEtcd: listens for etcd clients. gRPC is loaded with the first connection: a store that nobody asks costs no memory for it.
import { createServer, type Server, type Socket } from 'node:net';
import type { EtcdMember, ServiceContext } from './context.js';
import type { ConnectionKind, EtcdServices, EtcdTls } from './services.js';

export interface ListenUrl {
  readonly secure: boolean;
  readonly host: string;
  readonly port: number;
}

export interface EtcdServerOptions extends Omit<ServiceContext, 'member'> {
  readonly name: string;
  readonly listen: readonly ListenUrl[];
  /** Where there are only health and metrics, for whoever asks. */
  readonly listenMetrics?: readonly ListenUrl[];
  /** What clients are told to connect to; as it listens by default. */
  readonly advertiseClientUrls?: readonly string[];
  /** Needed where a URL is secure. */
  readonly tls?: EtcdTls;
}

export interface EtcdServer {
  /** As it listens: with the port that was chosen for port 0. */
  readonly urls: readonly string[];
  readonly metricsUrls: readonly string[];
  /** Ends all calls and frees the ports. The store stays open. */
  close(): Promise<void>;
}

/** Of one line: what is wrong with an address, and the way out. `code` is the system's. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
  constructor(
    message: string,
    readonly code: string | undefined,
    options: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** `https://127.0.0.1:2379`, as etcd's flags have it. Throws an Error of one line. */
export function parseListenUrl(text: string): ListenUrl {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const secure = url?.protocol === 'https:';
  if (!url || (!secure && url.protocol !== 'http:') || (url.pathname !== '/' && url.pathname !== ''))
    throw new Error(`${JSON.stringify(text)} is not a URL to listen on: give one such as https://127.0.0.1:2379`);
  const port = url.port === '' ? (secure ? 443 : 80) : Number(url.port);
  return { secure, host: url.hostname.replace(/^\[|\]$/g, ''), port };
}

export const urlText = ({ secure, host, port }: ListenUrl): string =>
  `http${secure ? 's' : ''}://${host.includes(':') ? `[${host}]` : host}:${port}`;

/** Resolves once all addresses are listened on; rejects with ListenError, with none left open. */
export async function serveEtcd(options: EtcdServerOptions): Promise<EtcdServer> {
  const { listen, tls, log } = options;
  const { listenMetrics = [] } = options;
  if (listenMetrics.some(({ secure }) => secure))
    throw new Error('metrics are served without TLS: give http URLs in --listen-metrics-urls');
  if (!tls && listen.some(({ secure }) => secure)) throw new Error('an https URL needs a certificate: give --cert-file and --key-file');
  const sockets = new Set<Socket>();
  const opened: Listening[] = [];
  const metrics: Listening[] = [];
  let services: Promise<EtcdServices> | undefined;
  let closed = false;
  const member = (): EtcdMember => ({
    name: options.name,
    clientUrls: options.advertiseClientUrls ?? opened.map(({ url }) => url),
  });
  const load = async () => new (await import('./services.js')).EtcdServices({ ...options, member: member() }, tls);
  const accept = (socket: Socket, kind: ConnectionKind) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    // A client that goes away before it is served is no error of ours; from then on gRPC looks after it.
    socket.on('error', () => socket.destroy());
    services ??= load();
    services.then((ready) => {
      if (!closed && !socket.destroyed) ready.accept(socket, kind);
    });
  };
  const close = async () => {
    closed = true;
    const ends = [...opened, ...metrics].map(({ server }) => new Promise<void>((resolve) => server.close(() => resolve())));
    (await services)?.close();
    for (const socket of sockets) socket.destroy();
    await Promise.all(ends);
  };
  try {
    for (const url of listen) opened.push(await listenOn(url, (socket) => accept(socket, url.secure ? 'secure' : 'plain')));
    for (const url of listenMetrics) metrics.push(await listenOn(url, (socket) => accept(socket, 'metrics')));
  } catch (error) {
    await close();
    throw error;
  }
  const urlsOf = (all: readonly Listening[]) => all.map(({ url }) => url);
  const [urls, metricsUrls] = [urlsOf(opened), urlsOf(metrics)];
  log.info({ urls, ...(metricsUrls.length > 0 && { metricsUrls }) }, 'serving etcd clients');
  return { urls, metricsUrls, close };
}

interface Listening {
  readonly server: Server;
  readonly url: string;
}

function listenOn(url: ListenUrl, accept: (socket: Socket) => void) {
  return new Promise<Listening>((resolve, reject) => {
    const server = createServer({ noDelay: true }, accept);
    server.once('error', (error: NodeJS.ErrnoException) => reject(new ListenError(whyNot(url, error), error.code, { cause: error })));
    server.listen(url.port, url.host, () => {
      const { port } = server.address() as { port: number };
      resolve({ server, url: urlText({ ...url, port }) });
    });
  });
}

function whyNot(url: ListenUrl, { code, message }: NodeJS.ErrnoException): string {
  const what = `cannot listen on ${urlText(url)} for etcd clients`;
  if (code === 'EADDRINUSE') return `${what}: something else does already (ss -tlnp 'sport = :${url.port}' shows it)`;
  if (code === 'EADDRNOTAVAIL') return `${what}: this machine has no such address`;
  if (code === 'EACCES') return `${what}: no permission: run it as root, or take a port from 1024 on`;
  return `${what}: ${message}`;
}
