// remove: an object without the fields and items of a set; and the sets that say what to remove.
import { isJsonObject, type Json, type JsonObject } from '../json.js';
import { SELF } from './elements.js';
import { EMPTY, type FieldSet, isMember, ordered } from './field-set.js';
import { elementOrNone, memberOf } from './shape.js';
import type { ApplyType } from './type.js';

interface Members {
  [name: string]: Json | undefined;
}

/** Maps and lists that lose all they have go as well. Leaves of atomic types stay, unless they are named themselves. */
export function remove(type: ApplyType, object: JsonObject, set: FieldSet): JsonObject {
  return (removeFrom(type, object, set) ?? {}) as JsonObject;
}

/** Undefined: nothing is left. */
function removeFrom(type: ApplyType, value: Json, set: FieldSet): Json | undefined {
  if (Array.isArray(value)) return type.list ? removeItems(type, value, set) : value;
  return isJsonObject(value) && type.map ? removeMembers(type, value, set) : value;
}

function removeMembers(type: ApplyType, value: JsonObject, set: FieldSet): Json | undefined {
  const map = type.map!;
  // What is below an atomic map belongs to it: the map itself goes, as a member of its parent, or nothing does.
  if (map.atomic) return value;
  const out: Members = {};
  let left = 0;
  for (const name of Object.keys(value)) {
    const inner = value[name];
    if (inner === undefined) continue;
    const { element, type: innerType } = memberOf(map, name);
    const node = set[element];
    const kept = node === undefined ? inner : isMember(node) ? undefined : removeFrom(innerType, inner, node);
    if (kept === undefined) continue;
    out[name] = kept;
    left++;
  }
  return left === 0 ? undefined : out;
}

function removeItems(type: ApplyType, value: readonly Json[], set: FieldSet): Json | undefined {
  const list = type.list!;
  if (list.type === 'atomic') return value;
  const out: Json[] = [];
  for (const item of value) {
    const element = elementOrNone(list, item);
    const node = element === undefined ? undefined : set[element];
    const kept = node === undefined ? item : isMember(node) ? undefined : removeFrom(list.item, item, node);
    if (kept !== undefined) out.push(kept);
  }
  return out.length === 0 ? undefined : out;
}

/** The set with every declared field that has something below it as a member too: structs are there because of what they hold. */
export function withNamedFields(type: ApplyType, set: FieldSet): FieldSet {
  const out: { [element: string]: FieldSet } = {};
  for (const element in set) {
    const node = set[element]!;
    if (element === SELF || isOnlyMember(node)) {
      out[element] = node;
      continue;
    }
    const [inner, declared] = step(type, element);
    const below = withNamedFields(inner, node);
    out[element] = declared && !below[SELF] ? ordered({ [SELF]: EMPTY, ...below }) : below;
  }
  return out;
}

function isOnlyMember(node: FieldSet): boolean {
  for (const element in node) if (element !== SELF) return false;
  return true;
}

/** The type below an element, and whether that is a declared field. */
export function step(type: ApplyType, element: string): [type: ApplyType, declared: boolean] {
  if (element.startsWith('f:') && type.map) {
    const field = type.map.fields.get(element.slice(2));
    return field ? [field.type, true] : [type.map.other ?? {}, false];
  }
  return [type.list?.item ?? {}, false];
}
