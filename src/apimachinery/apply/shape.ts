// How a value is seen through a type: as a map or list whose parts have owners of their own, or as one leaf.
import type { Json, JsonObject } from '../json.js';
import { isJsonObject } from '../json.js';
import { fieldElement, keyElement, valueElement } from './elements.js';
import type { ApplyField, ApplyList, ApplyMap, ApplyType } from './type.js';

/** The map type whose members are owned one by one, if `value` is such a map. */
export function granularMap(type: ApplyType, value: Json): ApplyMap | undefined {
  const { map } = type;
  return map && !map.atomic && isJsonObject(value) ? map : undefined;
}

/** The list type whose items are owned one by one, if `value` is such a list. */
export function granularList(type: ApplyType, value: Json): ApplyList | undefined {
  const { list } = type;
  return list && list.type !== 'atomic' && Array.isArray(value) ? list : undefined;
}

/** A declared field, or what stands for a member that is not declared: of an unknown one the whole is owned. */
export function memberOf(map: ApplyMap, name: string): ApplyField {
  return map.fields.get(name) ?? { element: fieldElement(name), type: map.other ?? {} };
}

/** The names of an object's members in the order in which a set has their elements. */
export function sortedNames(value: JsonObject): readonly string[] {
  const names = Object.keys(value);
  for (let i = 1; i < names.length; i++) if (names[i]! < names[i - 1]!) return names.sort();
  return names;
}

/** An item that cannot be told apart from others. */
export class ItemError extends Error {
  override readonly name = 'ItemError';
}

/** How a set names an item of an associative list. Throws ItemError. */
export function itemElement(list: ApplyList, item: Json): string {
  return list.type === 'set' ? scalarElement(item) : keyedElement(list, item);
}

function scalarElement(item: Json): string {
  if (item === null) throw new ItemError("associative list without keys has an element that's an explicit null");
  if (Array.isArray(item)) throw new ItemError('not supported: associative list with lists as elements');
  if (isJsonObject(item)) throw new ItemError("associative list without keys has an element that's a map type");
  return valueElement(item);
}

function keyedElement(list: ApplyList, item: Json): string {
  if (item === null) throw new ItemError('associative list with keys may not have a null element');
  if (!isJsonObject(item)) throw new ItemError('associative list with keys may not have non-map elements');
  const { keys } = list;
  if (keys.length === 1 && item[keys[0]!] !== undefined) return keyElement(item, keys);
  const known: { [key: string]: Json | undefined } = {};
  let found = false;
  for (const key of keys) {
    known[key] = item[key] ?? list.item.map?.fields.get(key)?.default;
    found ||= known[key] !== undefined;
  }
  if (found) return keyElement(known as JsonObject, keys);
  const names = `[${keys.map((key) => JSON.stringify(key)).join(' ')}]`;
  throw new ItemError(
    `associative list with keys has an element that omits all key fields ${names} (and doesn't have default values for any key fields)`,
  );
}

/** Items by element, in order; more than one under an element are duplicates. Items that cannot be told apart are left out. */
export function indexItems(list: ApplyList, items: readonly Json[]): Map<string, Json[]> {
  const out = new Map<string, Json[]>();
  for (const item of items) {
    const element = elementOrNone(list, item);
    if (element === undefined) continue;
    const same = out.get(element);
    if (same) same.push(item);
    else out.set(element, [item]);
  }
  return out;
}

export function elementOrNone(list: ApplyList, item: Json): string | undefined {
  try {
    return itemElement(list, item);
  } catch (error) {
    if (error instanceof ItemError) return undefined;
    throw error;
  }
}

export function equalJson(a: Json | undefined, b: Json | undefined): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a)) return Array.isArray(b) && equalLists(a, b);
  return !Array.isArray(b) && equalObjects(a as JsonObject, b as JsonObject);
}

function equalLists(a: readonly Json[], b: readonly Json[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (!equalJson(a[i], b[i])) return false;
  return true;
}

function equalObjects(a: JsonObject, b: JsonObject): boolean {
  let count = 0;
  for (const key in a) {
    if (a[key] === undefined) continue;
    if (!equalJson(a[key], b[key])) return false;
    count++;
  }
  for (const key in b) if (b[key] !== undefined) count--;
  return count === 0;
}
