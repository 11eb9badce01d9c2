// OwnWrites: what each key of one controller has written, so that it is not reconciled again from a cache that has not seen it.
import type { KubeObject, ObjectName } from '../apimachinery/object.js';
import { isBeingDeleted, keyOf } from '../apimachinery/object.js';
import { isStatus } from '../apimachinery/status.js';
import type { Client } from '../client/client.js';
import type { Change, Informer } from '../client/informer.js';
import type { AnyKind } from '../kinds/define.js';

interface DeletedObject {
  readonly kind: AnyKind;
  readonly name: ObjectName;
  readonly uid: string;
}

interface KeyWrites {
  /** Kind -> the newest resourceVersion that the key's reconcile has written. */
  readonly versions: Map<AnyKind, number>;
  readonly deleted: DeletedObject[];
}

/** For one controller: `informers` are those of its inputs; writes to other kinds are not waited for, as it never reads them. */
export class OwnWrites {
  readonly #writes = new Map<string, KeyWrites>();
  /** Deleted objects that a key waits for: kind/key -> who to wake when it changes. */
  readonly #awaited = new Map<string, Set<() => void>>();

  constructor(private readonly informers: ReadonlyMap<AnyKind, Informer<KubeObject>>) {}

  /** To be called with each change of each input kind. */
  observe(kind: AnyKind, change: Change<KubeObject>): void {
    for (const wake of this.#awaited.get(awaitedId(kind, change.key)) ?? []) wake();
  }

  /** `client`, but what is written through it is remembered for `key`. */
  recording(client: Client, key: string): Client {
    const wrote = <T extends KubeObject>(kind: AnyKind, object: T): T => {
      const version = Number(object.metadata?.resourceVersion);
      if (this.informers.has(kind) && version) {
        const { versions } = this.#of(key);
        versions.set(kind, Math.max(version, versions.get(kind) ?? 0));
      }
      return object;
    };
    return {
      get: (kind, name, subresource) => client.get(kind, name, subresource),
      list: (kind, options) => client.list(kind, options),
      watch: (kind, options, signal) => client.watch(kind, options, signal),
      discover: (group, version) => client.discover(group, version),
      create: async (kind, object) => wrote(kind, await client.create(kind, object)),
      update: async (kind, object, subresource) => wrote(kind, await client.update(kind, object, subresource)),
      patch: async (kind, name, type, patch, subresource) => wrote(kind, await client.patch(kind, name, type, patch, subresource)),
      delete: async (kind, name, options) => {
        const uid = options?.preconditions?.uid ?? this.informers.get(kind)?.get(name)?.metadata.uid;
        try {
          await client.delete(kind, name, options);
        } catch (error) {
          // The cache may still show what is gone: it must be waited for just the same.
          if (isStatus(error, 'NotFound') && uid) this.#of(key).deleted.push({ kind, name, uid });
          throw error;
        }
        if (uid && this.informers.has(kind)) this.#of(key).deleted.push({ kind, name, uid });
      },
      deleteCollection: (kind, options) => client.deleteCollection(kind, options),
      post: (kind, name, subresource, body) => client.post(kind, name, subresource, body),
    };
  }

  /** Whether `key` has written anything that the caches have not been seen to show. */
  has(key: string): boolean {
    return this.#writes.has(key);
  }

  /** Resolves once the caches show all that `key` has written; rejects with the signal's reason. */
  async whenSeen(key: string, signal: AbortSignal): Promise<void> {
    const writes = this.#writes.get(key);
    if (!writes) return;
    for (const [kind, version] of writes.versions) await this.informers.get(kind)?.whenSeen(version, signal);
    for (const deleted of writes.deleted) await this.#whenGone(deleted, signal);
    this.#writes.delete(key);
  }

  #of(key: string): KeyWrites {
    let writes = this.#writes.get(key);
    if (!writes) this.#writes.set(key, (writes = { versions: new Map(), deleted: [] }));
    return writes;
  }

  #isGone({ kind, name, uid }: DeletedObject): boolean {
    const object = this.informers.get(kind)?.get(name);
    return !object || object.metadata.uid !== uid || isBeingDeleted(object);
  }

  #whenGone(deleted: DeletedObject, signal: AbortSignal): Promise<void> {
    if (this.#isGone(deleted)) return Promise.resolve();
    const id = awaitedId(deleted.kind, keyOf(deleted.name));
    const wakes = this.#awaited.get(id) ?? new Set();
    this.#awaited.set(id, wakes);
    return new Promise((resolve, reject) => {
      const settle = () => {
        wakes.delete(wake);
        if (wakes.size === 0) this.#awaited.delete(id);
        signal.removeEventListener('abort', onAbort);
      };
      const wake = () => {
        if (!this.#isGone(deleted)) return;
        settle();
        resolve();
      };
      const onAbort = () => {
        settle();
        reject(signal.reason);
      };
      if (signal.aborted) return onAbort();
      signal.addEventListener('abort', onAbort, { once: true });
      wakes.add(wake);
    });
  }
}

const awaitedId = (kind: AnyKind, key: string) => `${kind.apiVersion}/${kind.plural}/${key}`;
