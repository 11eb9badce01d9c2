// The kubelet's HTTPS server on port 10250: logs, exec, attach and port-forward for the API server, and what the node shows of itself.
import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '../src/apimachinery/clock.js';
import type { Logger } from '../src/apimachinery/logger.js';
import { badRequest, methodNotAllowed, noSuchPath, StatusError } from '../src/apimachinery/status.js';
import type { Client } from '../src/client/client.js';
import { nodes } from '../src/kinds/core/node.js';
import type { KubeletSettings } from './config/kubelet-configuration.js';
import type { KubeletMetrics } from './kubelet/metrics.js';
import type { ContainerRuntime } from './runtime/runtime.js';
import { RuntimeError } from './runtime/runtime.js';
import { Access } from './server/access.js';
import type { PodLookup } from './server/find-container.js';
import { type HealthAnswer, health, startHealthServer } from './server/health.js';
import { serveLogs } from './server/logs.js';
import { serveNodeLogs } from './server/node-logs.js';
import { METRICS_TYPE, PAGES, type PageContext } from './server/pages.js';
import { containerName } from './server/query.js';
import { UpgradeServer } from './server/upgrade.js';
import { DiskUsage } from './stats/disk-usage.js';
import { NodeStats } from './stats/node-stats.js';

/** Streams at once, of which each holds a connection to the engine as well. */
const CONNECTIONS_MAX = 1000;
/** They need a connection that is upgraded. */
const STREAMS: readonly string[] = ['exec', 'attach', 'portForward'];
/** Further ones with more behind them, for metrics. */
const VERBS: readonly string[] = [...STREAMS, 'containerLogs', 'healthz', 'logs'];

export interface KubeletServerOptions {
  readonly settings: KubeletSettings;
  /** PEM. */
  readonly cert: string;
  readonly key: string;
  /** PEM: the CA that clients' certificates come from. */
  readonly clientCa: string;
  readonly nodeName: string;
  /** Where pods' directories lie. */
  readonly rootDirectory: string;
  /** The node's own, to ask who somebody is and what that one may do. */
  readonly client: Client;
  readonly metrics: KubeletMetrics;
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
  const { cert, key } = options;
  const ca = await clientAuthorities(options);
  // Clients without a good certificate get a Status that says so rather than a broken handshake.
  const server = createServer({ cert, key, ca, requestCert: true, rejectUnauthorized: false, minVersion: 'TLSv1.2' });
  server.maxConnections = CONNECTIONS_MAX;
  const access = new Access(options);
  const { runtime, clock, settings } = options;
  const context = { ...options, stats: new NodeStats(runtime, clock), disk: new DiskUsage(clock, settings.volumeStatsAggPeriod) };
  server.on('request', (request: IncomingMessage, response: ServerResponse) => void serve(request, response, context, access));
  const upgrades = new UpgradeServer({ ...options, access });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => upgrades.handle(request, socket as TLSSocket, head));
  await listen(server, options);
  const healthServer = await startHealthServer(options);
  const { port } = server.address() as { port: number };
  return {
    port,
    setServing: (serving) => server.setSecureContext({ ...serving, ca }),
    async close() {
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      server.closeAllConnections();
      healthServer?.close();
      healthServer?.closeAllConnections();
      await upgrades.close();
      await closed;
    },
  };
}

async function clientAuthorities({ clientCa, settings }: KubeletServerOptions): Promise<string[]> {
  const file = settings.authentication.x509.clientCAFile;
  return file === '' ? [clientCa] : [clientCa, await readFile(file, 'utf8')];
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

async function serve(request: IncomingMessage, response: ServerResponse, context: PageContext, access: Access): Promise<void> {
  try {
    const url = new URL(request.url ?? '/', 'https://kubelet');
    const path = url.pathname;
    const [verb = '', ...rest] = path.split('/').slice(1);
    context.metrics.request(String(request.method), PAGES[path] || VERBS.includes(verb) ? verb : 'other');
    await access.check(request, request.socket as TLSSocket, path);
    if (STREAMS.includes(verb)) throw badRequest('Upgrade request required');
    if (request.method !== 'GET') throw methodNotAllowed(nodes.groupResource, String(request.method).toLowerCase());
    const page = PAGES[path.replace(/\/$/, '')];
    if (page) send(response, await page(context, url.searchParams));
    else if (verb === 'healthz') sendText(response, health(path.slice('/healthz'.length), url.searchParams, context));
    else if (verb === 'containerLogs') await serveLogs(containerName(rest), url.searchParams, response, context);
    else if (verb === 'logs' && context.settings.enableSystemLogHandler) await serveNodeLogs(path.slice('/logs'.length), response);
    else throw noSuchPath();
  } catch (error) {
    if (response.headersSent) response.destroy();
    else sendError(response, error as Error, context.log);
  }
}

function send(response: ServerResponse, body: object | string): void {
  const isText = typeof body === 'string';
  response.writeHead(200, { 'Content-Type': isText ? METRICS_TYPE : 'application/json' }).end(isText ? body : JSON.stringify(body));
}

function sendText(response: ServerResponse, { code, text }: HealthAnswer): void {
  response.writeHead(code, { 'Content-Type': 'text/plain; charset=utf-8' }).end(text);
}

/** As text, which the API server puts into a Status for its clients. */
function sendError(response: ServerResponse, error: Error, log: Logger): void {
  if (!(error instanceof StatusError || error instanceof RuntimeError)) log.error({ error: error.stack }, 'a request failed');
  const code = error instanceof StatusError ? error.code : 500;
  response.writeHead(code, { 'Content-Type': 'text/plain; charset=utf-8' }).end(error.message);
}
