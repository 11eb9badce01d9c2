// Connections that turn into WebSocket or SPDY/3.1: exec, attach and port-forward.
import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Clock, Timer } from '../../src/apimachinery/clock.js';
import type { Logger } from '../../src/apimachinery/logger.js';
import { badRequest, noSuchPath, StatusError } from '../../src/apimachinery/status.js';
import type { KubeletSettings } from '../config/kubelet-configuration.js';
import type { ContainerRuntime, ProcessStreams } from '../runtime/runtime.js';
import type { Access } from './access.js';
import { type PodLookup, runningContainer, runningSandbox } from './find-container.js';
import type { ForwardedPod } from './port-forward/forward.js';
import { PORT_FORWARD_PROTOCOLS, PortForwardPairs } from './port-forward/spdy.js';
import { PORT_FORWARD_CHANNEL_PROTOCOLS, portsOf, serveChannelPortForward } from './port-forward/websocket.js';
import { containerName, flag, type PodName, podName } from './query.js';
import type { ClientStreams, Wanted } from './remote-command/client-streams.js';
import { serveProcess } from './remote-command/serve-process.js';
import { CommandStreams, SPDY_PROTOCOLS } from './remote-command/spdy.js';
import { CHANNEL_PROTOCOLS, webSocketStreams } from './remote-command/websocket.js';
import { SpdySession } from './spdy/session.js';
import type { SpdyStream } from './spdy/stream.js';
import { isSpdyUpgrade, negotiateProtocol, refusedProtocol, switchToSpdy } from './spdy/upgrade.js';

/** Of one message from a client: its input comes in pieces of 32 KiB. */
const MESSAGE_MAX_BYTES = 1 << 20;
/** Routers forget connections that are silent, and a host that has vanished says nothing. */
const TCP_KEEPALIVE_MS = 30_000;
/** How often to look whether the pod of a port-forward is still there. */
const POD_CHECK_MS = 5_000;

export interface UpgradeOptions {
  readonly settings: Pick<KubeletSettings, 'streamingConnectionIdleTimeout'>;
  readonly access: Access;
  readonly lookup: PodLookup;
  readonly runtime: ContainerRuntime;
  readonly clock: Clock;
  readonly log: Logger;
}

interface Upgrade {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
  readonly parts: readonly string[];
  readonly query: URLSearchParams;
}

export class UpgradeServer {
  readonly #sockets = new Set<Duplex>();
  /** What goes on for each connection, its clearing up included. */
  readonly #work = new Set<Promise<void>>();

  constructor(private readonly options: UpgradeOptions) {}

