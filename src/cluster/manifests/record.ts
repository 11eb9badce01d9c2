// AddOnRecord: keeps the AddOn of a file what it should be.
import { type Clock, rfc3339 } from '../../apimachinery/clock.js';
import { isStatus } from '../../apimachinery/status.js';
import type { Client } from '../../client/client.js';
import { customResourceDefinitions } from '../../kinds/apiextensions/customresourcedefinition.js';
import { sameJson } from '../../kinds/checks.js';
import { NAMESPACE_SYSTEM } from '../../kinds/wellknown.js';
import { type AddOn, addOnDefinition, addOns, type ObjectRef } from './addon.js';

export interface Outcome {
  readonly applied: boolean;
  readonly reason: string;
  readonly message: string;
}

export class AddOnRecord {
  constructor(
    private readonly client: Client,
    private readonly clock: Clock,
    private readonly server: string,
  ) {}

  /** Whether the kind is there: where it is not, no file has ever been applied. */
  async isDefined(): Promise<boolean> {
    return (await this.#found(this.client.get(customResourceDefinitions, addOnDefinition.metadata as { name: string }))) !== undefined;
  }

  async get(name: string): Promise<AddOn | undefined> {
    return this.#found(this.client.get(addOns, { namespace: NAMESPACE_SYSTEM, name }));
  }

  async #found<T>(asked: Promise<T>): Promise<T | undefined> {
    try {
      return await asked;
    } catch (error) {
      if (isStatus(error, 'NotFound')) return undefined;
      throw error;
    }
  }

  /** The AddOn of a file, made or put right. Rejects with NotFound where the kind is not served yet. */
  async ensure(name: string, source: string, checksum: string, before: AddOn | undefined): Promise<AddOn> {
    const spec = { server: this.server, source, checksum };
    if (before) return sameJson(before.spec, spec) ? before : this.client.update(addOns, { ...before, spec });
    if (!(await this.isDefined())) await this.client.create(customResourceDefinitions, addOnDefinition);
    return this.client.create(addOns, { metadata: { name, namespace: NAMESPACE_SYSTEM }, spec });
  }

  async write(addOn: AddOn, objects: readonly ObjectRef[], outcome?: Outcome): Promise<AddOn> {
    const { objects: had = [], conditions = [] } = addOn.status ?? {};
    const before = conditions.find(({ type }) => type === 'Applied');
    const status = outcome?.applied ? ('True' as const) : ('False' as const);
    const lastTransitionTime = before?.status === status ? before.lastTransitionTime : rfc3339(this.clock.now());
    const { reason = '', message = '' } = outcome ?? {};
    const now = outcome ? [{ type: 'Applied', status, reason, message, lastTransitionTime }] : conditions;
    if (sameJson(objects, had) && sameJson(now, conditions)) return addOn;
    return this.client.update(addOns, { ...addOn, status: { conditions: now, objects } }, 'status');
  }

  async remove({ metadata }: AddOn): Promise<void> {
    try {
      await this.client.delete(addOns, metadata, { preconditions: { uid: metadata.uid } });
    } catch (error) {
      if (!isStatus(error, 'NotFound')) throw error;
    }
  }
}
