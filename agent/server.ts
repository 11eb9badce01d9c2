// The kubelet's HTTPS server on port 10250: logs, exec and attach for the API server, and the node's own pods.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Clock } from '../src/apimachinery/clock.js';
import type { Logger } from '../src/apimachinery/logger.js';
import { badRequest, internalError, methodNotAllowed, noSuchPath, StatusError } from '../src/apimachinery/status.js';
import { nodes } from '../src/kinds/core/node.js';
import type { ContainerRuntime, ProcessStreams } from './runtime/runtime.js';
import { RuntimeError } from './runtime/runtime.js';
import { authorize } from './server/authorize.js';
import { type ChannelOptions, PROTOCOLS, serveChannels } from './server/channels.js';
import { type ContainerName, type PodLookup, runningContainer } from './server/find-container.js';
import { serveLogs } from './server/logs.js';
import { flag } from './server/query.js';

/** Streams at once, of which each holds a connection to the engine as well. */
const CONNECTIONS_MAX = 1000;
/** Of one message from a client: its input comes in pieces of 32 KiB. */
const MESSAGE_MAX_BYTES = 1 << 20;

export interface KubeletServerOptions {
  readonly address: string;
  readonly port: number;
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
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: MESSAGE_MAX_BYTES,
    handleProtocols: (offered) => PROTOCOLS.find((protocol) => offered.has(protocol)) ?? false,
  });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => void upgrade(request, socket, head, sockets, options));
  await listen(server, options);
  const { port } = server.address() as { port: number };
  return {
    port,
    setServing: (serving) => server.setSecureContext({ ...serving, ca }),
    close: () =>
      new Promise((resolve) => {
        for (const client of sockets.clients) client.terminate();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, { address, port }: KubeletServerOptions): Promise<void> {
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
    if (verb === 'exec' || verb === 'attach') throw badRequest(`${verb} needs a WebSocket of subprotocol ${PROTOCOLS.join(' or ')}`);
    if (verb === 'portForward') throw new StatusError(501, 'NotImplemented', 'port forwarding is not supported by this node');
    if (request.method !== 'GET') throw methodNotAllowed(nodes.groupResource, String(request.method).toLowerCase());
    if (verb === 'healthz') response.writeHead(200, { 'Content-Type': 'text/plain' }).end('ok');
    else if (verb === 'pods') sendJson(response, 200, { kind: 'PodList', apiVersion: 'v1', metadata: {}, items: options.lookup.pods() });
    else if (verb === 'containerLogs') await serveLogs(containerName(rest), url.searchParams, response, options);
    else throw noSuchPath();
  } catch (error) {
    const status = toStatus(error, options.log);
    if (response.headersSent) response.destroy();
    else sendJson(response, status.code, status.toStatus());
  }
}

function sendJson(response: ServerResponse, code: number, body: object): void {
  response.writeHead(code, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
}

function toStatus(error: unknown, log: Logger): StatusError {
  if (error instanceof StatusError) return error;
  if (!(error instanceof RuntimeError)) log.error({ error: (error as Error).stack }, 'a request failed');
  return internalError((error as Error).message);
}

/** `{namespace}/{pod}/{container}`, or `{namespace}/{pod}/{uid}/{container}` as upstream also takes it. */
function containerName(parts: readonly string[]): ContainerName {
  const [namespace = '', pod = '', ...rest] = parts.map(decodeURIComponent);
  const container = rest.at(-1) ?? '';
  if (!namespace || !pod || !container || rest.length > 2) throw noSuchPath();
  return { namespace, pod, container };
}

async function upgrade(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  sockets: WebSocketServer,
  options: KubeletServerOptions,
): Promise<void> {
  const { log } = options;
  socket.on('error', (error) => log.debug({ error: error.message }, 'a connection broke off'));
  let streams: ProcessStreams;
  let channels: ChannelOptions;
  try {
    authorize(request.socket as TLSSocket);
    if (!offersProtocol(request)) throw badRequest(`the stream needs a WebSocket of subprotocol ${PROTOCOLS.join(' or ')}`);
    ({ streams, channels } = await openProcess(request, options));
  } catch (error) {
    return refuse(socket, toStatus(error, log));
  }
  // What was opened for a client that has gone meanwhile is let go of.
  socket.once('close', () => streams.close());
  sockets.handleUpgrade(request, socket, head, (client: WebSocket) => void serveChannels(client, streams, channels, log));
}

function offersProtocol({ headers }: IncomingMessage): boolean {
  const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
  return headers.upgrade?.toLowerCase() === 'websocket' && PROTOCOLS.some((protocol) => offered.includes(protocol));
}

async function openProcess(
  request: IncomingMessage,
  { lookup, runtime }: KubeletServerOptions,
): Promise<{ streams: ProcessStreams; channels: ChannelOptions }> {
  const url = new URL(request.url ?? '/', 'https://kubelet');
  const [verb, ...rest] = url.pathname.split('/').slice(1);
  const query = url.searchParams;
  if (verb === 'portForward') throw new StatusError(501, 'NotImplemented', 'port forwarding is not supported by this node');
  if (verb !== 'exec' && verb !== 'attach') throw noSuchPath();
  const container = await runningContainer(containerName(rest), lookup, runtime);
  // Upstream's kubelet takes the first of each pair, its API server's clients send the second.
  const wanted = { stdin: flag(query, 'input', 'stdin'), stdout: flag(query, 'output', 'stdout'), stderr: flag(query, 'error', 'stderr') };
  if (!wanted.stdin && !wanted.stdout && !wanted.stderr) throw badRequest('you must specify at least 1 of stdin, stdout, stderr');
  if (verb === 'attach') {
    const channels = { ...wanted, stdin: wanted.stdin && container.stdin, tty: container.tty };
    return { streams: await runtime.attach(container.id), channels };
  }
  const command = query.getAll('command');
  if (command.length === 0) throw badRequest('you must specify a command to run');
  const channels = { ...wanted, tty: flag(query, 'tty') };
  return { streams: await runtime.exec(container.id, { command, stdin: channels.stdin, tty: channels.tty }), channels };
}

function refuse(socket: Duplex, status: StatusError): void {
  const body = JSON.stringify(status.toStatus());
  const head = `HTTP/1.1 ${status.code} ${status.reason}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}`;
  socket.end(`${head}\r\nConnection: close\r\n\r\n${body}`);
}
