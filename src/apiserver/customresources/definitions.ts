// CustomResourceDefinitions: serves the custom resources that are defined in the store, from the moment that they are to the one they are not.
import { isDeepStrictEqual } from 'node:util';
import { isCelLoaded, loadCel } from '../../apimachinery/cel/library.js';
import type { Clock, Timer } from '../../apimachinery/clock.js';
import type { JsonObject } from '../../apimachinery/json.js';
import type { Logger } from '../../apimachinery/logger.js';
import { StatusError } from '../../apimachinery/status.js';
import { customSchema } from '../../apimachinery/structural/custom.js';
import { WorkQueue } from '../../client/workqueue.js';
import type { Backend } from '../../etcd/backend.js';
import { customResourceDefinitions } from '../../kinds/apiextensions/customresourcedefinition.js';
import type { CustomResourceDefinition, CustomResourceDefinitionVersion } from '../../kinds/types/apiextensions_v1.js';
import type { ResourceExtension } from '../extensions/extension.js';
import type { NewResource, Resource, Resources } from '../resources.js';
import type { EventView } from '../storage/cache-event.js';
import type { WatchSink } from '../storage/watchers.js';
import { Cleanup } from './cleanup.js';
import { converterOf, customConversion } from './conversion.js';
import { customKind, hasVersionRules, schemaOf } from './kind.js';
import { isConditionTrue, reconcileStatus, takenNames } from './names.js';
import type { WebhookConverterParts } from './webhook-converter.js';

/** Before the definitions are read again after the store could not be read. */
const RETRY_MS = 1000;

export interface DefinitionsParts extends WebhookConverterParts {
  readonly resources: Resources;
  readonly backend: Backend;
  readonly clock: Clock;
  readonly log: Logger;
}

interface Served {
  readonly definition: CustomResourceDefinition;
  readonly resources: readonly Resource[];
}

export class CustomResourceDefinitions {
  readonly #known = new Map<string, CustomResourceDefinition>();
  readonly #served = new Map<string, Served>();
  readonly #queue: WorkQueue;
  readonly #cleanup: Cleanup;
  #watch: { cancel(): void } | undefined;
  #retry: Timer | undefined;
  #worker: Promise<void> | undefined;
  #closed = false;
  /** Set while the library of rules is being loaded, for definitions that have some. */
  #loading: Promise<void> | undefined;

  constructor(private readonly parts: DefinitionsParts) {
    this.#queue = new WorkQueue(parts.clock);
    this.#cleanup = new Cleanup(parts, (name) => this.#queue.add(name));
  }

  /** Resolves once all that is defined in the store is served. */
  async start(): Promise<void> {
    await this.#follow();
    await this.#loading;
    this.#worker = this.#work();
  }

  /** Resolves once all is served that was established before the call, by whichever server. */
  async settle(): Promise<void> {
    if (this.#watch) await this.#resource.cache.fresh();
    await this.#loading;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#retry?.cancel();
    this.#watch?.cancel();
    this.#cleanup.close();
    this.#queue.shutDown();
    await this.#worker;
  }

  get #resource(): Resource {
    return this.parts.resources.of(customResourceDefinitions);
  }

