// CacheView: something worked out from all objects of a kind, kept until one of them changes. At rest it costs nothing to read.
import type { KubeObject } from '../apimachinery/object.js';
import type { Kind } from '../kinds/define.js';
import type { Resources } from './resources.js';

export class CacheView<K extends KubeObject, T> {
  #value: T | undefined;
  #watching = false;

  constructor(
    private readonly resources: Resources,
    private readonly kind: Kind<K>,
    private readonly make: (objects: readonly K[]) => T,
  ) {}

  /** At once where nothing has changed; a promise only before the cache is there. */
  get(): T | Promise<T> {
    if (!this.#watching) return this.#start();
    return (this.#value ??= this.#make());
  }

  async #start(): Promise<T> {
    const { cache, storage } = this.resources.of(this.kind);
    await cache.ready();
    if (!this.#watching) {
      this.#watching = true;
      const changed = () => {
        this.#value = undefined;
      };
      const end = () => {
        changed();
        this.#watching = false;
      };
      const start = { prefix: storage.prefix, matches: undefined, bookmarks: false, initialEventsEnd: false };
      cache.watch(start, { start: changed, event: changed, bookmark: () => {}, end });
    }
    return (this.#value ??= this.#make());
  }

  #make(): T {
    const { cache, storage } = this.resources.of(this.kind);
    return this.make(cache.list(storage.prefix).map(({ object }) => object as K));
  }
}
