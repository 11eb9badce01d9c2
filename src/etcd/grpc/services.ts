// EtcdServices: the store's gRPC services and HTTP endpoints, fed with connections by whoever listens. Loaded with the first of them.
import { createServer as createHttpServer } from 'node:http';
import type { ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket, type Server as TlsServer } from 'node:tls';
import { EtcdError } from '../backend.js';
import { REQUEST_BYTES_MAX } from '../transaction-check.js';
import { authService } from './auth.js';
import { clusterService } from './cluster.js';
import { type ServiceContext, serviceError } from './context.js';
import { GrpcServer } from './grpc-server.js';
import { type HttpAnswer, HttpEndpoints } from './http-endpoints.js';
import { kvService } from './kv.js';
import { leaseKeepAlive, leaseService } from './lease.js';
import { maintenanceService, snapshotHandler } from './maintenance.js';
import { loadEtcdProto } from './proto.js';
import { type WatchStream, watchHandler } from './watch.js';

/** etcd's allowance for what is around a request of the largest size. */
const OVERHEAD_BYTES = 512 << 10;
/** A dead client says nothing: its machine is asked, as often as etcd's --grpc-keepalive-interval has it. */
const KEEPALIVE_MS = 2 * 3600_000;
/** What an HTTP/2 connection begins with. */
const HTTP2_PREFACE = 'PRI * HTTP/2.0';

/** PEM, all three. */
export interface EtcdTls {
  readonly cert: string;
  readonly key: string;
  /** With it, clients must have a certificate of this authority. */
  readonly clientCa?: string;
}

/** How a connection begins: `metrics` is HTTP without TLS and without the store behind it. */
export type ConnectionKind = 'plain' | 'secure' | 'metrics';

export class EtcdServices {
  readonly #grpc: GrpcServer;
  readonly #endpoints: HttpEndpoints;
  readonly #http;
  readonly #tls: TlsServer | undefined;
  readonly #streams = new Set<WatchStream>();

  constructor(context: ServiceContext, tls: EtcdTls | undefined) {
    this.#endpoints = new HttpEndpoints(context, () => this.#grpc);
    this.#http = createHttpServer(async (request, response) => {
      const { status, type, body } = await this.#answer(request.method!, request.url!);
      response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) }).end(body);
    });
    this.#grpc = new GrpcServer({
      maxMessageBytes: REQUEST_BYTES_MAX + OVERHEAD_BYTES,
      failure: (error) => serviceError(error, context.log),
      other: (stream, headers) => void this.#answerHttp2(stream, headers[':method']!, headers[':path']!),
    });
    const proto = loadEtcdProto();
    const add = (...[service, unary, streaming]: [keyof typeof proto, Parameters<GrpcServer['add']>[2], { [name: string]: unknown }?]) =>
      this.#grpc.add(`etcdserverpb.${service}`, proto[service], unary, streaming);
    add('KV', kvService(context));
    add('Lease', leaseService(context), { LeaseKeepAlive: leaseKeepAlive(context) });
    add('Watch', {}, { Watch: watchHandler(context, this.#streams) });
    add('Maintenance', maintenanceService(context), { Snapshot: snapshotHandler(context) });
    add('Cluster', clusterService(context));
    add('Auth', authService());
    this.#tls = tls && this.#tlsServer(tls);
  }

  /** Takes over a connection that has been accepted. */
  accept(socket: Socket, kind: ConnectionKind): void {
    socket.setKeepAlive(true, KEEPALIVE_MS);
    if (kind === 'metrics') this.#http.emit('connection', socket);
    else if (kind === 'secure') this.#tls!.emit('connection', socket);
    else this.#tellApart(socket);
  }

  /** Ends all watches with a word, and every other call without. */
  close(): void {
    for (const stream of [...this.#streams]) stream.end(new EtcdError('UNAVAILABLE', 'etcdserver: server stopped'));
    this.#grpc.close();
    this.#http.closeAllConnections();
  }

  /** Both kinds of clients speak first. */
  #tellApart(socket: Socket): void {
    socket.once('data', (first) => {
      socket.pause();
      socket.unshift(first);
      if (first.toString('latin1', 0, HTTP2_PREFACE.length) === HTTP2_PREFACE.slice(0, first.length)) {
        this.#grpc.accept(socket);
        return;
      }
      this.#http.emit('connection', socket);
      socket.resume();
    });
  }

  #tlsServer({ cert, key, clientCa }: EtcdTls): TlsServer {
    const clients = clientCa === undefined ? {} : { ca: clientCa, requestCert: true, rejectUnauthorized: true };
    const server = createTlsServer({ cert, key, ...clients, ALPNProtocols: ['h2', 'http/1.1'] });
    server.on('secureConnection', (socket: TLSSocket) => {
      // Whoever it was: from here on its end is noticed by what speaks with it.
      socket.on('error', () => socket.destroy());
      if (socket.alpnProtocol === 'http/1.1') this.#http.emit('connection', socket);
      else if (socket.alpnProtocol === 'h2') this.#grpc.accept(socket);
      else this.#tellApart(socket);
    });
    return server;
  }

  async #answer(method: string, url: string): Promise<HttpAnswer> {
    try {
      return await this.#endpoints.answer(method, url);
    } catch (error) {
      return { status: 500, type: 'text/plain; charset=utf-8', body: `${(error as Error).message}\n` };
    }
  }

  async #answerHttp2(stream: ServerHttp2Stream, method: string, url: string): Promise<void> {
    stream.on('error', () => {});
    const { status, type, body } = await this.#answer(method, url);
    if (stream.destroyed) return;
    stream.respond({ ':status': status, 'content-type': type, 'content-length': Buffer.byteLength(body) });
    stream.end(method === 'HEAD' ? undefined : body);
  }
}
