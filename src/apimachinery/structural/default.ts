// applyDefaults: fills in what a structural schema has defaults for.
import { cloneJson, type MutableJson, type MutableJsonObject } from '../clone.js';
import { isJsonObject } from '../json.js';
import { itemsOf, type JsonSchema, propertyOf, someSchema, valuesOf } from './schema.js';

/**
 * Changes `value`; returns whether it did. As upstream, a null where none is allowed is as good as nothing: it goes, or the
 * default takes its place.
 */
export function applyDefaults(value: MutableJson, schema: JsonSchema): boolean {
  if (Array.isArray(value)) return defaultList(value, itemsOf(schema));
  return isJsonObject(value) ? defaultObject(value as MutableJsonObject, schema) : false;
}

/** Whether there is anything to fill in at all. */
export const hasDefaults = (schema: JsonSchema): boolean => someSchema(schema, (each) => each.default !== undefined);

const isUnwantedNull = (value: MutableJson | undefined, schema: JsonSchema | undefined) =>
  value === null && schema !== undefined && !schema.nullable;

function defaultObject(object: MutableJsonObject, schema: JsonSchema): boolean {
  let changed = false;
  for (const key of Object.keys(object)) {
    const inner = propertyOf(schema, key) ?? valuesOf(schema);
    if (!isUnwantedNull(object[key], inner) || inner?.default !== undefined) continue;
    delete object[key];
    changed = true;
  }
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    if (property.default === undefined) continue;
    const present = Object.hasOwn(object, name) && object[name] !== undefined;
    if (present && !isUnwantedNull(object[name], property)) continue;
    object[name] = cloneJson(property.default);
    changed = true;
  }
  const values = valuesOf(schema);
  for (const key of Object.keys(object)) {
    const property = propertyOf(schema, key);
    if (!property && isUnwantedNull(object[key], values)) {
      object[key] = cloneJson(values!.default!);
      changed = true;
    }
    const inner = property ?? values;
    if (inner && applyDefaults(object[key]!, inner)) changed = true;
  }
  return changed;
}

function defaultList(list: MutableJson[], items: JsonSchema | undefined): boolean {
  if (!items) return false;
  let changed = false;
  for (const [index, item] of list.entries()) {
    if (isUnwantedNull(item, items) && items.default !== undefined) {
      list[index] = cloneJson(items.default);
      changed = true;
    }
    if (applyDefaults(list[index]!, items)) changed = true;
  }
  return changed;
}
