// SortedKeys: a set of keys in byte order, so that a list is in etcd's order and one namespace is one stretch of it.
export class SortedKeys {
  readonly #keys: string[] = [];

  /** Keys that come in order, as from a range, are appended without a search. */
  add(key: string): void {
    const last = this.#keys.at(-1);
    if (last === undefined || last < key) {
      this.#keys.push(key);
      return;
    }
    const index = this.#indexOf(key);
    if (this.#keys[index] !== key) this.#keys.splice(index, 0, key);
  }

  delete(key: string): void {
    const index = this.#indexOf(key);
    if (this.#keys[index] === key) this.#keys.splice(index, 1);
  }

  *withPrefix(prefix: string): Generator<string> {
    for (let i = this.#indexOf(prefix); i < this.#keys.length && this.#keys[i]!.startsWith(prefix); i++) yield this.#keys[i]!;
  }

  /** Of the first key that is not less than `key`. */
  #indexOf(key: string): number {
    let low = 0;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#keys[middle]! < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
