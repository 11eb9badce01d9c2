// Messages in the body of an HTTP/2 stream: each with its length before it, as gRPC frames them.
import { GrpcError, STATUS } from './status.js';

/** Whether it is compressed, and its length. */
const HEADER_BYTES = 5;

export function frame(message: Buffer): Buffer {
  const out = Buffer.allocUnsafe(HEADER_BYTES + message.length);
  out[0] = 0;
  out.writeUInt32BE(message.length, 1);
  message.copy(out, HEADER_BYTES);
  return out;
}

/** Takes pieces of a body as they come. */
export class FrameReader {
  #pending: Buffer[] = [];
  #bytes = 0;

  constructor(private readonly maxBytes: number) {}

  /** Whether a message has begun that is not complete. */
  get isWithin(): boolean {
    return this.#bytes > 0;
  }

  /** The messages that are complete with it. Throws GrpcError. */
  push(piece: Buffer): readonly Buffer[] {
    this.#pending.push(piece);
    this.#bytes += piece.length;
    const messages: Buffer[] = [];
    for (;;) {
      const length = this.#nextLength();
      if (length === undefined || this.#bytes < HEADER_BYTES + length) return messages;
      const whole = this.#joined();
      messages.push(whole.subarray(HEADER_BYTES, HEADER_BYTES + length));
      const rest = whole.subarray(HEADER_BYTES + length);
      this.#pending = rest.length > 0 ? [rest] : [];
      this.#bytes = rest.length;
    }
  }

  #nextLength(): number | undefined {
    if (this.#bytes < HEADER_BYTES) return undefined;
    if (this.#pending[0]!.length < HEADER_BYTES) this.#joined();
    const head = this.#pending[0]!;
    if (head[0] !== 0) throw new GrpcError(STATUS.UNIMPLEMENTED, 'compressed messages are not supported');
    const length = head.readUInt32BE(1);
    if (length > this.maxBytes)
      throw new GrpcError(STATUS.RESOURCE_EXHAUSTED, `grpc: received message larger than max (${length} vs. ${this.maxBytes})`);
    return length;
  }

  #joined(): Buffer {
    if (this.#pending.length > 1) this.#pending = [Buffer.concat(this.#pending)];
    return this.#pending[0]!;
  }
}
