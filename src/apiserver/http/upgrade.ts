// Upgrades: connections that turn into WebSocket or SPDY, passed on to a kubelet byte by byte, unchanged.
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { serviceUnavailable } from '../../apimachinery/status.js';
import type { KubeletTarget } from '../kubelet-target.js';
import type { Metrics } from '../metrics.js';
import type { ApiServerOptions } from '../options.js';
import { dialKubelet } from './kubelet-client.js';
import type { Reply } from './respond.js';

/** Tunnels at once; each is two sockets. */
const MAX_TUNNELS = 1000;
/** Not for the kubelet: it knows the API server, not the user, and is another host. */
const WITHHELD: ReadonlySet<string> = new Set(['host', 'authorization', 'cookie']);

/** All tunnels that are open, so that they can be ended. */
export class Tunnels {
  readonly #open = new Set<Duplex>();

  constructor(
    private readonly credentials: ApiServerOptions['kubeletClient'],
    private readonly metrics: Metrics,
  ) {}

  /** Rejects with a StatusError, nothing sent yet, if the kubelet cannot be reached. */
  async open(request: IncomingMessage, client: Duplex, head: Buffer, target: KubeletTarget): Promise<void> {
    if (this.#open.size >= MAX_TUNNELS) throw serviceUnavailable('too many connections to containers are open');
    const kubelet = await dialKubelet(target, this.credentials);
    if (client.destroyed) {
      kubelet.destroy();
      return;
    }
    kubelet.write(requestHead(request, target));
    if (head.length > 0) kubelet.write(head);
    this.#open.add(client);
    this.metrics.tunnels(1);
    // Either end's failure or end is the other's, too.
    kubelet.once('error', () => client.destroy());
    client.once('error', () => kubelet.destroy());
    kubelet.once('close', () => client.destroy());
    client.once('close', () => {
      this.#open.delete(client);
      this.metrics.tunnels(-1);
      kubelet.destroy();
    });
    client.pipe(kubelet).pipe(client);
  }

  close(): void {
    for (const client of this.#open) client.destroy();
  }
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
  const lines = Object.entries(headers).flatMap(([name, value]) => [value].flat().map((each) => `${name}: ${each}`));
  const head = [`HTTP/1.1 ${code} ${code < 400 ? 'OK' : 'Error'}`, ...lines, `content-length: ${body.length}`, 'connection: close'];
  client.end(Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), body]));
}