  handle(request: IncomingMessage, socket: TLSSocket, head: Buffer): void {
    const { log, settings } = this.options;
    socket.on('error', (error) => log.debug({ error: error.message }, 'a connection broke off'));
    socket.setKeepAlive(true, TCP_KEEPALIVE_MS);
    socket.setTimeout(settings.streamingConnectionIdleTimeout, () => socket.destroy());
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    const work = this.#serve(request, socket, head).catch((error: Error) => {
      log.error({ error: error.stack }, 'a connection could not be served');
      socket.destroy();
    });
    this.#work.add(work);
    void work.finally(() => this.#work.delete(work));
  }

  /** Resolves when all commands are ended and nothing is left of them. */
  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(this.#work);
  }

  async #serve(request: IncomingMessage, socket: TLSSocket, head: Buffer): Promise<void> {
    let serve: () => Promise<void>;
    try {
      const url = new URL(request.url ?? '/', 'https://kubelet');
      await this.options.access.check(request, socket, url.pathname);
      const [verb, ...parts] = url.pathname.split('/').slice(1);
      const upgrade = { request, socket, head, parts, query: url.searchParams };
      if (verb === 'exec') serve = await this.#exec(upgrade);
      else if (verb === 'attach') serve = await this.#attach(upgrade);
      else if (verb === 'portForward') serve = await this.#portForward(upgrade);
      else throw noSuchPath();
    } catch (error) {
      return refuse(socket, error as Error);
    }
    await serve();
  }

  async #exec(upgrade: Upgrade): Promise<() => Promise<void>> {
    const { lookup, runtime } = this.options;
    const wanted = wantedStreams(upgrade.query);
    const command = upgrade.query.getAll('command');
    if (command.length === 0) throw badRequest('you must specify a command to run');
    const { id } = await runningContainer(containerName(upgrade.parts), lookup, runtime);
    return this.#command(upgrade, wanted, 'error executing command in container', () =>
      runtime.exec(id, { command, stdin: wanted.stdin, tty: wanted.tty }),
    );
  }

  async #attach(upgrade: Upgrade): Promise<() => Promise<void>> {
    const { lookup, runtime } = this.options;
    const wanted = wantedStreams(upgrade.query);
    const { id } = await runningContainer(containerName(upgrade.parts), lookup, runtime);
    return this.#command(upgrade, wanted, 'error attaching to container', () => runtime.attach(id));
  }

  #command(upgrade: Upgrade, wanted: Wanted, what: string, start: () => Promise<ProcessStreams>): () => Promise<void> {
    const open = this.#clientStreams(upgrade, wanted);
    return async () => {
      let client: ClientStreams;
      try {
        client = await open();
      } catch (error) {
        return this.options.log.debug({ error: (error as Error).message }, 'a client did not open its streams');
      }
      const started = () =>
        start().catch((error: Error) => {
          throw new Error(`Internal error occurred: ${what}: ${error.message}`);
        });
      await serveProcess(client, started, this.options.log);
    };
  }

  /** Throws where the client speaks nothing that we do; the connection is upgraded by the function returned. */
  #clientStreams(upgrade: Upgrade, wanted: Wanted): () => Promise<ClientStreams> {
    const { clock } = this.options;
    if (isSpdyUpgrade(upgrade.request)) {
      const protocol = spdyProtocol(upgrade, SPDY_PROTOCOLS);
      return () => {
        const streams = new CommandStreams(wanted, protocol);
        return streams.open(this.#spdySession(upgrade, protocol, streams), clock);
      };
    }
    checkChannelProtocol(upgrade, CHANNEL_PROTOCOLS);
    return async () => webSocketStreams(await this.#webSocket(upgrade, CHANNEL_PROTOCOLS), wanted, clock);
  }

  async #portForward(upgrade: Upgrade): Promise<() => Promise<void>> {
    const { lookup, runtime, clock } = this.options;
    const name = podName(upgrade.parts);
    const { uid, sandboxId } = await runningSandbox(name, lookup, runtime);
    const open = async (): Promise<ForwardedPod> => ({ name: name.pod, uid, dialer: await runtime.dialer(sandboxId) });
    const whilePodIsThere = (work: () => Promise<void>) => this.#whilePodIsThere(upgrade, name, uid, work);
    if (isSpdyUpgrade(upgrade.request)) {
      const protocol = spdyProtocol(upgrade, PORT_FORWARD_PROTOCOLS);
      const pod = await open();
      return whilePodIsThere(async () => {
        const pairs = new PortForwardPairs(pod, clock);
        await this.#spdySession(upgrade, protocol, pairs).closed;
        pairs.close();
        pod.dialer.close();
      });
    }
    checkChannelProtocol(upgrade, PORT_FORWARD_CHANNEL_PROTOCOLS);
    const ports = portsOf(upgrade.query);
    const pod = await open();
    return whilePodIsThere(async () => {
      const socket = await this.#webSocket(upgrade, PORT_FORWARD_CHANNEL_PROTOCOLS);
      await serveChannelPortForward(socket, ports, pod, clock);
    });
  }

  /** A pod's network must not outlive it only because a client has a port-forward open. */
  #whilePodIsThere({ socket }: Upgrade, name: PodName, uid: string, work: () => Promise<void>): () => Promise<void> {
    const { lookup, clock } = this.options;
    return async () => {
      let timer: Timer;
      const check = () => {
        if (lookup.pod(name.namespace, name.pod)?.metadata.uid !== uid) socket.destroy();
        timer = clock.after(POD_CHECK_MS, check);
      };
      timer = clock.after(POD_CHECK_MS, check);
      await work();
      timer.cancel();
    };
  }

  #spdySession({ socket, head }: Upgrade, protocol: string, streams: { accept(stream: SpdyStream): boolean }): SpdySession {
    switchToSpdy(socket, protocol);
    return new SpdySession({ socket, head, clock: this.options.clock, accept: (stream) => streams.accept(stream) });
  }

  /** Never resolves where the client leaves meanwhile: its socket's end has ended all there was. */
  #webSocket({ request, socket, head }: Upgrade, protocols: readonly string[]): Promise<WebSocket> {
    const server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      maxPayload: MESSAGE_MAX_BYTES,
      handleProtocols: (offered) => protocols.find((protocol) => offered.has(protocol)) ?? false,
    });
    return new Promise((resolve, reject) => {
      socket.once('close', () => reject(new Error('the client left')));
      server.handleUpgrade(request, socket, head, resolve);
    });
  }
}

/** Upstream's kubelet takes the first of each pair, its API server's clients send the second. */
function wantedStreams(query: URLSearchParams): Wanted {
  const [stdin, stdout, stderr] = [flag(query, 'input', 'stdin'), flag(query, 'output', 'stdout'), flag(query, 'error', 'stderr')];
  if (!stdin && !stdout && !stderr) throw badRequest('you must specify at least 1 of stdin, stdout, stderr');
  return { stdin, stdout, stderr, tty: flag(query, 'tty') };
}

function spdyProtocol({ request }: Upgrade, accepted: readonly string[]): string {
  const protocol = negotiateProtocol(request, accepted);
  if (protocol === undefined) throw new StatusError(403, 'Forbidden', refusedProtocol(request, accepted));
  return protocol;
}

function checkChannelProtocol({ request: { headers } }: Upgrade, accepted: readonly string[]): void {
  if (headers.upgrade?.toLowerCase() !== 'websocket') throw badRequest('Upgrade request required');
  const header = headers['sec-websocket-protocol'];
  // Before there were subprotocols there was only what is now called channel.k8s.io.
  if (header === undefined && accepted === CHANNEL_PROTOCOLS) return;
  const offered = (header ?? '').split(',').map((name) => name.trim());
  if (!accepted.some((protocol) => offered.includes(protocol))) {
    throw badRequest(`the stream needs a WebSocket of subprotocol ${accepted.join(' or ')}`);
  }
}

function refuse(socket: Duplex, error: Error): void {
  const code = error instanceof StatusError ? error.code : 500;
  const lines = [
    `HTTP/1.1 ${code} ${STATUS_CODES[code] ?? 'Error'}`,
    'Content-Type: text/plain; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(error.message)}`,
    'Connection: close',
  ];
  socket.end(`${lines.join('\r\n')}\r\n\r\n${error.message}`);
}
