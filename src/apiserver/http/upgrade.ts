// Upgrades: connections that turn into WebSocket or SPDY, passed on to a kubelet byte by byte; only SPDY in a WebSocket is unwrapped.
import type { IncomingMessage } from 'node:http';
import { type Duplex, finished } from 'node:stream';
import type { Clock } from '../../apimachinery/clock.js';
import { serviceUnavailable } from '../../apimachinery/status.js';
import type { KubeletTarget } from '../kubelet-target.js';
import type { Metrics } from '../metrics/index.js';
import type { ApiServerOptions } from '../options.js';
import { dialKubelet, upgradeAtKubelet } from './kubelet-client.js';
import type { Reply } from './respond.js';
import { openTunnel, spdyUpgradeHeaders, tunneledProtocol } from './tunneled-spdy.js';

/** Tunnels at once; each is two sockets. */
const MAX_TUNNELS = 1000;
/** How long a client may take to leave after the server has, once all is sent. */
const LINGER_MS = 5_000;
/** Not for the kubelet: it knows the API server, not the user, and is another host. */
const WITHHELD: ReadonlySet<string> = new Set(['host', 'authorization', 'cookie']);

/** All tunnels that are open, so that they can be ended. */
export class Tunnels {
  readonly #open = new Set<Duplex>();

  constructor(
    private readonly credentials: ApiServerOptions['kubeletClient'],
    private readonly metrics: Metrics,
    private readonly clock: Clock,
  ) {}

  /** Rejects with a StatusError, nothing sent yet, if the kubelet cannot be reached. */
  async open(request: IncomingMessage, client: Duplex, head: Buffer, target: KubeletTarget): Promise<void> {
    await this.around(client, () => {
      const tunneled = tunneledProtocol(request);
      return tunneled === undefined ? this.#passOn(request, client, head, target) : this.#unwrap(request, client, head, target, tunneled);
    });
  }

  /** Counts `client` among the tunnels while it lasts. */
  async around(client: Duplex, connect: () => Promise<void>): Promise<void> {
    if (this.#open.size >= MAX_TUNNELS) throw serviceUnavailable('too many connections are passed on already');
    this.#open.add(client);
    this.metrics.tunnels(1);
    client.once('close', () => {
      this.#open.delete(client);
      this.metrics.tunnels(-1);
    });
    await connect();
  }

  async #passOn(request: IncomingMessage, client: Duplex, head: Buffer, target: KubeletTarget): Promise<void> {
    const kubelet = await dialKubelet(target, this.credentials);
    if (!bind(client, kubelet, this.clock)) return;
    kubelet.write(requestHead(request, target));
    if (head.length > 0) kubelet.write(head);
    client.pipe(kubelet).pipe(client);
  }

  async #unwrap(request: IncomingMessage, client: Duplex, head: Buffer, target: KubeletTarget, protocol: string): Promise<void> {
    const { socket: kubelet, head: first } = await upgradeAtKubelet(target, this.credentials, spdyUpgradeHeaders(protocol));
    if (!bind(client, kubelet, this.clock)) return;
    const inside = await openTunnel(request, client, head, protocol);
    inside.on('error', () => kubelet.destroy());
    if (first.length > 0) kubelet.unshift(first);
    inside.pipe(kubelet).pipe(inside);
  }

  close(): void {
    for (const client of this.#open) client.destroy();
  }
}

/** The server's end reaches the client behind all that came before it, its failure at once, and so does the client's leave. False where it has left already. */
export function bind(client: Duplex, server: Duplex, clock: Clock): boolean {
  // 'close' follows.
  server.on('error', () => undefined);
  server.once('close', () => (server.readableEnded ? takeLeave(client, clock) : client.destroy()));
  client.once('close', () => server.destroy());
  if (client.destroyed) server.destroy();
  return !client.destroyed;
}

/** What was written goes out first, however slowly it is read. */
function takeLeave(client: Duplex, clock: Clock): void {
  // Only to see its end.
  client.resume();
  finished(client, { readable: false }, () => {
    const timer = clock.after(LINGER_MS, () => client.destroy());
    client.once('close', () => timer.cancel());
  });
}

function requestHead({ method, rawHeaders }: IncomingMessage, { host, port, path }: KubeletTarget): string {
  const lines = [`${method} ${path} HTTP/1.1`, `Host: ${host}:${port}`];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    if (!WITHHELD.has(rawHeaders[i]!.toLowerCase())) lines.push(`${rawHeaders[i]}: ${rawHeaders[i + 1]}`);
  }
  return `${lines.join('\r\n')}\r\n\r\n`;
}

/** Answers an upgrade request without upgrading, and ends the connection. */
export function refuseUpgrade(client: Duplex, { code, headers, body }: Reply): void {
  const lines = Object.entries(headers).flatMap(([name, value]) => [value ?? []].flat().map((each) => `${name}: ${each}`));
  const head = [`HTTP/1.1 ${code} ${code < 400 ? 'OK' : 'Error'}`, ...lines, `content-length: ${body.length}`, 'connection: close'];
  client.end(Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), body]));
}
