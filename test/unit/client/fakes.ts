// Fakes for tests of API clients: a clock moved by hand, and an API server in memory whose watches can be cut and history dropped.
import type { Clock, Random } from '../../../src/apimachinery/clock.js';
import type { JsonObject } from '../../../src/apimachinery/json.js';
import { type KubeObject, keyOf, type ObjectName, objectKey } from '../../../src/apimachinery/object.js';
import { alreadyExists, expired, notFound, serviceUnavailable } from '../../../src/apimachinery/status.js';
import type { Client, ListOptions, ListResult, WatchEvent, WatchOptions } from '../../../src/client/client.js';
import type { AnyKind, Kind } from '../../../src/kinds/define.js';

export class ManualClock implements Clock {
  #now_ms = Date.UTC(2026, 0, 1);
  #timers: { at_ms: number; fn: () => void }[] = [];
  /** How far somebody has set the wall clock. */
  step_ms = 0;

  now(): number {
    return this.#now_ms + this.step_ms;
  }
  monotonic(): number {
    return this.#now_ms;
  }
  after(delay_ms: number, fn: () => void) {
    const timer = { at_ms: this.#now_ms + delay_ms, fn };
    this.#timers.push(timer);
    return { cancel: () => void (this.#timers = this.#timers.filter((other) => other !== timer)) };
  }
  get pending(): number {
    return this.#timers.length;
  }

  /** Moves time, firing timers in order and letting promises settle after each. */
  async advance(ms: number): Promise<void> {
    const end_ms = this.#now_ms + ms;
    await settle();
    for (;;) {
      const due = this.#timers.filter((timer) => timer.at_ms <= end_ms).sort((a, b) => a.at_ms - b.at_ms)[0];
      if (!due) break;
      this.#timers = this.#timers.filter((timer) => timer !== due);
      this.#now_ms = Math.max(this.#now_ms, due.at_ms);
      due.fn();
      await settle();
    }
    this.#now_ms = end_ms;
    await settle();
  }
}

/** Lets everything that only waits for promises run. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
}

let drawn = 0;
/** Jitter is always half way; bytes differ from draw to draw, as names made of them must. */
export const fixedRandom: Random = {
  next: () => 0.5,
  bytes: (length) => Uint8Array.from({ length }, (_, i) => (i === 0 ? drawn++ : drawn >> (8 * i)) & 0xff),
};

interface Logged {
  readonly kind: AnyKind;
  readonly event: WatchEvent<KubeObject>;
  readonly version: number;
}

interface Watcher {
  readonly kind: AnyKind;
  readonly push: (event: WatchEvent<KubeObject> | 'end' | Error) => void;
}

/** As much of an API server as clients can tell: versions, conflicts left out. */
export class MemoryApi implements Client {
  version = 100;
  /** While set, every request fails as if the server could not be reached. */
  down = false;
  lists = 0;
  watches = 0;
  readonly requests: string[] = [];
  readonly #objects = new Map<AnyKind, Map<string, KubeObject>>();
  #history: Logged[] = [];
  #oldest = 0;
  readonly #watchers = new Set<Watcher>();
  /** While set, events are stored but not sent. */
  #held: Logged[] | undefined;

  objects<T extends KubeObject>(kind: Kind<T>): T[] {
    return [...(this.#objects.get(kind)?.values() ?? [])] as T[];
  }

  async get<T extends KubeObject>(kind: Kind<T>, name: ObjectName): Promise<T> {
    this.#request(`get ${kind.plural} ${keyOf(name)}`);
    return this.#find(kind, name) as T;
  }

  async list<T extends KubeObject>(kind: Kind<T>, options: ListOptions = {}): Promise<ListResult<T>> {
    this.#request(`list ${kind.plural} ${options.resourceVersion ?? 'newest'}`);
    this.lists++;
    return { items: this.objects(kind), resourceVersion: String(this.version) };
  }

  async discover(group: string, version: string) {
    this.#request(`discover ${group}/${version}`);
    const found = [...this.#objects.keys()].filter((kind) => kind.group === group && kind.version === version);
    return found.map(({ plural, kind, namespaced, singular, verbs = [] }) => ({
      name: plural,
      singularName: singular,
      kind,
      namespaced,
      verbs: [...verbs],
    }));
  }

  async *watch<T extends KubeObject>(kind: Kind<T>, options: WatchOptions, signal: AbortSignal): AsyncIterable<WatchEvent<T>> {
    this.#request(`watch ${kind.plural} ${options.resourceVersion}`);
    this.watches++;
    const from = Number(options.resourceVersion);
    if (from < this.#oldest) throw expired(`too old resource version: ${from} (${this.#oldest})`);
    const queue: (WatchEvent<KubeObject> | 'end' | Error)[] = this.#history
      .filter((logged) => logged.kind === kind && logged.version > from && !this.#held?.includes(logged))
      .map((logged) => logged.event);
    let wake = () => {};
    const watcher: Watcher = {
      kind,
      push: (event) => {
        queue.push(event);
        wake();
      },
    };
    this.#watchers.add(watcher);
    signal.addEventListener('abort', () => watcher.push('end'));
    try {
      for (;;) {
        const next = queue.shift();
        if (next === 'end') return;
        if (next instanceof Error) throw next;
        if (next) yield next as WatchEvent<T>;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      this.#watchers.delete(watcher);
    }
  }

  async create<T extends KubeObject>(kind: Kind<T>, draft: object): Promise<T> {
    const { metadata } = draft as KubeObject;
    this.#request(`create ${kind.plural} ${keyOf(metadata)}`);
    if (this.#objects.get(kind)?.has(keyOf(metadata))) throw alreadyExists(kind.groupResource, metadata.name);
    const version = ++this.version;
    const uid = metadata.uid ?? `uid-${version}`;
    return this.#store(kind, 'ADDED', {
      ...draft,
      apiVersion: kind.apiVersion,
      kind: kind.kind,
      metadata: { ...metadata, uid },
    } as KubeObject) as T;
  }

  async update<T extends KubeObject>(kind: Kind<T>, draft: object): Promise<T> {
    const object = draft as KubeObject;
    this.#request(`update ${kind.plural} ${objectKey(object)}`);
    const old = this.#find(kind, object.metadata);
    this.version++;
    return this.#store(kind, 'MODIFIED', { ...object, metadata: { ...old.metadata, ...object.metadata } }) as T;
  }

  async patch<T extends KubeObject>(kind: Kind<T>, name: ObjectName, _type: string, patch: unknown): Promise<T> {
    this.#request(`patch ${kind.plural} ${keyOf(name)}`);
    const old = this.#find(kind, name);
    this.version++;
    return this.#store(kind, 'MODIFIED', { ...old, ...(patch as object) }) as T;
  }

  async delete<T extends KubeObject>(kind: Kind<T>, name: ObjectName): Promise<void> {
    this.#request(`delete ${kind.plural} ${keyOf(name)}`);
    const old = this.#find(kind, name);
    this.#objects.get(kind)?.delete(keyOf(name));
    this.#send(kind, 'DELETED', { ...old, metadata: { ...old.metadata, resourceVersion: String(++this.version) } });
  }

  async deleteCollection(): Promise<void> {
    throw new Error('not in this fake');
  }

  async post(): Promise<JsonObject> {
    throw new Error('not in this fake');
  }

  /** Cuts every watch, as a lost connection does (`error`) or a server that ends them in good order. */
  cutWatches(how: 'error' | 'end'): void {
    for (const watcher of [...this.#watchers]) watcher.push(how === 'end' ? 'end' : serviceUnavailable('connection lost'));
  }

  sendError(error: Error): void {
    for (const watcher of [...this.#watchers]) watcher.push(error);
  }

  bookmark(kind: AnyKind): void {
    const object = { apiVersion: kind.apiVersion, kind: kind.kind, metadata: { resourceVersion: String(this.version) } };
    for (const watcher of this.#watchers) if (watcher.kind === kind) watcher.push({ type: 'BOOKMARK', object: object as KubeObject });
  }

  /** Forgets all events so far: watches from before get 410. */
  compact(): void {
    this.#history = [];
    this.#oldest = this.version;
  }

  /** Keeps events back until `release`, as a slow watch does. */
  hold(): void {
    this.#held ??= [];
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const { kind, event } of held) for (const watcher of this.#watchers) if (watcher.kind === kind) watcher.push(event);
  }

  #request(what: string): void {
    if (this.down) throw serviceUnavailable('the API server cannot be reached');
    this.requests.push(what);
  }

  #find(kind: AnyKind, name: ObjectName): KubeObject {
    const object = this.#objects.get(kind)?.get(keyOf(name));
    if (!object) throw notFound(kind.groupResource, name.name);
    return object;
  }

  #store(kind: AnyKind, type: 'ADDED' | 'MODIFIED', object: KubeObject): KubeObject {
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(this.version) } };
    if (!this.#objects.has(kind)) this.#objects.set(kind, new Map());
    this.#objects.get(kind)!.set(objectKey(stored), stored);
    this.#send(kind, type, stored);
    return stored;
  }

  #send(kind: AnyKind, type: WatchEvent<KubeObject>['type'], object: KubeObject): void {
    const logged: Logged = { kind, event: { type, object }, version: this.version };
    this.#history.push(logged);
    if (this.#held) this.#held.push(logged);
    else for (const watcher of this.#watchers) if (watcher.kind === kind) watcher.push(logged.event);
  }
}
