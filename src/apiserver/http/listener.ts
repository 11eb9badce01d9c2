// The listener: each request that comes over the network as an Exchange, each Result as an answer.
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { MEDIA_JSON } from '../../apimachinery/codec/index.js';
import { badRequest, internalError, noSuchMethod, StatusError, serviceUnavailable } from '../../apimachinery/status.js';
import type { AnyKind } from '../../kinds/define.js';
import type { ApiContext } from '../context.js';
import { Exchange, type RequestBody, type Result, type WatchResult } from '../exchange.js';
import type { Serve } from '../filters/filter.js';
import { openWatch } from '../handlers/watch.js';
import type { Metrics } from '../metrics/index.js';
import { compressed, isWorthCompressing } from './compress.js';
import { CredentialReader } from './credentials.js';
import { EventEncoder } from './encode-events.js';
import { type Call, HttpServer } from './http-server.js';
import { HttpWatch } from './http-watch.js';
import { impersonationOf } from './impersonation-headers.js';
import { FrontProxies } from './request-header.js';
import { errorReply, headersOf, type Reply, replyTo } from './respond.js';
import { type ProxyTarget, type ReverseProxy, responseHeaders } from './reverse-proxy.js';
import { refuseUpgrade, Tunnels } from './upgrade.js';

/** How long requests under way may take to finish when the server stops. */
const DRAIN_TIMEOUT_MS = 5000;
/** How long its last bytes may take to leave. */
const LINGER_MS = 500;

const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']);
const NO_BODY: RequestBody = { type: 'none' };
const NO_QUERY = new URLSearchParams();

