// createInformers: one shared cache for each kind and scope, kept right by list and watch for as long as it lives.
import { setMaxListeners } from 'node:events';
import { type Clock, type Random, sleep } from '../apimachinery/clock.js';
import type { Logger } from '../apimachinery/logger.js';
import { type KubeObject, type ObjectName, objectKey } from '../apimachinery/object.js';
import { StatusError } from '../apimachinery/status.js';
import type { Kind } from '../kinds/define.js';
import { Backoff } from './backoff.js';
import { ObjectCache } from './cache.js';
import type { Client, WatchEvent } from './client.js';
import type { Change, Informer, InformerScope, Informers } from './informer.js';

/** The longest wait between tries: a mended link is used again within this and one connection attempt. */
const RETRY_MIN_ms = 200;
const RETRY_MAX_ms = 2_000;
/** A watch that ends sooner and without an event counts as failed, or a server that closes at once would be asked in a tight loop. */
const WATCH_MIN_ms = 1_000;

export interface InformersOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Informers over one client. Each starts its list and watch when it is first asked for, and ends at `stop`. */
export function createInformers(options: InformersOptions): Informers {
  const informers = new Map<string, { readonly informer: WatchingInformer<KubeObject>; readonly own: AbortController }>();
  let stopped: Error | undefined;
  return {
    of<T extends KubeObject>(kind: Kind<T>, scope: InformerScope = {}): Informer<T> {
      const id = [kind.apiVersion, kind.plural, scope.namespace, scope.labelSelector, scope.fieldSelector, scope.keep?.name].join('|');
      const known = informers.get(id);
      if (known) return known.informer as unknown as Informer<T>;
      const own = new AbortController();
      // A signal of its own, not one of several: those are kept for as long as anybody listens, and so would be all that an informer holds.
      // Its watch and one waiter for each key at work listen to it.
      setMaxListeners(0, own.signal);
      if (stopped) own.abort(stopped);
      const informer = new WatchingInformer<T>(kind, scope, options, own.signal);
      informers.set(id, { informer: informer as unknown as WatchingInformer<KubeObject>, own });
      informer.start();
      return informer;
    },
    async whenSynced(signal) {
      await Promise.all([...informers.values()].map(({ informer }) => informer.whenSynced(signal)));
    },
    drop(kind) {
      for (const [id, { informer, own }] of informers) {
        if (informer.kind !== kind) continue;
        informers.delete(id);
        own.abort(new Error(`${kind.plural} are no more`));
      }
    },
    stop() {
      stopped = new Error('informers stopped');
      for (const { own } of informers.values()) own.abort(stopped);
    },
  };
}

interface Waiter {
  /** -1: the first sync. */
  readonly resourceVersion: number;
  readonly resolve: () => void;
}

class WatchingInformer<T extends KubeObject> implements Informer<T> {
  synced = false;
  resourceVersion = 0;
  readonly #cache = new ObjectCache<T>();
  readonly #handlers = new Set<(change: Change<T>) => void>();
  readonly #waiters = new Set<Waiter>();
  readonly #backoff: Backoff;
  readonly #log: Logger;
  readonly #scope: Omit<InformerScope, 'keep'>;
  readonly #keep: ((object: T) => T) | undefined;
  #failing = false;

  constructor(
    readonly kind: Kind<T>,
    { keep, ...scope }: InformerScope,
    private readonly options: InformersOptions,
    private readonly stopping: AbortSignal,
  ) {
    this.#scope = scope;
    this.#keep = keep as ((object: T) => T) | undefined;
    this.#backoff = new Backoff({ random: options.random, initial_ms: RETRY_MIN_ms, max_ms: RETRY_MAX_ms });
    this.#log = options.log.child({ informer: kind.plural });
  }

  get(name: ObjectName): T | undefined {
    return this.#cache.get(name);
  }

  list(namespace?: string): readonly T[] {
    return this.#cache.list(namespace);
  }

  byIndex(index: string, value: string): readonly T[] {
    return this.#cache.byIndex(index, value);
  }

  addIndex(index: string, values: (object: T) => readonly string[]): void {
    this.#cache.addIndex(index, values);
  }

  onChange(handler: (change: Change<T>) => void): () => void {
    const own = (change: Change<T>) => handler(change);
    for (const object of this.#cache.list()) own({ key: objectKey(object), new: object });
    this.#handlers.add(own);
    return () => this.#handlers.delete(own);
  }

  whenSynced(signal?: AbortSignal): Promise<void> {
    return this.synced ? Promise.resolve() : this.#wait(-1, signal);
  }

  whenSeen(resourceVersion: number, signal?: AbortSignal): Promise<void> {
    return this.synced && this.resourceVersion >= resourceVersion ? Promise.resolve() : this.#wait(resourceVersion, signal);
  }

  start(): void {
    // A rejection here can only be a handler's or an index's: a programming error, which must end the process.
    void this.#run();
  }

  async #run(): Promise<void> {
    let listFrom: string | undefined = '0';
    while (!this.stopping.aborted) {
      try {
        if (listFrom !== undefined) await this.#relist(listFrom);
        listFrom = undefined;
        await this.#follow();
      } catch (error) {
        if (this.stopping.aborted) return;
        if (!(error instanceof StatusError)) throw error;
        // Only the newest list is sure to be newer than what the server has forgotten.
        if (versionUnknown(error)) listFrom = '';
        else this.#failed(error);
        await this.#pause();
      }
    }
  }

