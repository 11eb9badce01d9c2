// Resources: every kind together with what serves it: schema, codec, storage, watch cache, extension.
import type { ObjectSchema, Schemas } from '../apimachinery/schema.js';
import type { AnyKind } from '../kinds/define.js';
import type { ResourceExtension } from './extensions/extension.js';
import type { Storage } from './storage/storage.js';
import type { WatchCache } from './storage/watch-cache.js';

export interface Resource {
  readonly kind: AnyKind;
  readonly schema: ObjectSchema;
  readonly storage: Storage;
  readonly cache: WatchCache;
  /** What this kind's storage does beyond the generic path, if anything. */
  readonly extension: ResourceExtension | undefined;
}

/** Every verb that a stored kind has unless it names its own. */
export const ALL_VERBS: readonly string[] = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];

export const verbsOf = (kind: AnyKind): readonly string[] => kind.verbs ?? ALL_VERBS;

export interface ResourceParts {
  readonly kinds: readonly AnyKind[];
  readonly schemas: Schemas;
  readonly extensions: readonly ResourceExtension[];
  storage(kind: AnyKind): Storage;
  cache(storage: Storage): WatchCache;
}

/** All resources by group, version and plural name. */
export class Resources {
  readonly #byPath = new Map<string, Resource>();
  readonly #byKind = new Map<AnyKind, Resource>();

  readonly schemas: Schemas;

  constructor(parts: ResourceParts) {
    this.schemas = parts.schemas;
    for (const kind of parts.kinds) {
      const storage = parts.storage(kind);
      const extension = parts.extensions.find((each) => each.kind === kind);
      const resource: Resource = { kind, schema: parts.schemas.get(kind.schema), storage, cache: parts.cache(storage), extension };
      this.#byPath.set(`${kind.group}/${kind.version}/${kind.plural}`, resource);
      this.#byKind.set(kind, resource);
    }
  }

  find(group: string, version: string, plural: string): Resource | undefined {
    return this.#byPath.get(`${group}/${version}/${plural}`);
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
    for (const resource of this.#byKind.values()) {
      if (resource.kind.kind === kind && resource.kind.apiVersion === apiVersion) return resource;
    }
    return undefined;
  }

  /** Ends every watch and every cache. */
  close(): void {
    for (const resource of this.#byKind.values()) resource.cache.close();
  }
}
