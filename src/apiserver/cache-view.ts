// CacheView: something worked out from all objects of a kind, kept until one of them changes. At rest it costs nothing to read.
import type { KubeObject } from '../apimachinery/object.js';
import type { Kind } from '../kinds/define.js';
import type { Resources } from './resources.js';
import { Following } from './storage/following.js';

export class CacheView<K extends KubeObject, T> {
  #value: T | undefined;
  #following: Following<K> | undefined;

  constructor(
    private readonly resources: Resources,
    private readonly kind: Kind<K>,
    private readonly make: (objects: readonly K[]) => T,
  ) {}

  /** At once where nothing has changed; a promise only before the cache is there. */
  get(): T | Promise<T> {
    const ready = this.#followed().ready();
    if (ready) return ready.then(() => this.get());
    return (this.#value ??= this.#make());
  }

  #followed(): Following<K> {
    const forget = () => {
      this.#value = undefined;
    };
    this.#following ??= new Following<K>(this.resources.of(this.kind), { reset: forget, set: forget, delete: forget });
    return this.#following;
  }

  #make(): T {
    const { cache, storage } = this.resources.of(this.kind);
    return this.make(cache.list(storage.prefix).map(({ object }) => object as K));
  }
}
