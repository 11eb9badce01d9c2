// AggregatedKinds: the kinds that other API servers bring (APIServices), for controllers that act on objects of any kind.
import type { Clock, Timer } from '../apimachinery/clock.js';
import type { Logger } from '../apimachinery/logger.js';
import { StatusError } from '../apimachinery/status.js';
import { compareVersions } from '../apimachinery/version-order.js';
import type { Client } from '../client/client.js';
import type { Informer, Informers } from '../client/informer.js';
import { apiServices, isAvailable } from '../kinds/apiregistration/apiservice.js';
import { type AnyKind, defineKind } from '../kinds/define.js';
import type { APIService } from '../kinds/types/apiregistration_v1.js';
import type { RunTimeKinds, RunTimeKindsHandler } from './custom-kinds.js';

/** As upstream's: what a server serves changes without an event. */
const REDISCOVER_ms = 30_000;
/** What a kind must allow for its objects to be kept in a cache and collected. */
const WATCHED = ['delete', 'list', 'watch'] as const;

export interface AggregatedKindsOptions {
  readonly informers: Informers;
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Logger;
}

export class AggregatedKinds implements RunTimeKinds {
  /** Discovery that failed since the start. */
  failures = 0;
  readonly #handlers = new Set<RunTimeKindsHandler>();
  readonly #informer: Informer<APIService>;
  readonly #unsubscribe: () => void;
  /** By the name of their APIService; what a server that does not answer told last still stands. */
  #told = new Map<string, readonly AnyKind[]>();
  #known: readonly AnyKind[] = [];
  #timer: Timer | undefined;
  #again = false;
  #discovering = false;
  #stopped = false;

  constructor(private readonly options: AggregatedKindsOptions) {
    this.#informer = options.informers.of(apiServices);
    this.#unsubscribe = this.#informer.onChange((change) => {
      if ((change.new ?? change.old)?.spec.service) void this.#discover();
    });
  }

  /** One version of each: all of them show the same objects. One that has gone is not known any more: whether its objects are nobody can tell. */
  get known(): readonly AnyKind[] {
    return this.#known;
  }

  whenSynced(signal: AbortSignal): Promise<void> {
    return this.#informer.whenSynced(signal);
  }

  subscribe(handler: RunTimeKindsHandler): () => void {
    this.#handlers.add(handler);
    for (const kind of this.#known) handler.added(kind);
    return () => this.#handlers.delete(handler);
  }

  stop(): void {
    this.#stopped = true;
    this.#unsubscribe();
    this.#timer?.cancel();
  }

  /** One at a time; never rejects but for a defect. */
  async #discover(): Promise<void> {
    this.#again = true;
    if (this.#discovering) return;
    this.#discovering = true;
    while (this.#again && !this.#stopped) {
      this.#again = false;
      await this.#discoverOnce();
    }
    this.#discovering = false;
    this.#timer?.cancel();
    if (!this.#stopped && this.#told.size > 0) this.#timer = this.options.clock.after(REDISCOVER_ms, () => void this.#discover());
  }

  async #discoverOnce(): Promise<void> {
    const services = this.#informer.list().filter(({ spec }) => spec.service);
    const told = new Map<string, readonly AnyKind[]>();
    for (const service of services) told.set(service.metadata.name, await this.#kindsOf(service));
    if (this.#stopped) return;
    this.#told = told;
    this.#change(preferred(services.flatMap((service) => told.get(service.metadata.name)!.map((kind) => ({ kind, service })))));
  }

  async #kindsOf(service: APIService): Promise<readonly AnyKind[]> {
    const { name } = service.metadata;
    const before = this.#told.get(name) ?? [];
    if (!isAvailable(service)) return before;
    try {
      const now = (await discoverKinds(this.options.client, service)).filter(({ verbs }) => WATCHED.every((verb) => verbs!.includes(verb)));
      // The same objects where they stand for the same: caches go by them.
      return now.map((kind) => before.find((other) => isSame(other, kind)) ?? kind);
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      this.failures++;
      this.options.log.warn({ apiService: name, reason: error.reason }, `its resources cannot be discovered: ${error.message}`);
      return before;
    }
  }

  #change(now: readonly AnyKind[]): void {
    const before = this.#known;
    for (const kind of before.filter((each) => !now.includes(each))) {
      for (const handler of this.#handlers) handler.removed(kind);
      this.options.informers.drop(kind);
    }
    this.#known = now;
    for (const kind of now.filter((each) => !before.includes(each))) for (const handler of this.#handlers) handler.added(kind);
  }
}

/** Asked live. Rejects where the server does not answer. */
export async function discoverKinds(client: Client, { spec: { group = '', version = '' } }: APIService): Promise<readonly AnyKind[]> {
  const resources = await client.discover(group, version);
  return resources
    .filter(({ name }) => !name.includes('/'))
    .map(({ name, kind, namespaced, verbs = [] }) =>
      defineKind({ group, version, kind, plural: name, namespaced, verbs, schema: '', aggregated: true }),
    );
}

const isSame = (a: AnyKind, b: AnyKind) => a.plural === b.plural && a.kind === b.kind && a.namespaced === b.namespaced;

/** Of each resource the version that its APIServices put first. */
export function preferred(all: readonly { readonly kind: AnyKind; readonly service: APIService }[]): readonly AnyKind[] {
  const first = new Map<string, AnyKind>();
  const sorted = all.toSorted(({ service: { spec: a } }, { service: { spec: b } }) =>
    a.versionPriority === b.versionPriority ? compareVersions(b.version ?? '', a.version ?? '') : b.versionPriority - a.versionPriority,
  );
  for (const { kind } of sorted) {
    const id = `${kind.plural}.${kind.group}`;
    if (!first.has(id)) first.set(id, kind);
  }
  return [...first.values()];
}
