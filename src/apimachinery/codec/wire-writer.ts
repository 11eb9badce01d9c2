// The protobuf wire format, written from the end to the front: a message's length is known when its tag is due, so nothing is measured first.
import { BYTES, FIXED64, VARINT } from './wire.js';

const INITIAL_BYTES = 16 * 1024;
/** Texts up to this length are copied letter by letter, which beats a call into the runtime. */
const SHORT_TEXT = 40;

export class WireWriter {
  #bytes = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  /** What is written so far stands from here to the end. */
  #at = INITIAL_BYTES;

  /** How much is written: the mark that `message` takes. */
  get size(): number {
    return this.#bytes.length - this.#at;
  }

  /** A copy of what was written; the writer is empty again. */
  take(): Buffer {
    const out = Buffer.from(this.#bytes.subarray(this.#at));
    this.#at = this.#bytes.length;
    return out;
  }

  /** Forgets what was written, after a failure in the middle. */
  clear(): void {
    this.#at = this.#bytes.length;
  }

  varint(id: number, value: number): void {
    if (value >= 0) this.#uint(value);
    else this.#negative(value);
    this.#uint(id * 8 + VARINT);
  }

  /** 64 bits from decimal digits, signed or not. */
  long(id: number, digits: string): void {
    const value = Number(digits);
    if (Number.isSafeInteger(value)) {
      this.varint(id, value);
      return;
    }
    const bytes: number[] = [];
    let rest = BigInt.asUintN(64, BigInt(digits));
    for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
    bytes.push(Number(rest));
    this.#at = this.#room(bytes.length);
    this.#bytes.set(bytes, this.#at);
    this.#uint(id * 8 + VARINT);
  }

  double(id: number, value: number): void {
    this.#at = this.#room(8);
    this.#bytes.writeDoubleLE(value, this.#at);
    this.#uint(id * 8 + FIXED64);
  }

  text(id: number, text: string): void {
    this.#lengthAndTag(id, this.#text(text));
  }

  chunk(id: number, bytes: Uint8Array): void {
    this.#at = this.#room(bytes.length);
    this.#bytes.set(bytes, this.#at);
    this.#lengthAndTag(id, bytes.length);
  }

  base64(id: number, text: string): void {
    this.chunk(id, Buffer.from(text, 'base64'));
  }

  /** Makes all that was written since `mark` (a former `size`) the content of one field. */
  message(id: number, mark: number): void {
    this.#lengthAndTag(id, this.size - mark);
  }

  #lengthAndTag(id: number, length: number): void {
    this.#uint(length);
    this.#uint(id * 8 + BYTES);
  }

  #text(text: string): number {
    const { length } = text;
    if (length <= SHORT_TEXT) {
      const start = this.#room(length);
      let i = 0;
      for (let c = 0; i < length; i++) {
        c = text.charCodeAt(i);
        if (c > 0x7f) break;
        this.#bytes[start + i] = c;
      }
      if (i === length) {
        this.#at = start;
        return length;
      }
    }
    const size = Buffer.byteLength(text);
    this.#at = this.#room(size);
    this.#bytes.write(text, this.#at);
    return size;
  }

  #uint(value: number): void {
    if (value < 0x80) {
      this.#at = this.#room(1);
      this.#bytes[this.#at] = value;
      return;
    }
    let size = 1;
    for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) size++;
    this.#at = this.#room(size);
    let at = this.#at;
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) this.#bytes[at++] = (rest % 0x80) | 0x80;
    this.#bytes[at] = rest;
  }

  /** A 64-bit two's complement, which takes all ten bytes. */
  #negative(value: number): void {
    this.#at = this.#room(10);
    let rest = BigInt.asUintN(64, BigInt(value));
    for (let i = 0; i < 10; i++, rest >>= 7n) this.#bytes[this.#at + i] = Number(rest & 0x7fn) | (i < 9 ? 0x80 : 0);
  }

  /** Where something of this size is to be written; what is there already moves to the end of a larger buffer if need be. */
  #room(size: number): number {
    if (this.#at >= size) return this.#at - size;
    const used = this.size;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, used + size));
    this.#bytes.copy(grown, grown.length - used, this.#at);
    this.#bytes = grown;
    this.#at = grown.length - used;
    return this.#at - size;
  }
}
