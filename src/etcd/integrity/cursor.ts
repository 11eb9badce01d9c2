// Cursor: reads LevelDB's numbers and byte strings one after another; running over the end is damage.

export class DamageError extends Error {
  override readonly name = 'DamageError';
}

export class Cursor {
  #at = 0;

  constructor(private readonly bytes: Buffer) {}

  get done(): boolean {
    return this.#at >= this.bytes.length;
  }

  get position(): number {
    return this.#at;
  }

  /** A number of seven bits a byte, the lowest first. */
  varint(): number {
    let value = 0;
    for (let factor = 1; factor < 2 ** 53; factor *= 128) {
      const byte = this.bytes[this.#at++];
      if (byte === undefined) break;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
    throw new DamageError('a number is cut short or too large');
  }

  byte(): number {
    return this.bytes[this.skip(1)]!;
  }

  take(length: number): Buffer {
    const at = this.skip(length);
    return this.bytes.subarray(at, at + length);
  }

  /** Returns where it was. */
  skip(length: number): number {
    const at = this.#at;
    if (at + length > this.bytes.length) throw new DamageError('bytes are missing');
    this.#at += length;
    return at;
  }

  copy(length: number, out: Buffer, at: number): void {
    const from = this.skip(length);
    this.bytes.copy(out, at, from, from + length);
  }

  /** Bytes with their number before them. */
  string(): Buffer {
    return this.take(this.varint());
  }
}
