// normalize: an object as a client sent it becomes one as Go would hold it: typed, pruned, zero values where Go has them.

import { bareFieldOf, bareFormsOf } from './bare.js';
import { JSON_DEPTH_MAX, type MutableJson, type MutableJsonObject, setMember, tooDeep } from './clone.js';
import { MAX_STRICT_ERRORS } from './codec/strict.js';
import { isJsonObject, type Json, type JsonObject } from './json.js';
import { describe, isScalar, type ScalarRules, scalars, UnfitValue } from './scalars.js';
import type { Field, Normalized, ObjectSchema } from './schema.js';
import { badRequest } from './status.js';

/**
 * Checks types, drops what the schema does not know, nulls and empty optional values, adds what Go always has (structs that
 * are no pointers, required zero values, declared defaults), and writes quantities and times in their canonical form.
 * Throws StatusError 400 in the words of upstream's decoder.
 */
export function normalize(schema: ObjectSchema, input: JsonObject): Normalized {
  if (schema.custom) return schema.custom.normalize(input);
  const walk = new Walk();
  try {
    return { object: walk.object(planOf(schema), input), unknownFields: walk.unknown };
  } catch (error) {
    if (!(error instanceof UnfitValue)) throw error;
    throw badRequest(cannotBeHandled(schema, input, error.message));
  }
}

function cannotBeHandled(schema: ObjectSchema, input: JsonObject, why: string): string {
  const kind = typeof input['kind'] === 'string' ? input['kind'] : goName(schema);
  const version = typeof input['apiVersion'] === 'string' ? input['apiVersion'].split('/').at(-1) : '';
  return `${kind} in version ${JSON.stringify(version)} cannot be handled as a ${goName(schema)}: ${why}`;
}

/** How one field's value is converted, worked out once for each field. */
interface Slot {
  readonly name: string;
  /** Of the innermost items, as Go's messages have it. */
  readonly goType: string;
  /** Empty values are as good as none: Go omits them. */
  readonly dropEmpty: boolean;
  convert(walk: Walk, value: Json): MutableJson;
}

interface Plan {
  readonly goName: string;
  /** It may carry apiVersion and kind even inside another object. */
  readonly typed: boolean;
  readonly slots: ReadonlyMap<string, Slot>;
  /** What is there even if nobody set it. */
  readonly always: readonly { readonly name: string; make(walk: Walk): MutableJson }[];
}

const plans = new WeakMap<ObjectSchema, Plan>();

function planOf(schema: ObjectSchema): Plan {
  const known = plans.get(schema);
  if (known) return known;
  const slots = new Map<string, Slot>();
  const always: { name: string; make(walk: Walk): MutableJson }[] = [];
  const plan: Plan = { goName: goName(schema), typed: isWholeObject(schema), slots, always };
  plans.set(schema, plan);
  for (const field of schema.fields.values()) {
    slots.set(field.name, slotOf(field));
    const make = makerOf(field);
    if (make) always.push({ name: field.name, make });
  }
  return plan;
}

/** Objects with metadata have a kind of their own, except templates, of which only the metadata is meant for others. */
export const isWholeObject = (schema: ObjectSchema) => schema.fields.has('metadata') && !/(TemplateSpec|ClaimTemplate)$/.test(schema.id);

const goName = (schema: ObjectSchema) => schema.id.slice(schema.id.lastIndexOf('.') + 1);
/** With its package, which in Go is named after the version: `core.v1.Pod` is a `v1.Pod`. */
const goTypeOf = (schema: ObjectSchema) => schema.id.slice(schema.id.indexOf('.') + 1);

function slotOf(field: Field): Slot {
  const { name, object, of, itemOf } = field;
  const goType = object ? goTypeOf(object) : rulesOf(field).goType;
  let convert = object ? convertObject(object) : convertScalar(field);
  const zero = (walk: Walk) => zeroOf(field, walk);
  const zeroItem = itemOf ? () => emptyOf(itemOf) : zero;
  if (itemOf) convert = nest(itemOf, nestedGoType(itemOf, goType), convert, zero);
  if (of) convert = nest(of, nestedGoType(of, itemOf ? nestedGoType(itemOf, goType) : goType), convert, zeroItem);
  return { name, goType, dropEmpty: Boolean(field.omit && !field.pointer && (of || !object)), convert };
}

function rulesOf({ name, type }: Field): ScalarRules {
  if (!isScalar(type)) throw new Error(`schema: field ${name} has unknown type ${type}`);
  return scalars[type];
}

function convertObject(schema: ObjectSchema): Slot['convert'] {
  if (schema.bare) return convertBare(schema);
  return (walk, value) => {
    if (isJsonObject(value)) return walk.object(planOf(schema), value);
    throw new UnfitValue('', describe(value));
  };
}

function convertBare(schema: ObjectSchema): Slot['convert'] {
  const slots = new Map(schema.messageFields.map((field) => [field, slotOf(field)]));
  return (walk, value) => {
    const field = bareFieldOf(schema, value);
    if (field) return slots.get(field)!.convert(walk, value);
    throw new UnfitValue(`${bareFormsOf(schema)} expected`);
  };
}

function convertScalar(field: Field): Slot['convert'] {
  const rules = rulesOf(field);
  return (_, value) => rules.convert(value);
}

