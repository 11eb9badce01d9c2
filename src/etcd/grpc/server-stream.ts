// ServerStream: a call whose client or server may send any number of messages.
import { EventEmitter } from 'node:events';
import type { ServerHttp2Stream } from 'node:http2';
import type { MethodDefinition } from '@grpc/grpc-js';
import { FrameReader, frame } from './frames.js';
import { type GrpcError, type GrpcFailure, STATUS } from './status.js';
import { finish, RESPONSE_HEADERS } from './trailers.js';

interface Events<Request> {
  /** A message of the client. */
  readonly data: [Request];
  /** The client has said all. */
  readonly end: [];
  /** What was written has gone out, after `write` had answered false. */
  readonly drain: [];
  /** The call is over, for whatever reason. */
  readonly close: [];
}

export class ServerStream<Request, Response> extends EventEmitter<Events<Request>> {
  #answering = false;
  #over = false;

  constructor(
    private readonly stream: ServerHttp2Stream,
    private readonly method: MethodDefinition<object, object>,
    maxBytes: number,
    private readonly onStatus: (code: number) => void,
  ) {
    super();
    const frames = new FrameReader(maxBytes);
    stream.on('data', (piece: Buffer) => {
      try {
        for (const message of frames.push(piece)) this.emit('data', method.requestDeserialize(message) as Request);
      } catch (error) {
        const { code = STATUS.INTERNAL, details = (error as Error).message } = error as Partial<GrpcError>;
        this.fail({ code, details });
      }
    });
    stream.on('end', () => this.emit('end'));
    stream.on('drain', () => this.emit('drain'));
    // What was wrong with the connection is no concern of the handler: it is over.
    stream.on('error', () => {});
    stream.on('close', () => {
      if (!this.#over) this.onStatus(STATUS.CANCELLED);
      this.#over = true;
      this.emit('close');
    });
  }

  /** The call has ended, or its client has gone. */
  get isOver(): boolean {
    return this.#over || this.stream.destroyed;
  }

  /** False: there is much that has not gone out; `drain` tells when it has. */
  write(message: Response): boolean {
    if (this.isOver) return true;
    if (!this.#answering) this.stream.respond(RESPONSE_HEADERS, { waitForTrailers: true });
    this.#answering = true;
    return this.stream.write(frame(this.method.responseSerialize(message as object)));
  }

  end(): void {
    this.fail({ code: STATUS.OK, details: '' });
  }

  fail(status: GrpcFailure): void {
    if (this.isOver) return;
    this.#over = true;
    this.onStatus(status.code);
    finish(this.stream, status, this.#answering);
  }
}
