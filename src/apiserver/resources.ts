// Resources: every kind together with what serves it: schema, storage, watch cache, extension. Kinds may come and go at run time.
import type { JsonObject } from '../apimachinery/json.js';
import type { ObjectSchema, Schemas } from '../apimachinery/schema.js';
import { noSuchPath, type StatusError, serviceUnavailable } from '../apimachinery/status.js';
import type { AnyKind } from '../kinds/define.js';
import type { ResourceExtension } from './extensions/extension.js';
import type { Conversion } from './storage/conversion.js';
import type { Storage } from './storage/storage.js';
import type { WatchCache } from './storage/watch-cache.js';

export interface Resource {
  readonly kind: AnyKind;
  readonly schema: ObjectSchema;
  readonly storage: Storage;
  readonly cache: WatchCache;
  /** What this kind's storage does beyond the generic path, if anything. */
  readonly extension: ResourceExtension | undefined;
  /** Of custom kinds: what OpenAPI documents publish, in place of what follows from `schema`. */
  readonly openApi: JsonObject | undefined;
}

/** Every verb that a stored kind has unless it names its own. */
export const ALL_VERBS: readonly string[] = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];

/** A kind that can only be created is answered at once and never stored. */
export const isReview = ({ verbs }: AnyKind): boolean => verbs?.length === 1 && verbs[0] === 'create';

export const verbsOf = (kind: AnyKind): readonly string[] => kind.verbs ?? ALL_VERBS;

export interface ResourceParts {
  readonly kinds: readonly AnyKind[];
  readonly schemas: Schemas;
  readonly extensions: readonly ResourceExtension[];
  storage(kind: AnyKind, conversion: Conversion | undefined): Storage;
  cache(storage: Storage): WatchCache;
}

/** A kind that is served from now on. */
export interface NewResource {
  readonly kind: AnyKind;
  /** Of kinds that are not built in; absent: the one that the kind names among the built-in schemas. */
  readonly schema?: ObjectSchema;
  /** Absent: the kind's own `storage`, or none. */
  readonly conversion?: Conversion;
  readonly extension?: ResourceExtension;
  /** A custom kind's structural schema (JSONSchemaProps, as it stands in its definition), for OpenAPI documents. */
  readonly openApi?: JsonObject;
}

export interface ResourcesChange {
  readonly remove?: readonly Resource[];
  readonly add?: readonly NewResource[];
}

/** All resources by group, version and plural name. */
export class Resources {
  /** By plural name, which few share: to find one costs no text to be put together. */
  readonly #byPlural = new Map<string, readonly Resource[]>();
  readonly #byKind = new Map<AnyKind, Resource>();
  readonly #byGvk = new Map<string, Resource>();
  readonly #listeners = new Set<(kinds: readonly AnyKind[]) => void>();
  /** Worked out when first asked for, and again after a change. */
  #equivalents = new WeakMap<Resource, readonly Resource[]>();

  readonly schemas: Schemas;

  constructor(private readonly parts: ResourceParts) {
    this.schemas = parts.schemas;
    for (const kind of parts.kinds) this.#add({ kind });
  }

  /** Serves a kind at once. Throws for a path that is taken: a programming error. */
  add(resource: NewResource): Resource {
    this.change({ add: [resource] });
    return this.of(resource.kind);
  }

  /** Ends the kind's watches and its cache. What is stored stays stored. */
  remove(kind: AnyKind): void {
    this.change({ remove: [this.of(kind)] });
  }

  /**
   * Both in one step, so that no request finds a version missing while its kind is replaced. Watches of what is removed end,
   * and go on with what takes its place when their clients come again.
   */
  change({ remove = [], add = [] }: ResourcesChange): void {
    for (const resource of remove) this.#delete(resource);
    for (const resource of add) this.#add(resource);
    for (const resource of remove) resource.cache.close(this.#goneReason(resource));
    this.#equivalents = new WeakMap();
    const kinds = [...remove, ...add].map(({ kind }) => kind);
    for (const listener of this.#listeners) listener(kinds);
  }

  /** Calls back after each change of what is served, with the kinds that came or went. Returns how to stop. */
  onChange(listener: (kinds: readonly AnyKind[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  find(group: string, version: string, plural: string): Resource | undefined {
    return this.#byPlural.get(plural)?.find(({ kind }) => kind.version === version && kind.group === group);
  }

  /** Throws for a kind that is not served: a programming error. */
  of(kind: AnyKind): Resource {
    const resource = this.#byKind.get(kind);
    if (!resource) throw new Error(`resources: ${kind.kind} is not served`);
    return resource;
  }

  all(): IterableIterator<Resource> {
    return this.#byKind.values();
  }

  byGvk(apiVersion: string, kind: string): Resource | undefined {
    return this.#byGvk.get(`${apiVersion} ${kind}`);
  }

  /** The other versions of a resource: views of the same keys. */
  equivalents(resource: Resource): readonly Resource[] {
    let found = this.#equivalents.get(resource);
    if (!found) {
      const { prefix } = resource.storage;
      found = [...this.all()].filter((each) => each !== resource && each.storage.prefix === prefix);
      this.#equivalents.set(resource, found);
    }
    return found;
  }

  /** Ends every watch and every cache. */
  close(): void {
    for (const resource of this.#byKind.values()) resource.cache.close();
  }

  #add({ kind, schema, conversion, extension, openApi }: NewResource): void {
    const { group, version, plural } = kind;
    if (this.find(group, version, plural)) throw new Error(`resources: ${group}/${version}/${plural} is served already`);
    const storage = this.parts.storage(kind, conversion);
    const resource: Resource = {
      kind,
      schema: schema ?? this.schemas.get(kind.schema),
      storage,
      cache: this.parts.cache(storage),
      extension: extension ?? this.parts.extensions.find((each) => each.kind === kind),
      openApi,
    };
    this.#byPlural.set(plural, [...(this.#byPlural.get(plural) ?? []), resource]);
    this.#byKind.set(kind, resource);
    this.#byGvk.set(`${kind.apiVersion} ${kind.kind}`, resource);
  }

  #delete({ kind }: Resource): void {
    const others = this.#byPlural.get(kind.plural)?.filter((each) => each.kind !== kind) ?? [];
    if (others.length > 0) this.#byPlural.set(kind.plural, others);
    else this.#byPlural.delete(kind.plural);
    this.#byKind.delete(kind);
    this.#byGvk.delete(`${kind.apiVersion} ${kind.kind}`);
  }

  /** For requests that were under way: those of a kind that was replaced need only come again. */
  #goneReason({ kind: { group, version, plural } }: Resource): StatusError {
    return this.find(group, version, plural) ? serviceUnavailable(`${plural} is being updated, please try again`) : noSuchPath();
  }
}
