// Following: an index over one resource's objects, kept right by a watch of its cache. It begins when it is first needed, and
// begins anew when the watch was lost.
import type { KubeObject } from '../../apimachinery/object.js';
import { serviceUnavailable } from '../../apimachinery/status.js';
import type { Resource } from '../resources.js';

/** Objects are the cache's own: they must not be changed. */
export interface Index<T extends KubeObject> {
  /** All there are; whatever was known before is void. */
  reset(objects: readonly T[]): void;
  /** An object that is new or has changed. */
  set(object: T): void;
  /** In its last state. */
  delete(object: T): void;
}

export class Following<T extends KubeObject> {
  #following = false;
  /** It has been right before: what it knows is better than no answer while the store is away. */
  #known = false;
  #starting: Promise<void> | undefined;

  constructor(
    private readonly resource: Resource,
    private readonly index: Index<T>,
  ) {}

  /** Undefined once the index has been right, else when it will be. */
  ready(): Promise<void> | undefined {
    if (this.#following) return undefined;
    this.#starting ??= this.#start().finally(() => (this.#starting = undefined));
    if (!this.#known) return this.#starting;
    // The cache has said why it was lost, and the next one to ask tries again.
    this.#starting.catch(() => undefined);
    return undefined;
  }

  async #start(): Promise<void> {
    const { cache, storage } = this.resource;
    await cache.ready();
    this.#following = true;
    cache.watch(
      { prefix: storage.prefix, matches: undefined, bookmarks: false, initialEventsEnd: false },
      {
        start: (views) => this.index.reset(views.map(({ object }) => object.object as T)),
        event: ({ type, object }) => (type === 'DELETED' ? this.index.delete(object.object as T) : this.index.set(object.object as T)),
        bookmark: () => {},
        end: () => {
          this.#following = false;
        },
      },
    );
    this.#known = this.#following;
    if (!this.#following) throw serviceUnavailable(`${this.resource.kind.plural} cannot be watched`);
  }
}

/** Undefined when all are. Asked at every request, so it makes nothing where there is nothing to wait for. */
export function allReady(followed: readonly Pick<Following<never>, 'ready'>[]): Promise<void> | undefined {
  let waiting: Promise<void>[] | undefined;
  for (const each of followed) {
    const pending = each.ready();
    if (pending) (waiting ??= []).push(pending);
  }
  return waiting && Promise.all(waiting).then(() => undefined);
}
