// CustomKinds: the kinds that CustomResourceDefinitions bring while the controllers run, for those that act on objects of any kind.
import type { Informer, Informers } from '../client/informer.js';
import { customResourceDefinitions } from '../kinds/apiextensions/customresourcedefinition.js';
import { servedKind } from '../kinds/apiextensions/served-kind.js';
import type { AnyKind } from '../kinds/define.js';
import type { CustomResourceDefinition } from '../kinds/types/apiextensions_v1.js';

/** Kinds that have gone are still known for a while: whose owner was of one must be told that it is gone, not that nobody knows it. */
const MAX_GONE = 1000;

export interface RunTimeKindsHandler {
  added(kind: AnyKind): void;
  removed(kind: AnyKind): void;
}

/** Kinds that come and go while the controllers run. */
export interface RunTimeKinds {
  readonly known: readonly AnyKind[];
  whenSynced(signal: AbortSignal): Promise<void>;
  /** Calls back for each kind that is there, and for each that comes or goes. Returns how to stop. */
  subscribe(handler: RunTimeKindsHandler): () => void;
  stop(): void;
}

export class CustomKinds implements RunTimeKinds {
  readonly #served = new Map<string, AnyKind>();
  readonly #gone = new Map<string, AnyKind>();
  readonly #handlers = new Set<RunTimeKindsHandler>();
  readonly #informer: Informer<CustomResourceDefinition>;
  readonly #stop: () => void;

  constructor(private readonly informers: Informers) {
    this.#informer = informers.of(customResourceDefinitions);
    this.#stop = this.#informer.onChange((change) => {
      const name = (change.new ?? change.old!).metadata.name;
      this.#change(name, change.new && servedKind(change.new));
    });
  }

  /** Those that are there and, after them, those that were. */
  get known(): readonly AnyKind[] {
    return [...this.#served.values(), ...this.#gone.values()];
  }

  whenSynced(signal: AbortSignal): Promise<void> {
    return this.#informer.whenSynced(signal);
  }

  subscribe(handler: RunTimeKindsHandler): () => void {
    this.#handlers.add(handler);
    for (const kind of this.#served.values()) handler.added(kind);
    return () => this.#handlers.delete(handler);
  }

  stop(): void {
    this.#stop();
  }

  #change(name: string, kind: AnyKind | undefined): void {
    const before = this.#served.get(name);
    if (before?.apiVersion === kind?.apiVersion && before?.kind === kind?.kind) return;
    if (before) this.#remove(name, before, kind === undefined);
    if (!kind) return;
    this.#served.set(name, kind);
    this.#gone.delete(name);
    for (const handler of this.#handlers) handler.added(kind);
  }

  #remove(name: string, kind: AnyKind, forGood: boolean): void {
    this.#served.delete(name);
    if (forGood) this.#gone.set(name, kind);
    if (this.#gone.size > MAX_GONE) this.#gone.delete(this.#gone.keys().next().value!);
    for (const handler of this.#handlers) handler.removed(kind);
    this.informers.drop(kind);
  }
}
