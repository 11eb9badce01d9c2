// GrpcServer: gRPC on node:http2, straight from the frames of a stream to a handler and back; a general library costs more than the store.
import { createServer, type Http2Server, type IncomingHttpHeaders, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';
import { FrameReader, frame } from './frames.js';
import { ServerStream } from './server-stream.js';
import { GrpcError, type GrpcFailure, STATUS } from './status.js';
import { finish } from './trailers.js';

/** What a client may send of one call, and of all, before it is taken: a whole request of the usual largest size. */
const STREAM_WINDOW_BYTES = 2 << 20;
const SESSION_WINDOW_BYTES = 8 << 20;

export type Unary = (request: never) => Promise<object>;
export type Streaming = (call: ServerStream<never, never>) => void;

export interface GrpcServerOptions {
  readonly maxMessageBytes: number;
  /** What a call is answered whose handler has thrown. */
  failure(error: unknown): GrpcFailure;
  /** Whatever is no gRPC. */
  other(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void;
}

interface Served {
  readonly service: string;
  readonly name: string;
  readonly definition: MethodDefinition<object, object>;
  readonly unary: Unary | undefined;
  readonly streaming: Streaming | undefined;
  /** Calls that have ended, by status code. */
  readonly handled: Map<number, number>;
}

export class GrpcServer {
  readonly #methods = new Map<string, Served>();
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #http2: Http2Server;

  constructor(private readonly options: GrpcServerOptions) {
    // Sessions are bounded by their windows and by what handlers keep, not by the number of watches that one client may have.
    this.#http2 = createServer({ maxSessionMemory: Number.MAX_SAFE_INTEGER, settings: { initialWindowSize: STREAM_WINDOW_BYTES } });
    this.#http2.on('session', (session) => {
      this.#sessions.add(session);
      session.on('close', () => this.#sessions.delete(session));
      // A client that breaks the protocol or its connection ends its session, that is all.
      session.on('error', () => {});
      session.setLocalWindowSize(SESSION_WINDOW_BYTES);
    });
    this.#http2.on('stream', (stream, headers) => this.#onStream(stream, headers));
    this.#http2.on('sessionError', () => {});
  }

  /** `service`: its full name. Methods without a handler are answered as unknown. */
  add(
    service: string,
    definitions: ServiceDefinition,
    unary: { readonly [name: string]: Unary },
    streaming: { [name: string]: unknown } = {},
  ) {
    for (const [name, definition] of Object.entries(definitions)) {
      const served = { service, name, definition, unary: unary[name], streaming: streaming[name] as Streaming | undefined };
      if (served.unary || served.streaming) this.#methods.set(definition.path, { ...served, handled: new Map() });
    }
  }

  /** Takes over a connection that speaks HTTP/2. */
  accept(socket: object): void {
    this.#http2.emit('connection', socket);
  }

  *handled(): Iterable<Pick<Served, 'service' | 'name' | 'definition' | 'handled'>> {
    yield* this.#methods.values();
  }

  close(): void {
    for (const session of this.#sessions) session.destroy();
  }

  #onStream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    if (headers[':method'] !== 'POST' || !headers['content-type']?.startsWith('application/grpc')) {
      this.options.other(stream, headers);
      return;
    }
    const served = this.#methods.get(headers[':path']!);
    const { maxMessageBytes } = this.options;
    if (!served) {
      stream.on('error', () => {});
      finish(stream, { code: STATUS.UNIMPLEMENTED, details: `unknown method ${headers[':path']}` }, false);
    } else if (served.unary) {
      this.#serveUnary(stream, served, served.unary);
    } else {
      const onStatus = (code: number) => count(served, code);
      served.streaming!(new ServerStream<never, never>(stream, served.definition, maxMessageBytes, onStatus));
    }
  }

  #serveUnary(stream: ServerHttp2Stream, served: Served, handle: Unary): void {
    const frames = new FrameReader(this.options.maxMessageBytes);
    let isTaken = false;
    const fail = (error: unknown) => {
      isTaken = true;
      const status = error instanceof GrpcError ? error : this.options.failure(error);
      count(served, status.code);
      finish(stream, status, false);
    };
    stream.on('error', () => {});
    stream.on('end', () => {
      if (!isTaken) fail(new GrpcError(STATUS.INTERNAL, 'the request has no message'));
    });
    stream.on('data', (piece: Buffer) => {
      if (isTaken) return;
      try {
        const [message] = frames.push(piece);
        if (!message) return;
        isTaken = true;
        handle(requestOf(served, message) as never).then((response) => {
          count(served, STATUS.OK);
          finish(stream, OK, false, frame(served.definition.responseSerialize(response)));
        }, fail);
      } catch (error) {
        fail(error);
      }
    });
  }
}

const OK: GrpcFailure = { code: STATUS.OK, details: '' };

function requestOf({ definition }: Served, message: Buffer): object {
  try {
    return definition.requestDeserialize(message);
  } catch (error) {
    throw new GrpcError(STATUS.INTERNAL, `grpc: error unmarshalling request: ${(error as Error).message}`);
  }
}

function count({ handled }: Served, code: number): void {
  handled.set(code, (handled.get(code) ?? 0) + 1);
}