  async #relist(from: string): Promise<void> {
    const { items, resourceVersion } = await this.options.client.list(this.kind, {
      ...this.#scope,
      ...(from && { resourceVersion: from }),
    });
    if (this.stopping.aborted) return;
    this.#recovered();
    const gone = new Set(this.#cache.keys());
    for (const object of items) gone.delete(objectKey(object));
    for (const key of gone) this.#remove(key);
    for (const object of items) this.#put(object);
    this.synced = true;
    this.#seen(Number(resourceVersion), true);
  }

  /** Applies one watch's events; returns when the server has closed it in good order. */
  async #follow(): Promise<void> {
    const started_ms = this.options.clock.monotonic();
    let events = 0;
    const watch = this.options.client.watch(
      this.kind,
      { ...this.#scope, resourceVersion: String(this.resourceVersion), allowWatchBookmarks: true },
      this.stopping,
    );
    for await (const event of watch) {
      if (this.stopping.aborted) return;
      if (events++ === 0) this.#recovered();
      this.#apply(event);
    }
    if (events === 0 && this.options.clock.monotonic() - started_ms < WATCH_MIN_ms) await this.#pause();
    else this.#recovered();
  }

  #apply(event: WatchEvent<T>): void {
    if (event.type === 'DELETED') this.#remove(objectKey(event.object), event.object);
    else if (event.type !== 'BOOKMARK') this.#put(event.object);
    this.#seen(Number(event.object.metadata.resourceVersion));
  }

  #put(object: T): void {
    const key = objectKey(object);
    const old = this.#cache.getByKey(key);
    if (old?.metadata.resourceVersion === object.metadata.resourceVersion) return;
    // Deleted and made again while we did not look: handlers must not take it for the same object.
    if (old && old.metadata.uid !== object.metadata.uid) this.#remove(key);
    const before = this.#cache.getByKey(key);
    const kept = this.#keep ? this.#keep(object) : object;
    this.#cache.set(kept);
    this.#tell(before ? { key, old: before, new: kept } : { key, new: kept });
  }

  /** `last`: its state when it was deleted, where a watch event told. */
  #remove(key: string, last?: T): void {
    const old = this.#cache.getByKey(key);
    if (!old) return;
    this.#cache.delete(key);
    this.#tell({ key, old: last ?? old });
  }

  #tell(change: Change<T>): void {
    for (const handler of [...this.#handlers]) handler(change);
  }

  /** `listed`: a list's version counts even where it is lower, as after a restore of the store; nobody can wait for the lost ones. */
  #seen(resourceVersion: number, listed = false): void {
    const reset = listed && resourceVersion < this.resourceVersion;
    if (listed || resourceVersion > this.resourceVersion) this.resourceVersion = resourceVersion;
    for (const waiter of [...this.#waiters]) {
      if (reset || waiter.resourceVersion <= this.resourceVersion) waiter.resolve();
    }
  }

  #wait(resourceVersion: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const signals = signal ? [this.stopping, signal] : [this.stopping];
      const settle = () => {
        this.#waiters.delete(waiter);
        for (const each of signals) each.removeEventListener('abort', onAbort);
      };
      const onAbort = () => {
        settle();
        reject(signals.find((each) => each.aborted)?.reason);
      };
      const waiter: Waiter = {
        resourceVersion,
        resolve: () => {
          settle();
          resolve();
        },
      };
      if (signals.some((each) => each.aborted)) return onAbort();
      for (const each of signals) each.addEventListener('abort', onAbort, { once: true });
      this.#waiters.add(waiter);
    });
  }

  async #pause(): Promise<void> {
    await sleep(this.options.clock, this.#backoff.next_ms(), this.stopping).catch((reason: unknown) => {
      if (!this.stopping.aborted) throw reason;
    });
  }

  /** One line when it begins to fail and one when it is well again, however many tries lie between. */
  #failed(error: StatusError): void {
    if (!this.#failing) this.#log.warn({ reason: error.reason }, `list and watch failed, trying again: ${error.message}`);
    else this.#log.debug({ reason: error.reason }, `list and watch failed again: ${error.message}`);
    this.#failing = true;
  }

  #recovered(): void {
    if (this.#failing) this.#log.info({}, 'list and watch work again');
    this.#failing = false;
    this.#backoff.reset();
  }
}

/** The server has forgotten our version (410), or never had it, as after a restore of its store. */
function versionUnknown(error: StatusError): boolean {
  return error.code === 410 || (error.details?.causes?.some((cause) => cause.reason === 'ResourceVersionTooLarge') ?? false);
}
