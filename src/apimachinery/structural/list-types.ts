// Lists that are sets or maps: no item, or no key of one, is there twice.
import { duplicate, type FieldError, invalid } from '../field.js';
import { isJsonObject, type Json, type JsonObject } from '../json.js';
import { itemsOf, type JsonSchema, propertyOf, valuesOf } from './schema.js';

/** Of every such list in `value`. */
export function validateListTypes(value: Json, schema: JsonSchema, at = ''): readonly FieldError[] {
  if (Array.isArray(value)) return listErrors(value, schema, at);
  if (!isJsonObject(value)) return [];
  return Object.entries(value).flatMap(([key, member]) => {
    const property = propertyOf(schema, key);
    const inner = property ?? valuesOf(schema);
    const path = property ? (at ? `${at}.${key}` : key) : `${at}[${key}]`;
    return inner && member !== undefined ? validateListTypes(member, inner, path) : [];
  });
}

function listErrors(list: readonly Json[], schema: JsonSchema, at: string): readonly FieldError[] {
  const errors: FieldError[] = [];
  const type = schema['x-kubernetes-list-type'];
  if (type === 'set') for (const index of repeated(list)) errors.push(duplicate(`${at}[${index}]`, list[index]!));
  if (type === 'map') errors.push(...mapErrors(list, schema['x-kubernetes-list-map-keys'] ?? [], at));
  const items = itemsOf(schema);
  if (items) errors.push(...list.flatMap((item, index) => validateListTypes(item, items, `${at}[${index}]`)));
  return errors;
}

function mapErrors(list: readonly Json[], keys: readonly string[], at: string): readonly FieldError[] {
  const stray = list.findIndex((item) => item !== null && !isJsonObject(item));
  if (stray >= 0) return [invalid(`${at}[${stray}]`, list[stray], 'must be an object for an array of list-type map')];
  const named = list.map((item) => keysOf(item, keys));
  return repeated(named).map((index) => duplicate(`${at}[${index}]`, named[index]!));
}

function keysOf(item: Json, keys: readonly string[]): JsonObject {
  if (!isJsonObject(item)) return {};
  return Object.fromEntries(keys.filter((key) => item[key] !== undefined).map((key) => [key, item[key]!]));
}

/** The second appearance of each value that appears more than once. */
function repeated(values: readonly Json[]): readonly number[] {
  const times = new Map<string, number>();
  const out: number[] = [];
  for (const [index, value] of values.entries()) {
    const key = canonical(value);
    const seen = times.get(key) ?? 0;
    times.set(key, seen + 1);
    if (seen === 1) out.push(index);
  }
  return out;
}

/** The same for objects that differ in the order of their members only. */
function canonical(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (!isJsonObject(value)) return JSON.stringify(value);
  const members = Object.keys(value).sort();
  return `{${members.map((key) => `${JSON.stringify(key)}:${canonical(value[key] ?? null)}`).join()}}`;
}
