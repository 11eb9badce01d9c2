// Informers in memory for tests: the same contract, fed by hand with `set` and `remove`.
import { type KubeObject, objectKey } from '../../../src/apimachinery/object.js';
import { ObjectCache } from '../../../src/client/cache.js';
import type { Change, Informer, Informers } from '../../../src/client/informer.js';
import type { AnyKind, Kind } from '../../../src/kinds/define.js';

class FakeInformer<T extends KubeObject> implements Informer<T> {
  private readonly cache = new ObjectCache<T>();
  private readonly handlers = new Set<(change: Change<T>) => void>();
  private waiting: (() => void)[] = [];
  synced = true;
  readonly resourceVersion = 1;

  constructor(readonly kind: Kind<T>) {}

  get: Informer<T>['get'] = (name) => this.cache.get(name);
  list: Informer<T>['list'] = (namespace) => this.cache.list(namespace);
  byIndex: Informer<T>['byIndex'] = (index, value) => this.cache.byIndex(index, value);
  addIndex: Informer<T>['addIndex'] = (index, values) => this.cache.addIndex(index, values);

  onChange(handler: (change: Change<T>) => void): () => void {
    this.handlers.add(handler);
    for (const object of this.cache.list()) handler({ key: objectKey(object), new: object });
    return () => this.handlers.delete(handler);
  }

  whenSynced(): Promise<void> {
    return this.synced ? Promise.resolve() : new Promise((resolve) => this.waiting.push(resolve));
  }

  async whenSeen(): Promise<void> {}

  apply(key: string, now: T | undefined): void {
    const old = this.cache.getByKey(key);
    if (now) this.cache.set(now);
    else this.cache.delete(key);
    const change = { key, ...(old ? { old } : {}), ...(now ? { new: now } : {}) };
    for (const handler of this.handlers) handler(change);
  }

  setSynced(synced: boolean): void {
    this.synced = synced;
    if (!synced) return;
    for (const resolve of this.waiting.splice(0)) resolve();
  }
}

export class FakeInformers implements Informers {
  private readonly informers = new Map<string, FakeInformer<KubeObject>>();
  private synced: boolean;

  constructor(options: { synced: boolean } = { synced: true }) {
    this.synced = options.synced;
  }

  of<T extends KubeObject>(kind: Kind<T>): Informer<T> {
    return this.fake(kind);
  }

  set<T extends KubeObject>(kind: Kind<T>, object: T): void {
    this.fake(kind).apply(objectKey(object), object);
  }

  remove<T extends KubeObject>(kind: Kind<T>, key: string): void {
    this.fake(kind).apply(key, undefined);
  }

  setSynced(): void {
    this.synced = true;
    for (const informer of this.informers.values()) informer.setSynced(true);
  }

  async whenSynced(): Promise<void> {
    await Promise.all([...this.informers.values()].map((informer) => informer.whenSynced()));
  }

  drop(kind: AnyKind): void {
    this.informers.delete(kind.plural);
  }

  stop(): void {}

  private fake<T extends KubeObject>(kind: Kind<T>): FakeInformer<T> {
    let informer = this.informers.get(kind.plural);
    if (!informer) {
      informer = new FakeInformer(kind as unknown as Kind<KubeObject>);
      informer.setSynced(this.synced);
      this.informers.set(kind.plural, informer);
    }
    return informer as unknown as FakeInformer<T>;
  }
}
