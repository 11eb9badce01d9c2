// Which nodes changed, one change after the other: who remembers something of each node looks again at those only. Pure.

/** So many changes back can be told; who looks less often than that looks at all nodes. */
const CHANGES_MAX = 8_192;

export class ChangeLog {
  /** Indices in `Snapshot.nodes`. */
  #changed: number[] = [];
  /** Changes before the first of `#changed`. */
  #before = 0;

  get version(): number {
    return this.#before + this.#changed.length;
  }

  add(at: number): void {
    if (this.#changed.length === CHANGES_MAX) {
      this.#changed = this.#changed.slice(CHANGES_MAX / 2);
      this.#before += CHANGES_MAX / 2;
    }
    this.#changed.push(at);
  }

  /** Any node may have changed: the indices are others. */
  reset(): void {
    this.#before = this.version + 1;
    this.#changed = [];
  }

  /** undefined: that cannot be told any more. */
  since(version: number): readonly number[] | undefined {
    return version < this.#before ? undefined : this.#changed.slice(version - this.#before);
  }
}

/** How far one reader has come. */
export class ChangeReader {
  #log: ChangeLog | undefined;
  #version = 0;

  /** What changed since it was last called, a node perhaps more than once; undefined: any may have. */
  read(log: ChangeLog | undefined): readonly number[] | undefined {
    const changed = log && log === this.#log ? log.since(this.#version) : undefined;
    this.#log = log;
    this.#version = log?.version ?? 0;
    return changed;
  }
}
