// SortedKeys: a set of keys in byte order, so that a list is in etcd's order and one namespace is one stretch of it. They lie in blocks:
// a key that comes or goes moves its block's keys, not all of them.

const BLOCK_MAX = 512;

export class SortedKeys {
  /** None is empty. */
  readonly #blocks: string[][] = [];

  /** Keys that come in order, as from a range, fill one block after the other. */
  add(key: string): void {
    const last = this.#blocks.at(-1);
    if (last === undefined || last.at(-1)! < key) {
      if (last === undefined || last.length >= BLOCK_MAX) this.#blocks.push([key]);
      else last.push(key);
      return;
    }
    const at = this.#blockOf(key);
    const block = this.#blocks[at]!;
    const index = firstFrom(block.length, (i) => block[i]! >= key);
    if (block[index] === key) return;
    block.splice(index, 0, key);
    if (block.length > BLOCK_MAX) this.#blocks.splice(at + 1, 0, block.splice(block.length >> 1));
  }

  delete(key: string): void {
    const at = this.#blockOf(key);
    const block = this.#blocks[at];
    if (!block) return;
    const index = firstFrom(block.length, (i) => block[i]! >= key);
    if (block[index] !== key) return;
    block.splice(index, 1);
    if (block.length === 0) this.#blocks.splice(at, 1);
  }

  *withPrefix(prefix: string): Generator<string> {
    for (let at = this.#blockOf(prefix); at < this.#blocks.length; at++) {
      const block = this.#blocks[at]!;
      // Only the first block may begin with keys before the prefix.
      for (let i = block[0]! >= prefix ? 0 : firstFrom(block.length, (j) => block[j]! >= prefix); i < block.length; i++) {
        if (!block[i]!.startsWith(prefix)) return;
        yield block[i]!;
      }
    }
  }

  /** The first block that has a key which is not less than `key`. */
  #blockOf(key: string): number {
    return firstFrom(this.#blocks.length, (i) => this.#blocks[i]!.at(-1)! >= key);
  }
}

/** The first index below `length` from which on `holds` is true, else `length`. */
function firstFrom(length: number, holds: (index: number) => boolean): number {
  let [low, high] = [0, length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
