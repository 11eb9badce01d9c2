// Cleanup: a definition that is being deleted goes when all its objects have gone.
import type { KubeObject } from '../../apimachinery/object.js';
import { isStatus } from '../../apimachinery/status.js';
import { prefixEnd, type Watch } from '../../etcd/backend.js';
import { customResourceDefinitions, FINALIZER_CLEANUP } from '../../kinds/apiextensions/customresourcedefinition.js';
import type { CustomResourceDefinition } from '../../kinds/types/apiextensions_v1.js';
import { decideDeletion, isDeletionComplete } from '../deletion.js';
import { Storage } from '../storage/storage.js';
import { Turns } from '../storage/turns.js';
import { converterOf, customConversion } from './conversion.js';
import type { DefinitionsParts } from './definitions.js';
import { customKind } from './kind.js';
import { isConditionTrue, withCondition } from './names.js';

/** Objects that are read at a time. */
const PAGE = 500;

export class Cleanup {
  /** For each definition that waits for finalizers of its objects. */
  readonly #watches = new Map<string, Watch>();

  /** `again` is called when there may be more to do for a definition. */
  constructor(
    private readonly parts: DefinitionsParts,
    private readonly again: (name: string) => void,
  ) {}

  async reconcile(definition: CustomResourceDefinition): Promise<void> {
    const { metadata } = definition;
    if (!metadata.finalizers?.includes(FINALIZER_CLEANUP)) return;
    // Without names that it was given there is nothing that is its own.
    const left = isConditionTrue(definition, 'Established') ? await this.#deleteObjects(definition) : 0;
    if (left > 0) return;
    this.forget(metadata.name);
    await this.#finish(metadata.name);
  }

  /** Nothing is waited for any more. */
  forget(name: string): void {
    this.#watches.get(name)?.cancel();
    this.#watches.delete(name);
  }

  close(): void {
    for (const name of [...this.#watches.keys()]) this.forget(name);
  }

  /** How many are still there, for finalizers of their own. */
  async #deleteObjects(definition: CustomResourceDefinition): Promise<number> {
    const storage = this.#storageOf(definition);
    const { prefix } = storage;
    let left = 0;
    for (let start = prefix; ; ) {
      const { kvs, more, revision } = await storage.range(prefix, start, PAGE, 0);
      for (const { object } of await storage.decodeAll(kvs)) if (!(await this.#deleteObject(storage, object))) left++;
      if (more) start = `${kvs.at(-1)!.key}\0`;
      else {
        if (left > 0) this.#wait(definition.metadata.name, prefix, revision);
        return left;
      }
    }
  }

  /** Its objects as they are stored: whether any version is served does not matter. */
  #storageOf(definition: CustomResourceDefinition): Storage {
    const version = definition.spec.versions.find(({ storage }) => storage)!;
    const kind = customKind(definition, version);
    const conversion = customConversion(definition, version, converterOf(definition, this.parts));
    return new Storage(kind, this.parts.backend, new Turns(this.parts.clock), undefined, conversion);
  }

  /** Whether it is gone. */
  async #deleteObject(storage: Storage, { metadata }: KubeObject): Promise<boolean> {
    const { kind } = storage;
    try {
      const changed = await storage.change(metadata, ({ object }) => {
        const deletion = decideDeletion({ kind, extension: undefined }, object, {}, this.parts.clock.now());
        if (deletion.type === 'mark') return { type: 'put', object: deletion.object };
        return deletion.type === 'keep' ? deletion : { type: 'delete' };
      });
      return changed.deleted;
    } catch (error) {
      if (isStatus(error, 'NotFound')) return true;
      throw error;
    }
  }

  #wait(name: string, prefix: string, revision: number): void {
    if (this.#watches.has(name)) return;
    const watch = this.parts.backend.watch(
      { key: prefix, rangeEnd: prefixEnd(prefix), startRevision: revision + 1 },
      {
        onBatch: ({ events }) => {
          if (events.some(({ type }) => type === 'delete')) this.again(name);
        },
        onEnd: () => {
          this.#watches.delete(name);
          this.again(name);
        },
      },
    );
    this.#watches.set(name, watch);
  }

  async #finish(name: string): Promise<void> {
    const { storage, extension } = this.parts.resources.of(customResourceDefinitions);
    try {
      await storage.change({ name }, ({ object }) => {
        const current = object as CustomResourceDefinition;
        const finalizers = (current.metadata.finalizers ?? []).filter((each) => each !== FINALIZER_CLEANUP);
        const condition = { type: 'Terminating', status: 'False', reason: 'InstanceDeletionCompleted', message: 'removed all instances' };
        const status = withCondition(current.status, condition, this.parts.clock.now());
        const next = { ...current, metadata: { ...current.metadata, finalizers }, status } as CustomResourceDefinition;
        return isDeletionComplete(extension, next) ? { type: 'delete' } : { type: 'put', object: next };
      });
    } catch (error) {
      if (!isStatus(error, 'NotFound')) throw error;
    }
  }
}
