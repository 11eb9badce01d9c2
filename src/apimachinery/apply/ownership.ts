// ownedBy: the set of fields that a configuration sets, which is what its applier owns.
import type { Json, JsonObject } from '../json.js';
import { SELF } from './elements.js';
import { EMPTY, type FieldSet, ordered } from './field-set.js';
import { granularList, granularMap, indexItems, memberOf, sortedNames } from './shape.js';
import type { ApplyList, ApplyMap, ApplyType } from './type.js';

interface Node {
  [element: string]: FieldSet;
}

/** Leaves, items of lists, and members of maps; fields of structs that only hold others are not in it. */
export function ownedBy(type: ApplyType, object: JsonObject): FieldSet {
  const map = granularMap(type, object);
  return map ? ownMembers(map, object, {}) : EMPTY;
}

/** The node of a value; undefined where there is nothing to own. `member`: it is owned itself, whatever it holds. */
function ownValue(type: ApplyType, value: Json, member: boolean): FieldSet | undefined {
  const map = granularMap(type, value);
  if (map) return own(ownMembers(map, value as JsonObject, start(member)), true);
  const list = granularList(type, value);
  if (list) return own(ownItems(list, value as readonly Json[], start(member)), member);
  return EMPTY;
}

const start = (member: boolean): Node => (member ? { [SELF]: EMPTY } : {});

function own(node: FieldSet, member: boolean): FieldSet | undefined {
  for (const element in node) if (element !== SELF) return node;
  return member ? EMPTY : undefined;
}

function ownMembers(map: ApplyMap, value: JsonObject, node: Node): FieldSet {
  for (const name of sortedNames(value)) {
    const inner = value[name];
    if (inner === undefined) continue;
    const { element, type } = memberOf(map, name);
    const below = ownValue(type, inner, !map.fields.has(name));
    if (below) node[element] = below;
  }
  return node;
}

function ownItems(list: ApplyList, items: readonly Json[], node: Node): FieldSet {
  for (const [element, same] of indexItems(list, items)) {
    // Duplicates are owned together, as one leaf.
    node[element] = same.length > 1 ? EMPTY : ownValue(list.item, same[0]!, true)!;
  }
  return ordered(node);
}