export class Listener {
  readonly #server: HttpServer;
  readonly #credentials: CredentialReader;
  readonly #tunnels: Tunnels;
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
    this.#tunnels = new Tunnels(kubeletClient, metrics, context.clock);
    const options = {
      cert: tls.cert,
      key: tls.key,
      ca: requestHeaderCa ? [tls.clientCa, requestHeaderCa] : tls.clientCa,
      requestCert: true,
      // Who presents nothing may still ask for /livez, or have a token: that is for the filters to say.
      rejectUnauthorized: false,
      minVersion: 'TLSv1.2',
    } as const;
    this.#server = new HttpServer(options, {
      onCall: (call) => void this.#handle(call),
      onUpgrade: (request, socket, head) => void this.#upgrade(request, socket as TLSSocket, head),
    });
  }

  /** Rejects with one clear line if the port cannot be had. */
  listen(): Promise<{ address: string; port: number }> {
    return this.#server.listen(this.context.options.bind);
  }

  /** Refuses new requests, ends watches, lets requests under way finish within a bound, then ends every connection. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#tunnels.close();
    for (const watch of this.#watches) watch.end();
    this.#server.refuseStreams();
    await this.#idle();
    const closed = this.#server.close();
    // A client that does not take what is written is not waited for.
    const linger = this.context.clock.after(LINGER_MS, () => this.#server.cut());
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

  async #handle(call: Call): Promise<void> {
    const { clock } = this.context;
    const begun_ms = clock.monotonic();
    let exchange: Exchange | undefined;
    this.#inFlight++;
    this.metrics.inFlight(call.method, 1);
    try {
      if (!METHODS.has(call.method)) throw noSuchMethod();
      const bytes = call.method === 'GET' || call.method === 'HEAD' ? undefined : call.body();
      exchange = this.#exchangeOf(call, bytes ? bodyOf(call, await bytes) : NO_BODY);
      if (this.#closing) throw serviceUnavailable('the server is shutting down');
      const result = await this.serve(exchange);
      if (result.type === 'watch') this.#watch(exchange, result, call);
      else if (result.type === 'stream') this.#stream(exchange, result, call);
      else if (result.type === 'proxy') await this.#pass(exchange, result.target, call);
      else {
        const reply = replyTo(exchange, result, this.context);
        answer(call, isWorthCompressing(reply, exchange) ? await compressed(reply) : reply);
        this.#answered(exchange, reply, begun_ms);
      }
    } catch (error) {
      const reply = errorReply(exchange, asStatus(error));
      answer(call, reply);
      if (exchange) this.#answered(exchange, reply, begun_ms);
    } finally {
      this.metrics.inFlight(call.method, -1);
      this.#inFlight--;
      this.#finished();
    }
  }

  #exchangeOf(call: Pick<Call, 'method' | 'url' | 'headers' | 'rawHeaders' | 'connection' | 'socket'>, body: RequestBody): Exchange {
    const { method, url, headers, rawHeaders } = call;
    const mark = url.indexOf('?');
    const [path, query] = mark < 0 ? [url, NO_QUERY] : [url.slice(0, mark), new URLSearchParams(url.slice(mark + 1))];
    const credentials = this.#credentials.read(call);
    const { accept, 'accept-encoding': acceptEncoding, 'if-none-match': ifNoneMatch, 'user-agent': userAgent } = headers;
    const impersonate = impersonationOf(headers, rawHeaders);
    const exchange = new Exchange(method, path, query, body, credentials, {
      accept,
      acceptEncoding: acceptEncoding as string | undefined,
      ifNoneMatch,
      userAgent,
      impersonate,
    });
    if (this.context.options.audit) exchange.sourceIps = sourceIpsOf(call);
    return exchange;
  }

  #answered(exchange: Exchange, { code, body }: Reply, begun_ms: number): void {
    this.metrics.answered(exchange, this.#served(exchange), code, this.context.clock.monotonic() - begun_ms, body.length);
  }

  #stream(exchange: Exchange, { code, contentType, stream }: Extract<Result, { type: 'stream' }>, call: Call): void {
    const ended = this.#longRunning(exchange, code);
    const out = call.begin(code, headersOf(exchange, contentType));
    // A log that breaks off must not look complete.
    stream.once('error', () => out.destroy());
    out.once('close', () => {
      ended();
      stream.destroy();
    });
    stream.pipe(out);
  }

  async #pass(exchange: Exchange, target: ProxyTarget, call: Call): Promise<void> {
    const body = exchange.body.type === 'bytes' ? exchange.body.bytes : undefined;
    const response = await this.proxy.send(call, body, target);
    const out = call.begin(response.statusCode!, responseHeaders(response, target));
    response.once('error', () => out.destroy());
    out.on('error', () => response.destroy());
    out.once('close', () => response.destroy());
    out.once('close', this.#longRunning(exchange, response.statusCode!));
    response.pipe(out);
  }

  #watch(exchange: Exchange, result: WatchResult, call: Call): void {
    const { clock, random } = this.context;
    const { kind } = result.resource;
    const encoder = new EventEncoder(result.resource, exchange.form, () => clock.now());
    const out = call.begin(200, headersOf(exchange, encoder.contentType));
    const ended = this.#longRunning(exchange, 200);
    const sink = new HttpWatch(out, encoder, clock, this.metrics.watchEvents(kind));
    const stop = openWatch(result, sink, clock, random.next());
    this.#watches.add(sink);
    out.once('close', () => {
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
    const { method = 'GET', url = '/', headers, rawHeaders } = request;
    const exchange = this.#exchangeOf({ method, url, headers, rawHeaders, connection: socket, socket }, NO_BODY);
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
      const reply = errorReply(exchange, asStatus(error));
      this.#answered(exchange, reply, begun_ms);
      refuseUpgrade(socket, reply);
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

const answer = (call: Call, { code, headers, body }: Reply) => call.answer(code, headers, body);

/** As upstream: all but the last is what the client says. */
function sourceIpsOf({ headers, socket: { remoteAddress = '' } }: Pick<Call, 'headers' | 'socket'>): readonly string[] {
  const forwarded = String(headers['x-forwarded-for'] ?? '')
    .split(',')
    .map((each) => each.trim());
  const real = String(headers['x-real-ip'] ?? '');
  const claimed = [...forwarded, ...(forwarded.includes(real) ? [] : [real])].filter((each) => isIP(each) !== 0);
  const own = remoteAddress.replace(/^::ffff:(?=[0-9.]+$)/, '');
  return claimed.at(-1) === own ? claimed : [...claimed, own];
}

/** Without a type it is JSON. */
function bodyOf({ headers }: Call, bytes: Buffer): RequestBody {
  return bytes.length === 0 ? NO_BODY : { type: 'bytes', contentType: headers['content-type'] ?? MEDIA_JSON, bytes };
}

const asStatus = (error: unknown): StatusError =>
  error instanceof StatusError ? error : internalError(error instanceof Error ? error.message : String(error));
