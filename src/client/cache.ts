// ObjectCache: the objects of one informer by key, by namespace and by its indexes.
import { type KubeObject, keyOf, type ObjectName, objectKey } from '../apimachinery/object.js';

interface Index<T> {
  readonly values: (object: T) => readonly string[];
  readonly buckets: Map<string, Map<string, T>>;
}

/** The index that every cache has. */
const BY_NAMESPACE = 'namespace';

export class ObjectCache<T extends KubeObject> {
  readonly #objects = new Map<string, T>();
  readonly #indexes = new Map<string, Index<T>>();

  constructor() {
    this.addIndex(BY_NAMESPACE, (object) => (object.metadata.namespace ? [object.metadata.namespace] : []));
  }

  get(name: ObjectName): T | undefined {
    return this.#objects.get(keyOf(name));
  }

  getByKey(key: string): T | undefined {
    return this.#objects.get(key);
  }

  keys(): IterableIterator<string> {
    return this.#objects.keys();
  }

  list(namespace?: string): readonly T[] {
    return namespace ? this.byIndex(BY_NAMESPACE, namespace) : [...this.#objects.values()];
  }

  byIndex(name: string, value: string): readonly T[] {
    const index = this.#indexes.get(name);
    if (!index) throw new Error(`informer: no index ${name}`);
    const bucket = index.buckets.get(value);
    return bucket ? [...bucket.values()] : [];
  }

  /** A second index of the same name is taken for the same index: informers are shared, and so are their indexes. */
  addIndex(name: string, values: (object: T) => readonly string[]): void {
    if (this.#indexes.has(name)) return;
    const index: Index<T> = { values, buckets: new Map() };
    this.#indexes.set(name, index);
    for (const [key, object] of this.#objects) insert(index, key, object);
  }

  set(object: T): void {
    const key = objectKey(object);
    const old = this.#objects.get(key);
    for (const index of this.#indexes.values()) {
      if (old) remove(index, key, old);
      insert(index, key, object);
    }
    this.#objects.set(key, object);
  }

  delete(key: string): void {
    const old = this.#objects.get(key);
    if (!old) return;
    for (const index of this.#indexes.values()) remove(index, key, old);
    this.#objects.delete(key);
  }
}

function insert<T>(index: Index<T>, key: string, object: T): void {
  for (const value of index.values(object)) {
    let bucket = index.buckets.get(value);
    if (!bucket) index.buckets.set(value, (bucket = new Map()));
    bucket.set(key, object);
  }
}

function remove<T>(index: Index<T>, key: string, object: T): void {
  for (const value of index.values(object)) {
    const bucket = index.buckets.get(value);
    bucket?.delete(key);
    if (bucket?.size === 0) index.buckets.delete(value);
  }
}
