// An HTTPS server for tests that play what the API server calls: webhooks and aggregated API servers. It has an authority of its own.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { systemClock, systemRandom } from '../../src/apimachinery/clock.js';
import { type AltNames, makeAuthority, makeCertificate, makeKey, publicKeyOf } from '../../src/client/certificates.js';

const HOUR_MS = 3600_000;

export interface HttpsServer {
  readonly server: Server;
  readonly port: number;
  /** PEM. */
  readonly ca: string;
  /** For `caBundle`. */
  readonly caBundle: string;
  /** Connections made so far. */
  connections(): number;
  /** Closes connections that are idle or in use, without a word. */
  dropConnections(): void;
  stop(): Promise<void>;
}

export type Handle = (request: IncomingMessage, body: string, response: ServerResponse) => void | Promise<void>;

export async function startHttpsServer(
  handle: Handle,
  { altNames = { dns: [], ips: ['127.0.0.1'] }, tls = {} }: { readonly altNames?: AltNames; readonly tls?: ServerOptions } = {},
): Promise<HttpsServer> {
  const { ca, cert, key } = await selfSigned(altNames);
  const server = createServer({ cert, key, ...tls });
  const sockets = new Set<TLSSocket>();
  let connections = 0;
  server.on('secureConnection', (socket) => {
    connections++;
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('request', (request, response) => void answer(handle, request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const dropConnections = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    server,
    port: (server.address() as AddressInfo).port,
    ca,
    caBundle: Buffer.from(ca).toString('base64'),
    connections: () => connections,
    dropConnections,
    stop: () => {
      dropConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

async function answer(handle: Handle, request: IncomingMessage, response: ServerResponse): Promise<void> {
  let body = '';
  request.setEncoding('utf8');
  for await (const chunk of request) body += chunk;
  await handle(request, body, response);
}

export async function selfSigned(altNames: AltNames): Promise<{ ca: string; cert: string; key: string }> {
  const [caKey, key] = [makeKey(), makeKey()];
  const times = { now_ms: systemClock.now(), validFor_ms: HOUR_MS, random: systemRandom };
  const ca = await makeAuthority({ commonName: 'test-ca', key: caKey, ...times });
  const cert = await makeCertificate({
    subject: { commonName: 'test' },
    altNames,
    usages: ['server auth'],
    publicKey: publicKeyOf(key),
    issuer: { cert: ca, key: caKey },
    ...times,
  });
  return { ca, cert, key };
}
