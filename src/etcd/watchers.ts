// WatcherIndex: the watchers of a key among many, without asking each of them.
import type { Key } from './backend.js';

export interface Ranged {
  readonly request: { readonly key: Key; readonly rangeEnd?: Key };
}

/**
 * Ranges in the order of their beginnings, and up to each the greatest end so far: those of a key are found from the last that begins
 * before it backwards, until no end reaches it. Where ranges do not overlap, as those of resources do not, that is at once.
 */
export class WatcherIndex<W extends Ranged> {
  readonly #all = new Set<W>();
  /** Those without an end would hide all ends behind them. */
  #endless: W[] = [];
  #sorted: W[] = [];
  #ends: Key[] = [];
  #stale = false;

  add(watcher: W): void {
    this.#all.add(watcher);
    this.#stale = true;
  }

  delete(watcher: W): void {
    this.#stale = this.#all.delete(watcher) || this.#stale;
  }

  [Symbol.iterator](): Iterator<W> {
    return this.#all.values();
  }

  visit(key: Key, found: (watcher: W) => void): void {
    if (this.#stale) this.#sort();
    for (const watcher of this.#endless) if (watcher.request.key <= key) found(watcher);
    for (let i = this.#lastFrom(key); i >= 0 && this.#ends[i]! > key; i--) {
      const watcher = this.#sorted[i]!;
      if (endOf(watcher) > key) found(watcher);
    }
  }

  /** The place of the last range that begins at the key or before. */
  #lastFrom(key: Key): number {
    let [low, high] = [0, this.#sorted.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#sorted[middle]!.request.key <= key) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  #sort(): void {
    const all = [...this.#all];
    this.#endless = all.filter(({ request }) => request.rangeEnd === '\0');
    this.#sorted = all.filter(({ request }) => request.rangeEnd !== '\0').sort((a, b) => (a.request.key < b.request.key ? -1 : 1));
    this.#ends = [];
    let greatest = '';
    for (const watcher of this.#sorted) {
      const end = endOf(watcher);
      if (end > greatest) greatest = end;
      this.#ends.push(greatest);
    }
    this.#stale = false;
  }
}

/** Exclusive; that of a single key is the least key behind it. */
const endOf = ({ request: { key, rangeEnd } }: Ranged): Key => rangeEnd ?? `${key}\0`;
