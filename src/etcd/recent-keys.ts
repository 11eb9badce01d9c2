// RecentKeys: the keys that were written or read last, as they are on disk: who writes or reads one again need not look for it among all.
import type { Key, KeyValue } from './backend.js';

/** Enough for what is written again and again, such as leases and status; the API server caches what it reads. */
const BYTES_MAX = 16 << 20;
/** What a key takes in memory beside its value. */
const OVERHEAD_BYTES = 200;

export class RecentKeys {
  /** The first is the one that was there first. */
  readonly #keys = new Map<Key, KeyValue>();
  #bytes = 0;

  get(key: Key): KeyValue | undefined {
    return this.#keys.get(key);
  }

  set(kv: KeyValue): void {
    const known = this.#keys.get(kv.key);
    this.#bytes += sizeOf(kv) - (known ? sizeOf(known) : 0);
    this.#keys.set(kv.key, kv);
    if (this.#bytes > BYTES_MAX) this.#makeRoom();
  }

  delete(key: Key): void {
    const known = this.#keys.get(key);
    if (!known) return;
    this.#bytes -= sizeOf(known);
    this.#keys.delete(key);
  }

  clear(): void {
    this.#keys.clear();
    this.#bytes = 0;
  }

  #makeRoom(): void {
    for (const key of this.#keys.keys()) {
      if (this.#bytes <= BYTES_MAX) return;
      this.delete(key);
    }
  }
}

const sizeOf = ({ key, value }: KeyValue): number => OVERHEAD_BYTES + key.length + value.length;
