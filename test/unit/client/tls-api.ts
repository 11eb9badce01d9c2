// Serves a MemoryApi over TLS and HTTP/2 as far as tests of transports and joining need: tokens, client certificates, watches.
import { createSecureServer, type Http2SecureServer, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { KubeObject } from '../../../src/apimachinery/object.js';
import { StatusError, unauthorized } from '../../../src/apimachinery/status.js';
import { type AnyKind, defineKind } from '../../../src/kinds/define.js';
import { kinds } from '../../../src/kinds/index.js';
import type { MemoryApi } from './fakes.js';

export interface TlsApiOptions {
  readonly api: MemoryApi;
  readonly tls: { readonly cert: string; readonly key: string; readonly clientCa: string };
  /** `id.secret` that are known; client certificates always are. */
  readonly tokens?: ReadonlySet<string>;
  /** Answers instead, where it returns true. */
  readonly intercept?: (request: Http2ServerRequest, response: Http2ServerResponse) => boolean;
}

export interface TlsApi {
  readonly url: string;
  readonly users: string[];
  close(): Promise<void>;
}

export async function serveTls(options: TlsApiOptions): Promise<TlsApi> {
  const { cert, key, clientCa } = options.tls;
  const server = createSecureServer({ cert, key, ca: clientCa, requestCert: true, rejectUnauthorized: false });
  const users: string[] = [];
  const sessions = new Set<{ destroy(): void }>();
  server.on('session', (session) => sessions.add(session));
  server.on('sessionError', () => {});
  server.on('request', (request, response) => {
    void handle(options, users, request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    users,
    close: () => closeAll(server, sessions),
  };
}

function closeAll(server: Http2SecureServer, sessions: ReadonlySet<{ destroy(): void }>): Promise<void> {
  for (const session of sessions) session.destroy();
  return new Promise((resolve) => server.close(() => resolve()));
}

async function handle(options: TlsApiOptions, users: string[], request: Http2ServerRequest, response: Http2ServerResponse): Promise<void> {
  if (options.intercept?.(request, response)) return;
  try {
    const user = userOf(request, options.tokens ?? new Set());
    users.push(user.name);
    const body = await new Promise<string>((resolve) => {
      let text = '';
      request.on('data', (chunk: Buffer) => (text += chunk.toString()));
      request.on('end', () => resolve(text));
    });
    await route(options.api, user, request, body, response);
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    response.writeHead(error.code, { 'content-type': 'application/json' });
    response.end(JSON.stringify(error.toStatus()));
  }
}

function userOf(request: Http2ServerRequest, tokens: ReadonlySet<string>): { name: string; groups: string[] } {
  const bearer = request.headers.authorization?.replace('Bearer ', '');
  if (bearer !== undefined) {
    if (!tokens.has(bearer)) throw unauthorized();
    return { name: `system:bootstrap:${bearer.split('.')[0]}`, groups: ['system:bootstrappers'] };
  }
  const socket = request.stream.session!.socket as TLSSocket;
  if (!socket.authorized) throw unauthorized();
  const { CN, O } = socket.getPeerCertificate().subject as { CN: string; O?: string };
  return { name: CN, groups: O ? [O] : [] };
}

async function route(
  api: MemoryApi,
  user: { name: string; groups: string[] },
  request: Http2ServerRequest,
  body: string,
  response: Http2ServerResponse,
): Promise<void> {
  const url = new URL(request.url, 'https://x');
  const { kind, namespace, name } = parsePath(url.pathname);
  if (url.searchParams.get('watch')) return serveWatch(api, kind, url.searchParams, response);
  let answer: unknown;
  if (request.method === 'GET' && name) answer = await api.get(kind, { namespace, name });
  else if (request.method === 'GET') {
    const { items, resourceVersion } = await api.list(kind);
    answer = { metadata: { resourceVersion }, items };
  } else if (request.method === 'POST') {
    const draft = JSON.parse(body) as KubeObject & { spec?: object };
    const metadata = { ...draft.metadata, name: draft.metadata.name ?? `${draft.metadata.generateName}${api.version}` };
    answer = await api.create(kind, { ...draft, metadata, spec: { ...draft.spec, username: user.name, groups: user.groups } });
  } else throw new StatusError(405, 'MethodNotAllowed', 'not in this fake');
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify(answer));
}

async function serveWatch(api: MemoryApi, kind: AnyKind, query: URLSearchParams, response: Http2ServerResponse): Promise<void> {
  const ended = new AbortController();
  response.on('close', () => ended.abort());
  response.writeHead(200, { 'content-type': 'application/json' });
  const only = query.get('fieldSelector')?.replace('metadata.name=', '');
  try {
    for await (const event of api.watch(kind, { resourceVersion: query.get('resourceVersion') ?? '' }, ended.signal)) {
      if (!only || event.object.metadata.name === only) response.write(`${JSON.stringify(event)}\n`);
    }
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    response.write(`${JSON.stringify({ type: 'ERROR', object: error.toStatus() })}\n`);
  }
  response.end();
}

const UNKNOWN = defineKind({ group: '', version: 'v1', kind: 'Unknown', plural: 'unknown', namespaced: false, schema: 'core.v1.Pod' });

function parsePath(path: string): { kind: AnyKind; namespace: string | undefined; name: string | undefined } {
  const match = /^\/(?:api|apis\/[^/]+)\/v1(?:\/namespaces\/([^/]+))?\/([^/]+)(?:\/([^/]+))?$/.exec(path);
  return { kind: kinds.find(({ plural }) => plural === match?.[2]) ?? UNKNOWN, namespace: match?.[1], name: match?.[3] };
}

/** A TCP relay whose bytes can be stopped without a word in both directions, as by a cut cable. */
export class Relay {
  cut = false;
  readonly #sockets = new Set<Socket>();
  private constructor(private readonly server: Server) {}

  static async to(target: string): Promise<Relay> {
    const port = Number(new URL(target).port);
    const server = createServer({ pauseOnConnect: true });
    const relay = new Relay(server);
    server.on('connection', (near) => {
      relay.#sockets.add(near);
      near.on('error', () => {});
      // A cut link accepts nothing: the handshake of TLS gets no answer.
      if (relay.cut) return void near.resume();
      const far = connect(port, '127.0.0.1');
      relay.#sockets.add(far);
      const pass = (from: Socket, to: Socket) => {
        from.on('data', (chunk) => void (relay.cut || to.write(chunk)));
        from.on('close', () => void (relay.cut || to.destroy()));
        from.on('error', () => {});
        from.resume();
      };
      pass(near, far);
      pass(far, near);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return relay;
  }

  get url(): string {
    return `https://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    return new Promise((resolve) => this.server.close(() => resolve()));
  }
}