const emptyOf = (of: 'list' | 'map'): MutableJson => (of === 'list' ? [] : {});
const nestedGoType = (of: 'list' | 'map', item: string) => (of === 'list' ? `[]${item}` : `map[string]${item}`);

/** `zero` stands for items that are null, as in Go. */
function nest(of: 'list' | 'map', goType: string, convert: Slot['convert'], zero: (walk: Walk) => MutableJson): Slot['convert'] {
  const item = (walk: Walk, value: Json) => (value === null ? zero(walk) : convert(walk, value));
  if (of === 'list') {
    return (walk, value) => {
      if (!Array.isArray(value)) throw new UnfitValue('', describe(value), goType);
      return walk.list(value, item);
    };
  }
  return (walk, value) => {
    if (!isJsonObject(value)) throw new UnfitValue('', describe(value), goType);
    const out: MutableJsonObject = {};
    for (const key of Object.keys(value)) setMember(out, key, walk.entry(key, value[key] ?? null, item));
    return out;
  };
}

function zeroOf(field: Field, walk: Walk): MutableJson {
  if (field.object?.bare) return null;
  return field.object ? walk.object(planOf(field.object), {}) : (rulesOf(field).zero ?? null);
}

/** For fields that are there even if nobody set them. */
function makerOf(field: Field): ((walk: Walk) => MutableJson) | undefined {
  const { object, of, pointer, omit, type } = field;
  const fallback = field.default;
  if (fallback !== undefined && (pointer || !omit || !isEmpty(fallback as MutableJson)))
    return () => structuredClone(fallback) as MutableJson;
  if (pointer) return undefined;
  if (of) return omit ? undefined : () => emptyOf(of);
  if (object) return (walk) => zeroOf(field, walk);
  const { zero } = rulesOf(field);
  // A Quantity is a struct in Go, which `omitempty` does not omit.
  return zero === undefined || (omit && type !== 'Quantity') ? undefined : () => zero;
}

function isEmpty(value: MutableJson): boolean {
  if (typeof value !== 'object' || value === null) return !value;
  if (Array.isArray(value)) return value.length === 0;
  for (const _ in value) return false;
  return true;
}

/** One pass over one object: where it is, and what it found. */
class Walk {
  readonly unknown: string[] = [];
  /** Names of fields, indices of lists, and keys of maps (in a list of their own). */
  readonly #path: (string | number | readonly [string])[] = [];

  object(plan: Plan, input: JsonObject): MutableJsonObject {
    if (this.#path.length > JSON_DEPTH_MAX) throw tooDeep();
    const out: MutableJsonObject = {};
    for (const key of Object.keys(input)) {
      const value = input[key];
      if (value === null || value === undefined) continue;
      const slot = plan.slots.get(key);
      if (slot) this.#field(plan, slot, value, out);
      else if ((key === 'kind' || key === 'apiVersion') && (plan.typed || this.#path.length === 0))
        this.#field(plan, TYPE_META[key], value, out);
      else if (this.unknown.length < MAX_STRICT_ERRORS) this.unknown.push(this.#pathTo(key));
    }
    for (const { name, make } of plan.always) if (out[name] === undefined) out[name] = make(this);
    return out;
  }

  list(input: readonly Json[], item: (walk: Walk, value: Json) => MutableJson): MutableJson[] {
    const out = new Array<MutableJson>(input.length);
    const at = this.#path.push(0) - 1;
    for (let i = 0; i < input.length; i++) {
      this.#path[at] = i;
      out[i] = item(this, input[i] ?? null);
    }
    this.#path.pop();
    return out;
  }

  entry(key: string, value: Json, item: (walk: Walk, value: Json) => MutableJson): MutableJson {
    if (typeof value !== 'object') return item(this, value);
    this.#path.push([key]);
    const converted = item(this, value);
    this.#path.pop();
    return converted;
  }

  #field(plan: Plan, slot: Slot, value: Json, out: MutableJsonObject): void {
    this.#path.push(slot.name);
    try {
      const converted = slot.convert(this, value);
      if (!slot.dropEmpty || !isEmpty(converted)) out[slot.name] = converted;
    } catch (error) {
      if (error instanceof UnfitValue && error.value !== undefined) throw this.#located(plan, error.value, error.goType ?? slot.goType);
      throw error;
    }
    this.#path.pop();
  }

  /** Go names the struct, the path without indices, and the type. */
  #located(plan: Plan, value: string, goType: string): UnfitValue {
    const names = this.#path.filter((part) => typeof part === 'string');
    return new UnfitValue(`json: cannot unmarshal ${value} into Go struct field ${plan.goName}.${names.join('.')} of type ${goType}`);
  }

  #pathTo(key: string): string {
    let text = '';
    for (const part of this.#path) text += typeof part === 'number' ? `[${part}]` : text ? `.${part}` : String(part);
    return text ? `${text}.${key}` : key;
  }
}

const typeMeta = (name: string): Slot => ({
  name,
  goType: 'string',
  dropEmpty: true,
  convert: (_, value) => scalars.string.convert(value),
});
const TYPE_META = { kind: typeMeta('kind'), apiVersion: typeMeta('apiVersion') };
