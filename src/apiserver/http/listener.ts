// The listener: HTTP/2 and HTTP/1.1 on one TLS port, each request as an Exchange, each Result as an answer.
import type { IncomingMessage } from 'node:http';
import type { Http2SecureServer, Http2ServerRequest, Http2ServerResponse, ServerHttp2Session } from 'node:http2';
import { type AddressInfo, isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import fastify, { type FastifyReply, type FastifyRequest } from 'fastify';
import { MEDIA_JSON } from '../../apimachinery/codec/index.js';
import { badRequest, internalError, noSuchMethod, StatusError, serviceUnavailable, tooLarge } from '../../apimachinery/status.js';
import type { AnyKind } from '../../kinds/define.js';
import type { ApiContext } from '../context.js';
import { Exchange, type RequestBody, type Result, type WatchResult } from '../exchange.js';
import type { Serve } from '../filters/filter.js';
import { openWatch } from '../handlers/watch.js';
import type { Metrics } from '../metrics/index.js';
import { compressed } from './compress.js';
import { CredentialReader } from './credentials.js';
import { EventEncoder } from './encode-events.js';
import { HttpWatch } from './http-watch.js';
import { impersonationOf } from './impersonation-headers.js';
import { FrontProxies } from './request-header.js';
import { commonHeaders, errorReply, type Reply, replyTo } from './respond.js';
import { type ProxyTarget, type ReverseProxy, responseHeaders } from './reverse-proxy.js';
import { refuseUpgrade, Tunnels } from './upgrade.js';

/** As upstream: no object may be as big as half of it. */
export const MAX_BODY_BYTES = 3 * 1024 * 1024;
const MAX_HEADER_BYTES = 64 * 1024;
/** Of one HTTP/2 connection: every watch of a component is one. */
const MAX_STREAMS = 1000;
/** An HTTP/2 connection without a request for so long is closed. */
const IDLE_SESSION_MS = 180_000;
/** How long requests under way may take to finish when the server stops. */
const DRAIN_TIMEOUT_MS = 5000;
/** How long its last bytes may take to leave. */
const LINGER_MS = 500;

function noSchemas(): never {
  throw new Error('listener: no route has a schema');
}

type RawRequest = Http2ServerRequest;
/** Both versions' answers have it; the types only know HTTP/1.1's. */
type RawReply = Http2ServerResponse & { flushHeaders(): void };

export class Listener {
  readonly #app;
  readonly #credentials: CredentialReader;
  readonly #tunnels: Tunnels;
  readonly #sockets = new Set<TLSSocket>();
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #watches = new Set<HttpWatch>();
  #inFlight = 0;
  #onIdle: (() => void) | undefined;
  #closing = false;

  constructor(
    private readonly context: ApiContext,
    private readonly serve: Serve,
    private readonly proxy: ReverseProxy,
    private readonly metrics: Metrics,
  ) {
    const { tls, kubeletClient, requestHeaderCa } = context.options;
    this.#credentials = new CredentialReader(context.clock, requestHeaderCa ? new FrontProxies(requestHeaderCa) : undefined);
    this.#tunnels = new Tunnels(kubeletClient, metrics);
    this.#app = fastify({
      http2: true,
      https: {
        allowHTTP1: true,
        cert: tls.cert,
        key: tls.key,
        ca: requestHeaderCa ? [tls.clientCa, requestHeaderCa] : tls.clientCa,
        requestCert: true,
        // Who presents nothing may still ask for /livez, or have a token: that is for the filters to say.
        rejectUnauthorized: false,
        minVersion: 'TLSv1.2',
        maxSessionMemory: 64,
        settings: { maxConcurrentStreams: MAX_STREAMS, maxHeaderListSize: MAX_HEADER_BYTES },
      },
      http2SessionTimeout: IDLE_SESSION_MS,
      bodyLimit: MAX_BODY_BYTES,
      exposeHeadRoutes: false,
      routerOptions: { querystringParser: () => ({}) },
      // Without these, compilers of schemas would be loaded at every start.
      schemaController: { compilersFactory: { buildValidator: noSchemas, buildSerializer: noSchemas } },
      frameworkErrors: (error, _request, reply) => send(reply as unknown as FastifyReply, errorReply(undefined, badRequest(error.message))),
    });
    this.#app.removeAllContentTypeParsers();
    this.#app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
    this.#app.addHook('onRequest', (request, _reply, done) => {
      markBody(request.raw as unknown as RawRequest);
      done();
    });
    this.#app.setErrorHandler((error, request, reply) => {
      // Fastify asks to close the connection after a body that is too big, which HTTP/2 has no header for.
      if (request.raw.httpVersionMajor > 1) reply.removeHeader('connection');
      return send(reply as unknown as FastifyReply, errorReply(undefined, asStatus(error)));
    });
    this.#app.setNotFoundHandler((_request, reply) => send(reply as unknown as FastifyReply, errorReply(undefined, noSuchMethod())));
    this.#app.route({
      method: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
      url: '*',
      handler: (request, reply) => this.#handle(request as unknown as FastifyRequest, reply as unknown as FastifyReply),
    });
    const server = this.#app.server as unknown as Http2SecureServer;
    server.on('secureConnection', (socket) => track(this.#sockets, socket));
    server.on('session', (session) => track(this.#sessions, session));
    server.on(
      'upgrade',
      (request: IncomingMessage, socket: Duplex, head: Buffer) => void this.#upgrade(request, socket as TLSSocket, head),
    );
  }

  /** Rejects with one clear line if the port cannot be had. */
  async listen(): Promise<{ address: string; port: number }> {
    const { address: host, port } = this.context.options.bind;
    try {
      await this.#app.listen({ host, port });
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EADDRINUSE')
        throw new Error(`port ${port} on ${host} is already in use: stop what listens there, or choose another port`, { cause: error });
      throw error;
    }
    const { address, port: bound } = this.#app.server.address() as AddressInfo;
    return { address, port: bound };
  }

  /** Refuses new requests, ends watches, lets requests under way finish within a bound, then ends every connection. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#tunnels.close();
    for (const watch of this.#watches) watch.end();
    for (const session of this.#sessions) session.close();
    await this.#idle();
    // Not before: it cuts connections of HTTP/1.1 whose last bytes are still on their way.
    const closed = this.#app.close();
    // A session of HTTP/2 ends its socket itself once its last frame is out.
    for (const socket of this.#sockets) if (socket.alpnProtocol !== 'h2') socket.destroySoon();
    // A client that does not take what is written is not waited for.
    const linger = this.context.clock.after(LINGER_MS, () => {
      for (const socket of this.#sockets) socket.destroy();
    });
    await closed;
    linger.cancel();
  }

  get #busy(): boolean {
    return this.#inFlight > 0 || this.#watches.size > 0;
  }

  /** When every request is answered and every watch's last byte is on its way. */
  #idle(): Promise<void> {
    if (!this.#busy) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.context.clock.after(DRAIN_TIMEOUT_MS, resolve);
      this.#onIdle = () => {
        timer.cancel();
        resolve();
      };
    });
  }

  #finished(): void {
    if (!this.#busy) this.#onIdle?.();
  }

  async #handle(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const raw = request.raw as unknown as RawRequest;
    const exchange = this.#exchangeOf(raw, bodyOf(request));
    const begun_ms = this.context.clock.monotonic();
    const done = this.metrics.begin(exchange);
    this.#inFlight++;
    try {
      if (this.#closing) throw serviceUnavailable('the server is shutting down');
      const result = await this.serve(exchange);
      if (result.type === 'proxy') await this.#pass(exchange, result.target, request, reply);
      else await this.#answer(exchange, result, reply, begun_ms);
    } catch (error) {
      await this.#send(exchange, errorReply(exchange, asStatus(error)), reply, begun_ms);
    } finally {
      done();
      this.#inFlight--;
      this.#finished();
    }
  }

  #exchangeOf(raw: RawRequest | IncomingMessage, body: RequestBody): Exchange {
    const [path, query = ''] = splitUrl(raw.url ?? '/');
    const { accept, authorization, 'accept-encoding': acceptEncoding, 'if-none-match': ifNoneMatch, 'user-agent': userAgent } = raw.headers;
    const session = 'stream' in raw ? raw.stream?.session : undefined;
    const socket = () => (session?.socket ?? raw.socket) as TLSSocket;
    const credentials = this.#credentials.read(session ?? raw.socket, socket, authorization, raw.rawHeaders);
    const impersonate = impersonationOf(raw.headers, raw.rawHeaders);
    const headers = { accept, acceptEncoding: acceptEncoding as string | undefined, ifNoneMatch, userAgent, impersonate };
    const exchange = new Exchange(raw.method ?? 'GET', path, new URLSearchParams(query), body, credentials, headers);
    if (this.context.options.audit) exchange.sourceIps = sourceIpsOf(raw.headers, socket());
    return exchange;
  }

  async #answer(exchange: Exchange, result: Result, reply: FastifyReply, begun_ms: number): Promise<void> {
    const raw = reply.raw as unknown as RawReply;
    if (result.type === 'watch') {
      reply.hijack();
      this.#watch(exchange, result, raw);
    } else if (result.type === 'stream') {
      const ended = this.#longRunning(exchange, result.code);
      reply.hijack();
      raw.writeHead(result.code, { ...commonHeaders(exchange), 'content-type': result.contentType } as never);
      raw.flushHeaders();
      // A log that breaks off must not look complete.
      result.stream.once('error', () => raw.destroy());
      raw.once('close', () => {
        ended();
        result.stream.destroy();
      });
      result.stream.pipe(raw);
    } else {
      await this.#send(exchange, replyTo(exchange, result, this.context), reply, begun_ms);
    }
  }

  async #send(exchange: Exchange, answer: Reply, reply: FastifyReply, begun_ms: number): Promise<void> {
    await send(reply, await compressed(answer, exchange.headers.acceptEncoding));
    const duration_ms = this.context.clock.monotonic() - begun_ms;
    this.metrics.answered(exchange, this.#served(exchange), answer.code, duration_ms, answer.body.length);
  }

  async #pass(exchange: Exchange, target: ProxyTarget, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const raw = reply.raw as unknown as RawReply;
    const body = exchange.body.type === 'bytes' ? exchange.body.bytes : undefined;
    const response = await this.proxy.send(request.raw as unknown as IncomingMessage, body, target);
    reply.hijack();
    raw.writeHead(response.statusCode!, responseHeaders(response, target) as never);
    raw.flushHeaders();
    response.once('error', () => raw.destroy());
    raw.on('error', () => response.destroy());
    raw.once('close', () => response.destroy());
    raw.once('close', this.#longRunning(exchange, response.statusCode!));
    response.pipe(raw);
  }

  #watch(exchange: Exchange, result: WatchResult, raw: RawReply): void {
    const { clock, random } = this.context;
    const encoder = new EventEncoder(result.resource, exchange.form, () => clock.now());
    raw.writeHead(200, { ...commonHeaders(exchange), 'content-type': encoder.contentType } as never);
    raw.flushHeaders();
    const { kind } = result.resource;
    const ended = this.#longRunning(exchange, 200);
    const sink = new HttpWatch(raw, encoder, clock, this.metrics.watchEvents(kind));
    const stop = openWatch(result, sink, clock, random.next());
    this.#watches.add(sink);
    raw.on('error', () => raw.destroy());
    raw.once('close', () => {
      ended();
      stop();
      sink.close();
      this.#watches.delete(sink);
      this.#finished();
    });
    if (this.#closing) sink.end();
  }

  async #upgrade(request: IncomingMessage, socket: TLSSocket, head: Buffer): Promise<void> {
    socket.on('error', () => socket.destroy());
    const exchange = this.#exchangeOf(request, { type: 'none' });
    const begun_ms = this.context.clock.monotonic();
    try {
      const result = await this.serve(exchange);
      if (result.type === 'tunnel') {
        await this.#tunnels.open(request, socket, head, result.target);
        socket.once('close', this.#longRunning(exchange, 101));
      } else if (result.type === 'proxy') {
        await this.#tunnels.around(socket, () => this.proxy.upgrade(request, socket, head, result.target));
        socket.once('close', this.#longRunning(exchange, 101));
      } else if (result.type === 'watch' || result.type === 'stream') {
        if (result.type === 'stream') result.stream.destroy();
        throw badRequest('this request cannot be upgraded');
      } else refuseUpgrade(socket, replyTo(exchange, result, this.context));
    } catch (error) {
      const answer = errorReply(exchange, asStatus(error));
      this.metrics.answered(exchange, this.#served(exchange), answer.code, this.context.clock.monotonic() - begun_ms, answer.body.length);
      refuseUpgrade(socket, answer);
    }
  }

  /** Tells whoever wants to know that an answer has begun; call what it returns at its end. */
  #longRunning(exchange: Exchange, code: number): () => void {
    const ended = this.metrics.longRunning(exchange, this.#served(exchange), code);
    const { audit } = exchange;
    if (!audit) return ended;
    audit.started(code);
    return () => {
      ended();
      audit.complete();
    };
  }

  /** The kind that a request is about, if it is served. */
  #served({ maybeInfo: info }: Exchange): AnyKind | undefined {
    return info?.isResource ? this.context.resources.find(info.group, info.version, info.resource)?.kind : undefined;
  }
}

