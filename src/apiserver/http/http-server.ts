// HttpServer: HTTP/2 and HTTP/1.1 on one TLS port, each request as a Call, whichever of them it came by.
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import {
  constants,
  createSecureServer,
  type Http2SecureServer,
  type SecureServerOptions,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { Duplex, Readable, Writable } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { badRequest, tooLarge } from '../../apimachinery/status.js';

/** As upstream: no object may be as big as half of it. */
export const MAX_BODY_BYTES = 3 * 1024 * 1024;
const MAX_HEADER_BYTES = 64 * 1024;
/** Of one HTTP/2 connection: every watch of a component is one. */
const MAX_STREAMS = 1000;
/** A connection without a request for so long is closed. */
const IDLE_MS = 180_000;

/** Node's own type knows of one Warning only. */
export type AnswerHeaders = NodeJS.Dict<string | string[]>;

/** One request, and how to answer it. */
export interface Call {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  /** Names and values in turn, each header line by itself. */
  readonly rawHeaders: string[];
  /** Stands for the connection in caches. */
  readonly connection: object;
  readonly socket: TLSSocket;
  /** Undefined where there is none. Rejects with StatusError 413 for one that is too large, and with 400 where it breaks off. */
  body(): Promise<Buffer> | undefined;
  /** Answers all at once. A client that has left gets nothing. */
  answer(code: number, headers: AnswerHeaders, body: Uint8Array): void;
  /** Begins an answer. What follows is written to what it returns, which is destroyed already where the client has left. */
  begin(code: number, headers: AnswerHeaders): Writable;
}

interface Handlers {
  onCall(call: Call): void;
  onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
}

/** The core API of node:http2: its compatibility API would cost each request a third more. */
export class HttpServer {
  readonly #server: Http2SecureServer;
  readonly #sockets = new Set<TLSSocket>();
  readonly #sessions = new Set<ServerHttp2Session>();

  constructor(tls: SecureServerOptions, { onCall, onUpgrade }: Handlers) {
    this.#server = createSecureServer({
      ...tls,
      allowHTTP1: true,
      maxSessionMemory: 64,
      settings: { maxConcurrentStreams: MAX_STREAMS, maxHeaderListSize: MAX_HEADER_BYTES },
    });
    const server = this.#server;
    server.on('request', (request, response) => {
      response.on('error', ignored);
      onCall(new Http1Call(request as unknown as IncomingMessage, response as unknown as ServerResponse));
    });
    // Whoever listens for requests gets those of HTTP/2, too, by the compatibility API: only HTTP/1.1's are wanted.
    server.removeAllListeners('stream');
    server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, _flags: number, rawHeaders: string[]) => {
      stream.on('error', ignored);
      if (headers.expect === '100-continue') stream.additionalHeaders({ ':status': constants.HTTP_STATUS_CONTINUE });
      onCall(new Http2Call(stream, headers, rawHeaders));
    });
    server.on('upgrade', onUpgrade);
    server.on('secureConnection', (socket) => track(this.#sockets, socket));
    server.on('session', (session) => {
      track(this.#sessions, session);
      session.setTimeout(IDLE_MS, () => session.close());
    });
  }

  /** Rejects with one clear line if the port cannot be had. */
  async listen({ address: host, port }: { address: string; port: number }): Promise<{ address: string; port: number }> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (error: NodeJS.ErrnoException) =>
        reject(error.code === 'EADDRINUSE' ? new Error(portInUse(host, port), { cause: error }) : error),
      );
      this.#server.listen({ host, port }, resolve);
    });
    const { address, port: bound } = this.#server.address() as AddressInfo;
    return { address, port: bound };
  }

  /** HTTP/2 clients are told to open no more streams on the connections that they have. */
  refuseStreams(): void {
    for (const session of this.#sessions) session.close();
  }

  /** Resolves when every connection is closed; `cut` closes those that do not end by themselves. */
  close(): Promise<void> {
    // Not before all is answered: it cuts connections of HTTP/1.1 whose last bytes are still on their way.
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    // A session of HTTP/2 ends its socket itself once its last frame is out.
    for (const socket of this.#sockets) if (socket.alpnProtocol !== 'h2') socket.destroySoon();
    return closed;
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

const portInUse = (host: string, port: number) =>
  `port ${port} on ${host} is already in use: stop what listens there, or choose another port`;

/** The client has left or broken the protocol: the stream closes, which is what counts. */
const ignored = () => {};

function track<T extends { once(event: 'close', listener: () => void): unknown }>(all: Set<T>, one: T): void {
  all.add(one);
  one.once('close', () => all.delete(one));
}

class Http2Call implements Call {
  #isTooLarge = false;

  constructor(
    private readonly stream: ServerHttp2Stream,
    readonly headers: IncomingHttpHeaders,
    readonly rawHeaders: string[],
  ) {}

  get method(): string {
    return this.headers[':method'] as string;
  }

  get url(): string {
    return (this.headers[':path'] as string | undefined) ?? '/';
  }

  get connection(): object {
    return this.stream.session ?? this.stream;
  }

  get socket(): TLSSocket {
    return this.stream.session!.socket as TLSSocket;
  }

  body(): Promise<Buffer> | undefined {
    if (this.stream.endAfterHeaders) return undefined;
    return readAll(this.stream, this.headers['content-length'], () => {
      this.#isTooLarge = true;
    });
  }

  answer(code: number, headers: AnswerHeaders, body: Uint8Array): void {
    const { stream } = this;
    if (stream.destroyed || stream.closed || stream.headersSent) return void stream.destroy();
    stream.respond({ ...headers, ':status': code, 'content-length': body.length });
    // It has ended already where there must be no body.
    if (!stream.writableEnded) stream.end(body);
    // Nobody reads the rest.
    if (this.#isTooLarge) stream.once('finish', () => stream.close(constants.NGHTTP2_NO_ERROR));
  }

  begin(code: number, headers: AnswerHeaders): Writable {
    if (!this.stream.destroyed && !this.stream.closed) this.stream.respond({ ...headers, ':status': code });
    return this.stream;
  }
}

class Http1Call implements Call {
  #isTooLarge = false;

  constructor(
    private readonly request: IncomingMessage,
    private readonly response: ServerResponse,
  ) {}

  get method(): string {
    return this.request.method!;
  }

  get url(): string {
    return this.request.url!;
  }

  get headers(): IncomingHttpHeaders {
    return this.request.headers;
  }

  get rawHeaders(): string[] {
    return this.request.rawHeaders;
  }

  get connection(): object {
    return this.request.socket;
  }

  get socket(): TLSSocket {
    return this.request.socket as TLSSocket;
  }

  body(): Promise<Buffer> | undefined {
    const { 'content-length': length, 'transfer-encoding': encoding } = this.request.headers;
    if (encoding === undefined && (length === undefined || length === '0')) return undefined;
    return readAll(this.request, length, () => {
      this.#isTooLarge = true;
    });
  }

  answer(code: number, headers: AnswerHeaders, body: Uint8Array): void {
    if (this.response.headersSent) return void this.response.destroy();
    // Nobody reads the rest, so no other request can follow it.
    const last = this.#isTooLarge ? { connection: 'close' } : {};
    this.response.writeHead(code, { ...headers, ...last, 'content-length': body.length }).end(body);
  }

  begin(code: number, headers: AnswerHeaders): Writable {
    this.response.writeHead(code, headers).flushHeaders();
    return this.response;
  }
}

/** All of a body. Rejects with a StatusError, `onTooLarge` having been called where it is more than may be. */
function readAll(from: Readable, declared: string | undefined, onTooLarge: () => void): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const refuse = () => {
      onTooLarge();
      reject(tooLarge(MAX_BODY_BYTES));
    };
    if (Number(declared) > MAX_BODY_BYTES) return refuse();
    const chunks: Buffer[] = [];
    let size = 0;
    const onData = (chunk: Buffer) => {
      chunks.push(chunk);
      size += chunk.length;
      if (size <= MAX_BODY_BYTES) return;
      from.off('data', onData).pause();
      refuse();
    };
    from.on('data', onData);
    const brokeOff = () => reject(badRequest('the body of the request broke off'));
    // A stream of HTTP/2 that the client resets ends, too: what has come until then must not be taken for all.
    from.once('end', () => (from.closed ? brokeOff() : resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks))));
    from.once('close', brokeOff);
  });
}
