// prune: takes out of an object what its structural schema does not know.
import type { MutableJson, MutableJsonObject } from '../clone.js';
import { MAX_STRICT_ERRORS } from '../codec/strict.js';
import { itemsOf, type JsonSchema, META_FIELDS, propertyOf, valuesOf } from './schema.js';

/** Changes `object`, a whole one, whose metadata is not looked at. Returns what it took out, as paths such as `spec.list[0].foo`. */
export function prune(object: MutableJsonObject, schema: JsonSchema): string[] {
  const walk = new Pruning();
  walk.value(object, schema['x-kubernetes-embedded-resource'] ? schema : { ...schema, 'x-kubernetes-embedded-resource': true }, '');
  return walk.unknown.sort();
}

/** Changes `value`, a part of an object. Returns whether it took anything out. */
export function pruneValue(value: MutableJson, schema: JsonSchema): boolean {
  const walk = new Pruning();
  walk.value(value, schema, '');
  return walk.changed;
}

class Pruning {
  readonly unknown: string[] = [];
  changed = false;

  /** No schema: nothing is known. */
  value(value: MutableJson, schema: JsonSchema | undefined, at: string): void {
    if (typeof value !== 'object' || value === null) return;
    const preserve = schema?.['x-kubernetes-preserve-unknown-fields'] === true;
    if (Array.isArray(value)) this.#list(value, schema, at, preserve);
    else this.#object(value, schema ?? {}, at, preserve);
  }

  #list(list: MutableJson[], schema: JsonSchema | undefined, at: string, preserve: boolean): void {
    const items = schema && itemsOf(schema);
    if (preserve && !items) return;
    // As upstream: inside a list whose unknown fields are preserved its items' are, too.
    const inner = preserve ? { ...items, 'x-kubernetes-preserve-unknown-fields': true } : items;
    for (const [index, item] of list.entries()) this.value(item, inner, `${at}[${index}]`);
  }

  #object(object: MutableJsonObject, schema: JsonSchema, at: string, preserve: boolean): void {
    for (const key of Object.keys(object)) {
      if (schema['x-kubernetes-embedded-resource'] && META_FIELDS.has(key)) continue;
      const path = at ? `${at}.${key}` : key;
      const property = propertyOf(schema, key);
      // `additionalProperties: true` admits any member, but what is in it is unknown.
      if (property) this.value(object[key]!, property, path);
      else if (schema.additionalProperties !== undefined) this.value(object[key]!, valuesOf(schema), path);
      else if (!preserve) this.#drop(object, key, path);
    }
  }

  #drop(object: MutableJsonObject, key: string, path: string): void {
    delete object[key];
    this.changed = true;
    if (this.unknown.length < MAX_STRICT_ERRORS) this.unknown.push(path);
  }
}