  /** What is told comes in the same turn in which clients are told, and before they are: whoever sees a definition established can use it. */
  async #follow(): Promise<void> {
    const { cache, storage } = this.#resource;
    await cache.ready();
    if (this.#closed) return;
    const sink: WatchSink = {
      start: (initial) => this.#replace(initial.map(definitionOf)),
      event: (view) => (view.type === 'DELETED' ? this.#remove(definitionOf(view)) : this.#change(definitionOf(view))),
      bookmark() {},
      end: () => this.#followAgain(),
    };
    this.#watch = cache.watch({ prefix: storage.prefix, matches: undefined, bookmarks: false, initialEventsEnd: false }, sink);
  }

  #followAgain(): void {
    this.#watch = undefined;
    if (this.#closed) return;
    this.#retry = this.parts.clock.after(RETRY_MS, () => {
      this.#follow().catch((error: Error) => {
        this.parts.log.warn({ error: error.message }, 'custom resource definitions cannot be read; trying again');
        this.#followAgain();
      });
    });
  }

  #replace(definitions: readonly CustomResourceDefinition[]): void {
    const names = new Set(definitions.map(({ metadata }) => metadata.name));
    for (const known of [...this.#known.values()]) if (!names.has(known.metadata.name)) this.#remove(known);
    for (const definition of definitions) this.#change(definition);
  }

  #change(definition: CustomResourceDefinition): void {
    this.#known.set(definition.metadata.name, definition);
    this.#serve(definition);
    this.#reconcileGroup(definition);
  }

  #remove(definition: CustomResourceDefinition): void {
    const { name } = definition.metadata;
    this.#known.delete(name);
    this.#cleanup.forget(name);
    this.#stop(name);
    this.#reconcileGroup(definition);
  }

  /** A name that one of a group gives up another may take. */
  #reconcileGroup({ metadata, spec }: CustomResourceDefinition): void {
    this.#queue.add(metadata.name);
    for (const other of this.#known.values()) {
      if (other.spec.group === spec.group && !isConditionTrue(other, 'NamesAccepted')) this.#queue.add(other.metadata.name);
    }
  }

  #serve(definition: CustomResourceDefinition): void {
    const { name } = definition.metadata;
    const before = this.#served.get(name);
    if (!isConditionTrue(definition, 'Established')) {
      this.#stop(name);
      return;
    }
    if (before && !isServedDifferently(before.definition, definition)) {
      this.#served.set(name, { ...before, definition });
      return;
    }
    if (!isCelLoaded() && definition.spec.versions.some(hasVersionRules)) {
      this.#serveLater(name);
      return;
    }
    const remove = before?.resources ?? [];
    const add = definition.spec.versions
      .filter((version) => version.served && this.#isFree(definition, version, remove))
      .map((version) => this.#resourceOf(definition, version));
    this.parts.resources.change({ remove, add });
    this.#served.set(name, { definition, resources: add.map(({ kind }) => this.parts.resources.of(kind)) });
  }

  /** Rules that this process has not validated itself: those stored before it started, or through another server. */
  #serveLater(name: string): void {
    const loading = (this.#loading ?? Promise.resolve()).then(loadCel).then(() => {
      const definition = this.#known.get(name);
      if (definition && !this.#closed) this.#serve(definition);
    });
    this.#loading = loading.catch((error: Error) => this.parts.log.error({ error: error.message }, 'cel: the library cannot be loaded'));
  }

  #stop(name: string): void {
    const served = this.#served.get(name);
    if (!served) return;
    this.#served.delete(name);
    this.parts.resources.change({ remove: served.resources });
  }

  #isFree({ spec, status }: CustomResourceDefinition, { name }: CustomResourceDefinitionVersion, ours: readonly Resource[]): boolean {
    const other = this.parts.resources.find(spec.group, name, status.acceptedNames.plural);
    return !other || ours.includes(other);
  }

  #resourceOf(definition: CustomResourceDefinition, version: CustomResourceDefinitionVersion): NewResource {
    const kind = customKind(definition, version);
    const schema = schemaOf(version);
    const extension: ResourceExtension = {
      kind,
      prepareForCreate: () => {
        if (!this.#known.get(definition.metadata.name)?.metadata.deletionTimestamp) return;
        const message = 'create not allowed while custom resource definition is terminating';
        throw new StatusError(405, 'MethodNotAllowed', message, { group: kind.group, kind: kind.plural });
      },
    };
    return {
      kind,
      schema: customSchema(kind.schema, schema, this.parts.resources.schemas.get('meta.v1.ObjectMeta')),
      conversion: customConversion(definition, version, converterOf(definition, this.parts)),
      extension,
      openApi: schema as JsonObject,
    };
  }

  async #work(): Promise<void> {
    for (let name = await this.#queue.next(); name !== undefined; name = await this.#queue.next()) {
      try {
        await this.#reconcile(name);
        this.#queue.forget(name);
      } catch (error) {
        this.parts.log.warn({ definition: name, error: (error as Error).message }, 'a custom resource definition cannot be reconciled yet');
        this.#queue.addRateLimited(name);
      }
      this.#queue.done(name);
    }
  }

  async #reconcile(name: string): Promise<void> {
    const { cache, storage } = this.#resource;
    await cache.fresh();
    if (!this.#known.has(name) || this.#closed) return;
    if (this.#known.get(name)!.metadata.deletionTimestamp) return this.#cleanup.reconcile(this.#known.get(name)!);
    await storage.change({ name }, ({ object }) => {
      const current = object as CustomResourceDefinition;
      if (current.metadata.deletionTimestamp) return { type: 'keep' };
      const status = reconcileStatus(current, this.#takenBeside(current), this.parts.clock.now());
      return status === current.status ? { type: 'keep' } : { type: 'put', object: { ...current, status } as CustomResourceDefinition };
    });
  }

  /** The names of other definitions of the group, and of built-in kinds in it. */
  #takenBeside({ metadata, spec }: CustomResourceDefinition) {
    const others = [...this.#known.values()].filter((other) => other.spec.group === spec.group && other.metadata.name !== metadata.name);
    const custom = new Set([...this.#served.values()].flatMap(({ resources }) => resources));
    const builtIn = [...this.parts.resources.all()]
      .filter((each) => each.kind.group === spec.group && !custom.has(each))
      .map(({ kind }) => kind);
    return takenNames([...others.map(({ status }) => status.acceptedNames), ...builtIn]);
  }
}

const definitionOf = ({ object }: EventView) => object.object as CustomResourceDefinition;

function isServedDifferently(before: CustomResourceDefinition, after: CustomResourceDefinition): boolean {
  return (
    before.metadata.uid !== after.metadata.uid ||
    !isDeepStrictEqual(before.status.acceptedNames, after.status.acceptedNames) ||
    !isDeepStrictEqual(before.spec, after.spec)
  );
}
