// Which part of an old object is a part of the new one: members by name, items of `map` lists by their keys; atomic lists have none.
import { isJsonObject, type Json } from '../json.js';
import type { JsonSchema } from './schema.js';

/** The old value of a member; undefined where it was not there, or the object is one indivisible whole. */
export function oldMember(schema: JsonSchema, old: Json | undefined, name: string): Json | undefined {
  if (!isJsonObject(old) || schema['x-kubernetes-map-type'] === 'atomic') return undefined;
  return Object.hasOwn(old, name) ? old[name] : undefined;
}

/** For each item of `list` the old one that it was; undefined where items cannot be told apart. */
export function oldItems(schema: JsonSchema, list: readonly Json[], old: Json | undefined): readonly (Json | undefined)[] | undefined {
  const keys = schema['x-kubernetes-list-map-keys'];
  if (!Array.isArray(old) || schema['x-kubernetes-list-type'] !== 'map' || !keys) return undefined;
  const byKey = new Map((old as readonly Json[]).map((item) => [keyOf(item, keys), item]));
  return list.map((item) => byKey.get(keyOf(item, keys)));
}

export const keyOf = (item: Json, keys: readonly string[]): string =>
  JSON.stringify(isJsonObject(item) ? keys.map((key) => item[key] ?? null) : null);