function track<T extends { once(event: 'close', listener: () => void): unknown }>(all: Set<T>, one: T): void {
  all.add(one);
  one.once('close', () => all.delete(one));
}

/** As upstream: all but the last is what the client says. */
function sourceIpsOf(headers: RawRequest['headers'] | IncomingMessage['headers'], { remoteAddress = '' }: TLSSocket): readonly string[] {
  const forwarded = String(headers['x-forwarded-for'] ?? '')
    .split(',')
    .map((each) => each.trim());
  const real = String(headers['x-real-ip'] ?? '');
  const claimed = [...forwarded, ...(forwarded.includes(real) ? [] : [real])].filter((each) => isIP(each) !== 0);
  const own = remoteAddress.replace(/^::ffff:(?=[0-9.]+$)/, '');
  return claimed.at(-1) === own ? claimed : [...claimed, own];
}

function splitUrl(url: string): readonly [string, string?] {
  const mark = url.indexOf('?');
  return mark < 0 ? [url] : [url.slice(0, mark), url.slice(mark + 1)];
}

/** Over HTTP/2 a body may come without a type and a length, and would be taken for none; without a type it is JSON. */
function markBody({ headers, stream }: RawRequest): void {
  if (headers['content-type'] === undefined && stream && !stream.endAfterHeaders) headers['content-type'] = MEDIA_JSON;
}

function bodyOf({ body, headers }: FastifyRequest): RequestBody {
  if (!Buffer.isBuffer(body) || body.length === 0) return { type: 'none' };
  return { type: 'bytes', contentType: headers['content-type'] ?? MEDIA_JSON, bytes: body };
}

async function send(reply: FastifyReply, { code, headers, body }: Reply): Promise<void> {
  await reply
    .code(code)
    .headers(headers as never)
    .send(body);
}

/** Fastify's own errors come before our filters: bodies too large, requests malformed. */
function asStatus(error: unknown): StatusError {
  if (error instanceof StatusError) return error;
  const { statusCode, message } = error as { statusCode?: number; message?: string };
  if (statusCode === 413) return tooLarge(MAX_BODY_BYTES);
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
    return new StatusError(statusCode, 'BadRequest', message ?? 'bad request');
  return internalError(message ?? String(error));
}
