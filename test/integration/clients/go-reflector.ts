// A reflector as client-go has it: a store kept right by a streaming list (since 1.35), or by list and watch (before).
import type { GoClient, GoKind, GoObject } from './go-client.js';

const INITIAL_EVENTS_END = 'k8s.io/initial-events-end';
/** client-go takes one at random between five and ten minutes. */
const TIMEOUT = 'timeoutSeconds=412';
const PAGE = 500;

export type ListWatch = 'streaming list' | 'list and watch';

export class Reflector {
  readonly store = new Map<string, GoObject>();
  readonly #stopping = new AbortController();
  readonly #run: Promise<void>;
  #synced = false;
  #version = '';

  constructor(
    private readonly client: GoClient,
    private readonly kind: GoKind,
    how: ListWatch,
    private readonly onChange: (key: string) => void = () => undefined,
  ) {
    this.#run = how === 'streaming list' ? this.#stream() : this.#listAndWatch();
  }

  get synced(): boolean {
    return this.#synced;
  }

  /** Rejects with what went wrong while it ran. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#run;
  }

  async #stream(): Promise<void> {
    const query = `allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan&sendInitialEvents=true&${TIMEOUT}`;
    const before = new Map<string, GoObject>();
    for await (const { type, object } of this.client.watch(this.kind, query, this.#stopping.signal)) {
      if (this.#synced) this.#apply(type, object);
      else if (type === 'ADDED') before.set(keyOf(object), object);
      else if (type === 'BOOKMARK' && object.metadata.annotations?.[INITIAL_EVENTS_END] === 'true') this.#replace(before, object);
      else throw new Error(`${type} before the end of the first state`);
    }
  }

  async #listAndWatch(): Promise<void> {
    const all = new Map<string, GoObject>();
    let query = `limit=${PAGE}&resourceVersion=0`;
    for (;;) {
      const list = await this.client.list(this.kind, query);
      for (const item of (list['items'] ?? []) as GoObject[]) all.set(keyOf(item), item);
      const { continue: next } = list.metadata as { continue?: string };
      if (!next) {
        this.#replace(all, list);
        break;
      }
      query = `continue=${encodeURIComponent(next)}&limit=${PAGE}`;
    }
    const start = `allowWatchBookmarks=true&resourceVersion=${this.#version}&${TIMEOUT}`;
    for await (const { type, object } of this.client.watch(this.kind, start, this.#stopping.signal)) this.#apply(type, object);
  }

  #replace(objects: ReadonlyMap<string, GoObject>, { metadata }: GoObject): void {
    for (const [key, object] of objects) this.store.set(key, object);
    this.#version = metadata.resourceVersion!;
    this.#synced = true;
    for (const key of objects.keys()) this.onChange(key);
  }

  #apply(type: string, object: GoObject): void {
    if (Number(object.metadata.resourceVersion) < Number(this.#version)) throw new Error(`${type} goes back behind ${this.#version}`);
    this.#version = object.metadata.resourceVersion!;
    const key = keyOf(object);
    if (type === 'BOOKMARK') return;
    if (type === 'DELETED') this.store.delete(key);
    else if (type === 'ADDED' || type === 'MODIFIED') this.store.set(key, object);
    else throw new Error(`an event ${type}: ${JSON.stringify(object)}`);
    this.onChange(key);
  }
}

const keyOf = ({ metadata: { namespace, name } }: GoObject) => (namespace ? `${namespace}/${name}` : name);
