// The informer's contract: a local cache of one kind, kept right by list and watch, that tells of each change.
import type { KubeObject, ObjectName } from '../apimachinery/object.js';
import type { AnyKind, Kind } from '../kinds/define.js';

export interface Change<T> {
  readonly key: string;
  /** Absent when the object is new. */
  readonly old?: T;
  /** Absent when it is gone. */
  readonly new?: T;
}

export interface InformerScope {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** What of each object to keep in the cache: a named function, metadata staying. Informers that keep different parts are different. */
  readonly keep?: (object: never) => unknown;
}

/** Objects are the cache's own and shared by all readers: they must not be changed. */
export interface Informer<T extends KubeObject> {
  readonly kind: Kind<T>;
  get(name: ObjectName): T | undefined;
  /** Objects of one namespace, or all. */
  list(namespace?: string): readonly T[];
  /** Objects for which the index function, given at `addIndex`, returned `value`. */
  byIndex(index: string, value: string): readonly T[];
  addIndex(index: string, values: (object: T) => readonly string[]): void;
  /** Calls back for every change from now on, and for each object already there. Returns how to stop. */
  onChange(handler: (change: Change<T>) => void): () => void;
  /** True after the first list is in the cache. */
  readonly synced: boolean;
  whenSynced(signal?: AbortSignal): Promise<void>;
  /** The newest resourceVersion the cache has seen. */
  readonly resourceVersion: number;
  /** Resolves once the cache has seen `resourceVersion`: a writer's way to read its own writes. */
  whenSeen(resourceVersion: number, signal?: AbortSignal): Promise<void>;
}

/** One informer for each kind and scope, shared by all who ask; list+watch starts at the first asking. */
export interface Informers {
  of<T extends KubeObject>(kind: Kind<T>, scope?: InformerScope): Informer<T>;
  whenSynced(signal?: AbortSignal): Promise<void>;
  /** Ends all informers of a kind that is no more; whoever asks again starts anew. */
  drop(kind: AnyKind): void;
  stop(): void;
}
