// Conversion: between the form in which a resource's objects are kept in etcd and the version in which they are served.
import type { KubeObject } from '../../apimachinery/object.js';
import type { AnyKind } from '../../kinds/define.js';

/** A conversion may be a request to a webhook; where it is not, nobody waits for it. */
export type Awaitable<T> = T | Promise<T>;

export interface Conversion {
  /** What stored objects say of themselves. */
  readonly storedAs: { readonly apiVersion: string; readonly kind: string };
  /** Throws StatusError. */
  toStorage(object: KubeObject): Awaitable<KubeObject>;
  /**
   * All at once, in the same order, since a webhook converts a list for the price of one object. Objects carry no
   * resourceVersion yet, and are the conversion's own to change; one that is returned as it came is kept as its bytes. Throws StatusError.
   */
  fromStorage(objects: readonly KubeObject[]): Awaitable<readonly KubeObject[]>;
}

/** Of a built-in kind; undefined where objects are kept as they are served. */
export function conversionOf({ storage }: AnyKind): Conversion | undefined {
  if (!storage) return undefined;
  return {
    storedAs: storage.kind,
    toStorage: (object) => storage.toStorage(object),
    fromStorage: (objects) => objects.map((object) => storage.fromStorage(object)),
  };
}

/** The kind under whose name objects are kept. */
export const storedKind = (kind: AnyKind): AnyKind => kind.storage?.kind ?? kind;
