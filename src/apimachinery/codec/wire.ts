// The protobuf wire format: varints, lengths and tags out of bytes, every read checked against the end.
import { isUtf8 } from 'node:buffer';
import { badRequest } from '../status.js';

export const VARINT = 0;
export const FIXED64 = 1;
export const BYTES = 2;
export const FIXED32 = 5;

const VARINT_BYTES_MAX = 10;

export const malformed = (why: string) => badRequest(`the protobuf body does not decode: ${why}`);

/** Reads one message; `end` is where it stops. */
export class WireReader {
  #at: number;
  readonly #end: number;
  readonly #bytes: Buffer;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.#bytes = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = start;
    this.#end = end;
  }

  get done(): boolean {
    return this.#at >= this.#end;
  }

  /** The next field's number and wire type, as `number * 8 + type`. */
  tag(): number {
    const tag = this.uint();
    if (tag < 8 || tag > 0xffff_ffff) throw malformed(`illegal tag ${tag}`);
    return tag;
  }

  /** An unsigned varint as far as a double holds it: tags, lengths, booleans. */
  uint(): number {
    if (this.#at < this.#end && this.#bytes[this.#at]! < 0x80) return this.#bytes[this.#at++]!;
    const { low, high } = this.#varint();
    return high * 2 ** 32 + low;
  }

  /** int32 and int64, which both come as a 64-bit two's complement. */
  int(): number {
    if (this.#at < this.#end && this.#bytes[this.#at]! < 0x80) return this.#bytes[this.#at++]!;
    const { low, high } = this.#varint();
    return (high | 0) * 2 ** 32 + low;
  }

  /** 64 bits as decimal digits, which hold all of them. */
  long(isSigned: boolean): string {
    if (this.#at < this.#end && this.#bytes[this.#at]! < 0x80) return String(this.#bytes[this.#at++]!);
    const { low, high } = this.#varint();
    if (high < 2 ** 21) return String(high * 2 ** 32 + low);
    const bits = (BigInt(high) << 32n) | BigInt(low);
    return (isSigned ? BigInt.asIntN(64, bits) : bits).toString();
  }

  double(): number {
    return this.#bytes.readDoubleLE(this.#take(8));
  }

  /** The next length-delimited field as bytes, not copied. */
  chunk(): Uint8Array {
    const length = this.uint();
    const start = this.#take(length);
    return this.#bytes.subarray(start, start + length);
  }

  text(): string {
    const length = this.uint();
    const start = this.#take(length);
    if (length === 0) return '';
    const text = this.#bytes.toString('utf8', start, start + length);
    // What does not decode becomes U+FFFD; only where one stands need the bytes be looked at.
    if (text.includes('\ufffd') && !isUtf8(this.#bytes.subarray(start, start + length))) throw malformed('a text is not valid UTF-8');
    return text;
  }

  /** The next length-delimited field as a message of its own. */
  message(): WireReader {
    const length = this.uint();
    const start = this.#take(length);
    return new WireReader(this.#bytes, start, start + length);
  }

  skip(wireType: number): void {
    if (wireType === VARINT) this.#varint();
    else if (wireType === FIXED64) this.#take(8);
    else if (wireType === FIXED32) this.#take(4);
    else if (wireType === BYTES) this.#take(this.uint());
    else throw malformed(`unknown wire type ${wireType}`);
  }

  /** Moves on by `length` and answers where it was. */
  #take(length: number): number {
    const start = this.#at;
    if (!(length <= this.#end - start)) throw malformed('unexpected end of the body');
    this.#at = start + length;
    return start;
  }

  /** The two halves of 64 bits, unsigned. */
  #varint(): { low: number; high: number } {
    let [low, high] = [0, 0];
    for (let i = 0; i < VARINT_BYTES_MAX; i++) {
      const byte = this.#bytes[this.#take(1)]!;
      const bits = byte & 0x7f;
      if (i < 4) low |= bits << (7 * i);
      else if (i === 4) {
        low |= bits << 28;
        high = bits >> 4;
      } else high |= bits << (7 * i - 32);
      if (byte < 0x80) return { low: low >>> 0, high: high >>> 0 };
    }
    throw malformed('a number is too long');
  }
}
