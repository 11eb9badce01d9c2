// A field manager of one object for tests: applies and updates one after another, as a server would do them.
import { type Applied, applyConfiguration } from '../../../../src/apimachinery/apply/apply.js';
import { ConflictError } from '../../../../src/apimachinery/apply/conflict.js';
import type { Entries, Entry } from '../../../../src/apimachinery/apply/entries.js';
import { describePath, type FieldSet, pathsOf } from '../../../../src/apimachinery/apply/field-set.js';
import { applyTypeOfStructural, type StructuralSchema } from '../../../../src/apimachinery/apply/structural.js';
import type { ApplyType } from '../../../../src/apimachinery/apply/type.js';
import { updateEntries } from '../../../../src/apimachinery/apply/update.js';
import { misfit } from '../../../../src/apimachinery/apply/validate.js';
import { ONE_VERSION, type Versions } from '../../../../src/apimachinery/apply/versions.js';
import type { JsonObject } from '../../../../src/apimachinery/json.js';

const NO_META: ApplyType = applyTypeOfStructural(
  { type: 'object', properties: { name: { type: 'string' }, labels: { type: 'object', additionalProperties: { type: 'string' } } } },
  { map: { atomic: false, fields: new Map(), other: undefined } },
);

export const typeOf = (schema: StructuralSchema): ApplyType => applyTypeOfStructural(schema, NO_META);

export class TestManager {
  entries: Entries = [];
  #time = 0;

  constructor(
    private readonly type: ApplyType,
    public object: JsonObject = {},
    public version = 'v1',
    private readonly versions: Versions = ONE_VERSION,
  ) {}

  async apply(manager: string, config: JsonObject, force = false): Promise<Applied> {
    const wrong = misfit(this.type, config);
    if (wrong) throw new Error(wrong);
    const applied = await applyConfiguration({
      type: this.type,
      live: this.object,
      config,
      entries: this.entries,
      writer: this.#writer(manager),
      force,
      versions: this.versions,
    });
    this.object = applied.object;
    this.entries = applied.entries;
    return applied;
  }

  update(manager: string, after: JsonObject, ignored?: FieldSet): void {
    this.entries = updateEntries({
      type: this.type,
      before: this.object,
      after,
      ignored,
      entries: this.entries,
      writer: this.#writer(manager),
    });
    this.object = after;
  }

  /** The text of the conflicts that an apply meets. */
  async conflicts(manager: string, config: JsonObject): Promise<string> {
    try {
      await this.apply(manager, config);
    } catch (error) {
      if (error instanceof ConflictError) return error.toStatus().message;
      throw error;
    }
    return '';
  }

  /** The paths that a manager owns. */
  owned(manager: string, operation: Entry['operation'] = 'Apply'): string[] {
    const entry = this.entries.find((each) => each.manager === manager && each.operation === operation);
    return entry ? pathsOf(entry.fieldsV1).map(describePath).sort() : [];
  }

  timeOf(manager: string): string | undefined {
    return this.entries.find((each) => each.manager === manager)?.time;
  }

  #writer(manager: string) {
    const time = `2026-11-24T10:00:${String(this.#time++).padStart(2, '0')}Z`;
    return { manager, apiVersion: this.version, subresource: undefined, time };
  }
}
