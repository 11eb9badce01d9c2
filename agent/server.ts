// The kubelet's HTTPS server on port 10250: logs, exec, attach and port-forward for the API server, and the node's own pods.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '../src/apimachinery/clock.js';
import type { Logger } from '../src/apimachinery/logger.js';
import { badRequest, methodNotAllowed, noSuchPath, StatusError } from '../src/apimachinery/status.js';
import { nodes } from '../src/kinds/core/node.js';
import type { KubeletSettings } from './config/kubelet-configuration.js';
import { configz } from './config/load.js';
import type { ContainerRuntime } from './runtime/runtime.js';
import { RuntimeError } from './runtime/runtime.js';
import { authorize } from './server/authorize.js';
import type { PodLookup } from './server/find-container.js';
import { serveLogs } from './server/logs.js';
import { containerName } from './server/query.js';
import { UpgradeServer } from './server/upgrade.js';

/** Streams at once, of which each holds a connection to the engine as well. */
const CONNECTIONS_MAX = 1000;
/** They need a connection that is upgraded. */
const STREAMS: readonly (string | undefined)[] = ['exec', 'attach', 'portForward'];

export interface KubeletServerOptions {
  readonly settings: KubeletSettings;
  /** PEM. */
  readonly cert: string;
  readonly key: string;
  /** PEM: the CA that clients' certificates come from. */
  readonly clientCa: string;
  readonly lookup: PodLookup;
  readonly runtime: ContainerRuntime;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface KubeletServer {
  readonly port: number;
  /** From the next connection on. */
  setServing(serving: { readonly cert: string; readonly key: string }): void;
  close(): Promise<void>;
}

/** Resolves when it listens; rejects where the port cannot be had. */
export async function startKubeletServer(options: KubeletServerOptions): Promise<KubeletServer> {
  const { cert, key, clientCa: ca } = options;
  // Clients without a good certificate get a Status that says so rather than a broken handshake.
  const server = createServer({ cert, key, ca, requestCert: true, rejectUnauthorized: false, minVersion: 'TLSv1.2' });
  server.maxConnections = CONNECTIONS_MAX;
  server.on('request', (request: IncomingMessage, response: ServerResponse) => void serve(request, response, options));
  const upgrades = new UpgradeServer(options);
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => upgrades.handle(request, socket as TLSSocket, head));
  await listen(server, options);
  const { port } = server.address() as { port: number };
  return {
    port,
    setServing: (serving) => server.setSecureContext({ ...serving, ca }),
    async close() {
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      server.closeAllConnections();
      await upgrades.close();
      await closed;
    },
  };
}

function listen(server: Server, { settings: { address, port } }: KubeletServerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const taken = error.code === 'EADDRINUSE';
      reject(
        new Error(taken ? `port ${port} of ${address} is already in use: another kubelet runs there, or choose --port` : error.message),
      );
    });
    server.listen(port, address, () => resolve());
  });
}

async function serve(request: IncomingMessage, response: ServerResponse, options: KubeletServerOptions): Promise<void> {
  try {
    authorize(request.socket as TLSSocket);
    const url = new URL(request.url ?? '/', 'https://kubelet');
    const [verb, ...rest] = url.pathname.split('/').slice(1);
    if (STREAMS.includes(verb)) throw badRequest('Upgrade request required');
    if (request.method !== 'GET') throw methodNotAllowed(nodes.groupResource, String(request.method).toLowerCase());
    if (verb === 'healthz') response.writeHead(200, { 'Content-Type': 'text/plain' }).end('ok');
    else if (verb === 'pods') sendJson(response, 200, { kind: 'PodList', apiVersion: 'v1', metadata: {}, items: options.lookup.pods() });
    else if (verb === 'configz') sendJson(response, 200, configz(options.settings));
    else if (verb === 'containerLogs') await serveLogs(containerName(rest), url.searchParams, response, options);
    else throw noSuchPath();
  } catch (error) {
    if (response.headersSent) response.destroy();
    else sendError(response, error as Error, options.log);
  }
}

function sendJson(response: ServerResponse, code: number, body: object): void {
  response.writeHead(code, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
}

/** As text, which the API server puts into a Status for its clients. */
function sendError(response: ServerResponse, error: Error, log: Logger): void {
  if (!(error instanceof StatusError || error instanceof RuntimeError)) log.error({ error: error.stack }, 'a request failed');
  const code = error instanceof StatusError ? error.code : 500;
  response.writeHead(code, { 'Content-Type': 'text/plain; charset=utf-8' }).end(error.message);
}
