// defineKind: everything the generic path needs to know of a kind. One kind, one file; index.ts lists them.
import type { FieldError } from '../apimachinery/field.js';
import type { JsonObject } from '../apimachinery/json.js';
import { controllerOf, type KubeObject, keyOf, type ObjectName } from '../apimachinery/object.js';

/** T with everything writable, at any depth: a freshly decoded object that is still ours alone. */
export type Mutable<T> = T extends string | number | boolean
  ? T
  : T extends readonly (infer U)[]
    ? Mutable<U>[]
    : T extends object
      ? { -readonly [K in keyof T]: Mutable<T[K]> }
      : T;

/** A column of `kubectl get`: meta/v1 TableColumnDefinition plus how a cell is made. */
export interface Column<T> {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  /** 0 (the default) is always shown, 1 with `-o wide`. */
  readonly priority?: number;
  /** `name` for the object's name. */
  readonly format?: string;
  readonly description: string;
  cell(object: T, now_ms: number): string | number | boolean | null;
}

/** autoscaling/v1 Scale as a view of the object; `set` changes the replicas of an object that is still ours. */
export interface ScaleSubresource<T> {
  get(object: T): { readonly specReplicas: number; readonly statusReplicas: number; readonly selector: string };
  set(object: Mutable<T>, replicas: number): void;
}

/** A subresource that takes a POSTed body of its own kind and changes the object by it (pods/binding). */
export interface ActionSubresource<T> {
  /** `v1` and `Binding`: what the body must be. */
  readonly bodyVersion: string;
  readonly bodyKind: string;
  /** Changes `object`, stamping conditions with `now_ms`; throws a StatusError where it refuses. */
  apply(object: Mutable<T>, body: JsonObject, now_ms: number): void;
}

/** A subresource that takes a POSTed body of its own kind and answers it filled in; nothing is stored (serviceaccounts/token). */
export interface ReviewSubresource {
  /** `authentication.k8s.io/v1` and `TokenRequest`. */
  readonly bodyVersion: string;
  readonly bodyKind: string;
}

export interface Subresources<T> {
  /** Status is written through `/status` only, and writes there change nothing else. */
  readonly status?: boolean;
  readonly scale?: ScaleSubresource<T>;
  readonly actions?: { readonly [name: string]: ActionSubresource<T> };
  readonly reviews?: { readonly [name: string]: ReviewSubresource };
  /**
   * Subresources that GET, PUT and PATCH the whole object, of which a write changes only these fields (each a path such as
   * `spec.finalizers`, taken over whole or removed): everything else is the stored object's. `validate` runs as for any update;
   * `prepareForUpdate`, which guards writes to the main resource, does not.
   */
  readonly writable?: { readonly [name: string]: readonly string[] };
  /** Streams that the API server passes on to the node (log, exec, attach, portforward, proxy). */
  readonly connect?: readonly string[];
}

/**
 * How the objects of a kind are kept that are also served as another kind or version: under that one's keys and in its form
 * (autoscaling/v1 HorizontalPodAutoscalers as those of v2). Both are views of the same objects, each with its own watches.
 */
export interface StorageForm<T extends KubeObject> {
  /** It has no `storage` itself, and the same scope. */
  readonly kind: AnyKind;
  /** Both are pure, make fresh objects, and set apiVersion and kind; there and back again must lose nothing. */
  toStorage(object: T): KubeObject;
  fromStorage(stored: KubeObject): T;
}

/** The metadata that is the clients' to write. */
export const CLIENT_META = ['labels', 'annotations', 'ownerReferences', 'finalizers'] as const;
export type ClientMeta = (typeof CLIENT_META)[number];

