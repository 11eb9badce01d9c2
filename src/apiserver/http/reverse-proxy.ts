// ReverseProxy: passes requests on to another server, and its answers back as they come; upgraded connections byte by byte.
import { Agent as HttpAgent, type IncomingMessage, type OutgoingHttpHeaders, request as requestPlain } from 'node:http';
import { Agent as HttpsAgent, request as requestTls } from 'node:https';
import { connect as connectPlain, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import type { Clock } from '../../apimachinery/clock.js';
import type { StatusError } from '../../apimachinery/status.js';
import { readAnswer } from '../../client/answer.js';
import { transportErrorText } from '../webhooks/transport-error.js';
import type { AnswerHeaders, Call } from './http-server.js';
import { bind } from './upgrade.js';

/** A server that is there accepts a connection at once. */
const CONNECT_TIMEOUT_MS = 30_000;
/** As upstream: a server that takes longer is as good as none. */
const DOCUMENT_TIMEOUT_MS = 5_000;
const MAX_DOCUMENT_BYTES = 16 * 1024 * 1024;
/** Kept for the next request, for each server. */
const MAX_IDLE_CONNECTIONS = 16;
const IDLE_MS = 30_000;
/** Of one connection, not of the request; and what we know better or keep to ourselves. */
const WITHHELD: ReadonlySet<string> = new Set([
  'authorization',
  'connection',
  'content-length',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
/** Who is asking is for us to say. */
const IDENTITY = /^(x-remote-|impersonate-)/;

export interface ProxyTarget {
  readonly host: string;
  readonly port: number;
  /** With its query. */
  readonly path: string;
  /** Of the Host header. */
  readonly authority: string;
  /** Absent: plain HTTP. PEM. */
  readonly tls?: {
    readonly servername?: string;
    readonly ca?: string;
    readonly cert?: string;
    readonly key?: string;
    readonly rejectUnauthorized?: boolean;
  };
  /** Besides the client's own, and instead of them. */
  readonly headers?: { readonly [name: string]: string | readonly string[] };
  /** A redirect's Location as the client can follow it. */
  readonly location?: (location: string) => string;
  /** What to answer where the server cannot be reached. */
  unreachable(why: string): StatusError;
}

type ClientRequest = Pick<Call, 'method' | 'headers' | 'socket'>;

export class ReverseProxy {
  readonly #plain = new HttpAgent({ keepAlive: true, maxFreeSockets: MAX_IDLE_CONNECTIONS, timeout: IDLE_MS });
  readonly #tls = new HttpsAgent({ keepAlive: true, maxFreeSockets: MAX_IDLE_CONNECTIONS, timeout: IDLE_MS });

  constructor(private readonly clock: Clock) {}

  /** Resolves once the answer has begun. Rejects with the target's StatusError. */
  async send(client: ClientRequest, body: Uint8Array | undefined, target: ProxyTarget): Promise<IncomingMessage> {
    const answer = await this.#try(client, body, target);
    // A kept connection that was closed in the same moment: the request has not been seen.
    const again = answer ?? (await this.#try(client, body, target));
    if (!again) throw target.unreachable('EOF');
    return again;
  }

  /** The whole answer, for who asks from within this process. Rejects with the target's StatusError. */
  async fetch(
    method: string,
    headers: ClientRequest['headers'],
    body: Uint8Array | undefined,
    target: ProxyTarget,
  ): Promise<{ readonly code: number; readonly bytes: Buffer }> {
    const response = await this.send({ method, headers, socket: undefined as never }, body, target);
    const timer = this.clock.after(DOCUMENT_TIMEOUT_MS, () => response.destroy(new Error('context deadline exceeded')));
    try {
      return { code: response.statusCode!, bytes: await readAnswer(response, MAX_DOCUMENT_BYTES) };
    } catch (error) {
      throw target.unreachable((error as Error).message);
    } finally {
      timer.cancel();
    }
  }

  #try(client: ClientRequest, body: Uint8Array | undefined, target: ProxyTarget): Promise<IncomingMessage | undefined> {
    const { host, port, path, tls } = target;
    return new Promise((resolve, reject) => {
      const options = { host, port, path, method: client.method, headers: requestHeaders(client, body, target) };
      const outgoing = tls ? requestTls({ ...options, ...tls, agent: this.#tls }) : requestPlain({ ...options, agent: this.#plain });
      const timer = this.clock.after(CONNECT_TIMEOUT_MS, () => outgoing.destroy(new Error('i/o timeout')));
      outgoing.once('socket', (socket) => {
        if (!socket.connecting) timer.cancel();
        else socket.once(tls ? 'secureConnect' : 'connect', () => timer.cancel());
      });
      outgoing.on('error', (error: NodeJS.ErrnoException) => {
        timer.cancel();
        if (outgoing.reusedSocket && error.code === 'ECONNRESET') resolve(undefined);
        else reject(target.unreachable(errorText(error, target)));
      });
      outgoing.once('response', resolve);
      outgoing.end(body);
    });
  }

  /** Rejects with the target's StatusError, nothing sent yet, where it cannot be reached. */
  async upgrade(client: IncomingMessage, socket: Duplex, head: Buffer, target: ProxyTarget): Promise<void> {
    const server = await this.#dial(target);
    if (!bind(socket, server, this.clock)) return;
    server.write(upgradeHead(client, target));
    if (head.length > 0) server.write(head);
    socket.pipe(server).pipe(socket);
  }

  #dial(target: ProxyTarget): Promise<Socket> {
    const { host, port, tls } = target;
    return new Promise((resolve, reject) => {
      const socket = tls ? connectTls({ host, port, ...tls, ALPNProtocols: ['http/1.1'] }) : connectPlain({ host, port });
      const timer = this.clock.after(CONNECT_TIMEOUT_MS, () => socket.destroy(new Error('i/o timeout')));
      const failed = (error: Error) => {
        timer.cancel();
        reject(target.unreachable(errorText(error, target)));
      };
      socket.once('error', failed);
      socket.once(tls ? 'secureConnect' : 'connect', () => {
        timer.cancel();
        socket.off('error', failed);
        resolve(socket);
      });
    });
  }

  close(): void {
    this.#plain.destroy();
    this.#tls.destroy();
  }
}

const errorText = (error: Error, { host, port, tls }: ProxyTarget) => transportErrorText(error, `${host}:${port}`, tls?.servername ?? host);

function requestHeaders({ headers, socket }: ClientRequest, body: Uint8Array | undefined, target: ProxyTarget): OutgoingHttpHeaders {
  const out: { [name: string]: string | string[] | number } = {};
  for (const [name, value] of Object.entries(headers)) if (value !== undefined && isPassedOn(name)) out[name] = value;
  out['host'] = target.authority;
  const chain = [headers['x-forwarded-for'] ?? [], socket?.remoteAddress ?? []].flat();
  if (chain.length > 0) out['x-forwarded-for'] = chain.join(', ');
  if (body) out['content-length'] = body.length;
  for (const [name, value] of Object.entries(target.headers ?? {}))
    out[name.toLowerCase()] = typeof value === 'string' ? value : [...value];
  return out;
}

const isPassedOn = (name: string) => !name.startsWith(':') && !WITHHELD.has(name) && !IDENTITY.test(name);

/** Those of the server's answer that are for the client. */
export function responseHeaders({ headers }: IncomingMessage, { location }: ProxyTarget): AnswerHeaders {
  const out: AnswerHeaders = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined && (name === 'content-length' || !WITHHELD.has(name))) out[name] = value;
  }
  if (headers.location !== undefined && location) out['location'] = location(headers.location);
  return out;
}

function upgradeHead({ method, rawHeaders }: IncomingMessage, target: ProxyTarget): string {
  const lines = [`${method} ${target.path} HTTP/1.1`, `Host: ${target.authority}`];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!.toLowerCase();
    if (isPassedOn(name) || name === 'connection' || name === 'upgrade') lines.push(`${rawHeaders[i]}: ${rawHeaders[i + 1]}`);
  }
  for (const [name, value] of Object.entries(target.headers ?? {})) for (const each of [value].flat()) lines.push(`${name}: ${each}`);
  return `${lines.join('\r\n')}\r\n\r\n`;
}
