// LineSplitter: cuts a byte stream into lines, holding no more than one line of a bounded length.

const NEWLINE = 0x0a;

export class LineTooLongError extends Error {
  override readonly name = 'LineTooLongError';
}

export class LineSplitter {
  /** The beginning of a line whose end has not come, in pieces so that long lines are joined once. */
  #pieces: Buffer[] = [];
  #held_bytes = 0;

  constructor(private readonly max_bytes: number) {}

  /** The lines that `chunk` completes, without their newlines. Throws LineTooLongError past the bound. */
  push(chunk: Buffer): string[] {
    const lines: string[] = [];
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      this.#hold(chunk.subarray(start, end));
      lines.push(this.#take());
      start = end + 1;
    }
    if (start < chunk.length) this.#hold(chunk.subarray(start));
    return lines;
  }

  #hold(piece: Buffer): void {
    this.#held_bytes += piece.length;
    if (this.#held_bytes > this.max_bytes) throw new LineTooLongError(`a line of more than ${this.max_bytes} bytes`);
    this.#pieces.push(piece);
  }

  #take(): string {
    const line = this.#pieces.length === 1 ? this.#pieces[0]!.toString('utf8') : Buffer.concat(this.#pieces).toString('utf8');
    this.#pieces = [];
    this.#held_bytes = 0;
    return line;
  }
}