export interface KindOptions<T extends KubeObject> {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  /** The resource in paths: lower case, plural. */
  readonly plural: string;
  /** Absent: the kind in lower case. */
  readonly singular?: string;
  /** Absent: the kind and `List`. */
  readonly listKind?: string;
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  readonly namespaced: boolean;
  /** Verbs it has beyond none; absent: all of them. A kind of only `create` (bindings, reviews) is never stored. */
  readonly verbs?: readonly string[];
  /** Its type in the schemas, such as `core.v1.Pod`. */
  readonly schema: string;
  /** Columns between NAME and AGE, those two being every kind's, unless `columns` has a Name of its own: then these are all. */
  readonly columns?: readonly Column<T>[];
  /** Fills in what the client left out; runs on a fresh object on every write, before admission. Upstream's SetDefaults_. */
  defaults?(object: Mutable<T>): void;
  /** Upstream's rule for metadata.name: what is wrong with it; absent: a DNS subdomain. */
  validateName?(name: string): readonly string[];
  /** Upstream's Validate…: all that is wrong, all at once. `old` is set for updates. */
  validate?(object: T, old: T | undefined): readonly FieldError[];
  /** What upstream warns of in a valid object, as texts for Warning headers; not of its subresources. */
  warnings?(object: T, old: T | undefined): readonly string[];
  /** All that is wrong with a write to one of the `writable` subresources, instead of `validate`. */
  readonly validateWritable?: { readonly [name: string]: (object: T, old: T) => readonly FieldError[] };
  /** All that is wrong with a write to `/status`, of which nothing but the status was taken. */
  validateStatus?(object: T, old: T): readonly FieldError[];
  /** Whether metadata.generation counts the changes of all but metadata and status; absent: where there are a spec and a status. */
  readonly generation?: boolean;
  /** Clears what a client may not set at creation (status, generation) and sets what only the server may. */
  prepareForCreate?(object: Mutable<T>): void;
  /** Sets what follows from the name, after `prepareForCreate`; again where a generated name was `taken` and another is tried. */
  named?(object: Mutable<T>, taken: string | undefined): void;
  /** Restores what an update may not change. Metadata, status and generation are the generic path's. */
  prepareForUpdate?(object: Mutable<T>, old: T): void;
  /** What of the metadata a write to `/status` leaves as it is; absent: it takes what a write to the object itself would. */
  readonly statusKeeps?: readonly ClientMeta[];
  /** Restores what of the status an update of it may not change. */
  prepareForStatusUpdate?(object: Mutable<T>, old: T): void;
  /** A PUT makes the object where there is none. Absent: it is not found. */
  readonly allowCreateOnUpdate?: boolean;
  /** False: a PUT must say which version it is about. */
  readonly allowUnconditionalUpdate?: boolean;
  /** Why nobody may delete it; undefined where those may who have the right. */
  undeletable?(object: T): string | undefined;
  /** A deletion that is over at once is answered with the object; absent: with a Status. */
  readonly returnDeletedObject?: boolean;
  /** Seconds to wait for a graceful deletion, given what the client asked for; absent or 0: deleted at once. */
  gracePeriodSeconds?(object: T, requested: number | undefined): number;
  /** Fields for field selectors besides metadata.name and metadata.namespace. */
  readonly selectableFields?: { readonly [path: string]: (object: T) => string };
  readonly subresources?: Subresources<T>;
  /** What every request for it is warned of, if it is deprecated. */
  readonly deprecationWarning?: string;
  /** Served by another API server: what is not found there may be a server's fault, which is asked about before anything is deleted for it. */
  readonly aggregated?: boolean;
  /** Absent: kept as served. */
  readonly storage?: StorageForm<T>;
}

/** Reads of informer caches, never of the network. Objects are shared: they must not be changed. */
export interface Lister {
  get<T extends KubeObject>(kind: Kind<T>, name: ObjectName): T | undefined;
  list<T extends KubeObject>(kind: Kind<T>, namespace?: string): readonly T[];
  /** Objects that name the owner by its uid, where the reader has an index of them. */
  ownedBy?<T extends KubeObject>(kind: Kind<T>, ownerUid: string): readonly T[];
  /** Kinds that come, or came, at run time, where the reader takes them as inputs. */
  readonly customKinds?: readonly AnyKind[];
}

/** A kind that a controller watches on behalf of its own: which of its keys does a change concern? */
export interface MappedInput {
  readonly source: AnyKind;
  /** Called with the old and with the new state of a changed object. */
  keys(object: KubeObject, lister: Lister): readonly string[];
}

/** What a controller watches: a kind whose keys it reconciles, or one mapped to such keys. */
export type Input = AnyKind | MappedInput;

/** What a controller writes: for the reader, and for the identity's permissions. */
export type Output = AnyKind | { readonly of: AnyKind; readonly subresource: string };

// biome-ignore lint/suspicious/noExplicitAny: a kind is used with its own objects only, which a list of kinds cannot say.
export type AnyKind = Kind<any>;

export interface Kind<T extends KubeObject> extends KindOptions<T> {
  /** `v1`, `apps/v1`. */
  readonly apiVersion: string;
  readonly singular: string;
  readonly listKind: string;
  /** For Status errors: `{ group, resource: plural }`. */
  readonly groupResource: { readonly group: string; readonly resource: string };
  /** As a controller's output: only the status subresource is written. */
  readonly status: Output;
  /** As a controller's input: a change concerns the object that controls this one, if that is an `owner`. */
  ownedBy(owner: AnyKind): MappedInput;
  /** As a controller's input, with a mapping of its own. */
  mapped(keys: (object: T, lister: Lister) => readonly string[]): MappedInput;
}

export function defineKind<T extends KubeObject>(options: KindOptions<T>): Kind<T> {
  const kind: Kind<T> = {
    ...options,
    apiVersion: options.group ? `${options.group}/${options.version}` : options.version,
    singular: options.singular ?? options.kind.toLowerCase(),
    listKind: options.listKind ?? `${options.kind}List`,
    groupResource: { group: options.group, resource: options.plural },
    get status() {
      return { of: kind, subresource: 'status' };
    },
    ownedBy: (owner) => ({ source: kind, keys: (object) => ownerKeys(object, owner) }),
    mapped: (keys) => ({ source: kind, keys: (object, lister) => keys(object as T, lister) }),
  };
  return kind;
}

function ownerKeys(object: KubeObject, owner: AnyKind): readonly string[] {
  const ref = controllerOf(object);
  if (ref?.kind !== owner.kind || ref.apiVersion !== owner.apiVersion) return [];
  return [keyOf({ namespace: owner.namespaced ? object.metadata.namespace : undefined, name: ref.name })];
}
