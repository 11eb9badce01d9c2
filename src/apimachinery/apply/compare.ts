// compare: which fields a write added, modified and removed. Every update goes through it, so it allocates only for what differs.
import type { Json, JsonObject } from '../json.js';
import { SELF } from './elements.js';
import { EMPTY, type FieldSet, isEmpty, isMember, ordered } from './field-set.js';
import { elementOrNone, equalJson, granularList, granularMap, indexItems, memberOf, sortedNames } from './shape.js';
import type { ApplyList, ApplyMap, ApplyType } from './type.js';

export interface Comparison {
  readonly added: FieldSet;
  readonly modified: FieldSet;
  readonly removed: FieldSet;
}

interface Node {
  [element: string]: FieldSet;
}

/** Of one node; a part is made when the first field comes into it. `self` of the parts: the node itself differs. */
interface Changes {
  added?: Node;
  modified?: Node;
  removed?: Node;
}

/** Fields below `ignored`, and those fields themselves, are not looked at. */
export function compare(type: ApplyType, before: JsonObject, after: JsonObject, ignored: FieldSet = EMPTY): Comparison {
  const map = granularMap(type, after);
  const changes = map && before !== after ? compareMaps(map, before, after, isEmpty(ignored) ? undefined : ignored) : undefined;
  return { added: part(changes?.added), modified: part(changes?.modified), removed: part(changes?.removed) };
}

const part = (node: Node | undefined): FieldSet => (node ? ordered(node) : EMPTY);

function compareMaps(map: ApplyMap, before: JsonObject, after: JsonObject, ignored: FieldSet | undefined): Changes | undefined {
  let out: Changes | undefined;
  for (const name in after) {
    const [old, now] = [before[name], after[name]];
    if (old === now || now === undefined) continue;
    const { element, type } = memberOf(map, name);
    const ignoredHere = ignored?.[element];
    if (ignoredHere && isMember(ignoredHere)) continue;
    if (old === undefined) put((out ??= {}), 'added', element, whole(type, now, ignoredHere));
    else out = attach(out, element, compareValues(type, old, now, ignoredHere));
  }
  for (const name in before) {
    const old = before[name];
    if (old === undefined || after[name] !== undefined) continue;
    const { element, type } = memberOf(map, name);
    const ignoredHere = ignored?.[element];
    if (ignoredHere && isMember(ignoredHere)) continue;
    put((out ??= {}), 'removed', element, whole(type, old, ignoredHere));
  }
  return out;
}

function put(changes: Changes, kind: keyof Changes, element: string, node: FieldSet): void {
  const into = (changes[kind] ??= {});
  into[element] = node;
}

/** What differs below an element, as part of what differs in its parent. */
function attach(out: Changes | undefined, element: string, inner: Changes | undefined): Changes | undefined {
  if (!inner) return out;
  const into = out ?? {};
  if (inner.added) put(into, 'added', element, ordered(inner.added));
  if (inner.modified) put(into, 'modified', element, ordered(inner.modified));
  if (inner.removed) put(into, 'removed', element, ordered(inner.removed));
  return into;
}

/** A leaf that differs: its node in `modified` is a member without children. */
const MODIFIED: Changes = Object.freeze({ modified: EMPTY as Node });

function compareValues(type: ApplyType, before: Json, after: Json, ignored: FieldSet | undefined): Changes | undefined {
  const [wasMap, isMap] = [granularMap(type, before), granularMap(type, after)];
  if (wasMap && isMap) return compareMaps(isMap, before as JsonObject, after as JsonObject, ignored);
  const [wasList, isList] = [granularList(type, before), granularList(type, after)];
  if (wasList && isList) return compareLists(isList, before as readonly Json[], after as readonly Json[]);
  if (!(wasMap ?? isMap ?? wasList ?? isList)) return equalJson(before, after) ? undefined : MODIFIED;
  return reshaped(type, before, after);
}

/** One became another kind of value: the parts of the one went, those of the other came, and the field itself was modified. */
function reshaped(type: ApplyType, before: Json, after: Json): Changes {
  const [gone, come] = [partsOf(type, before), partsOf(type, after)];
  const fromOrToNull = before === null || after === null;
  const out: Changes = fromOrToNull && !(isEmpty(gone) && isEmpty(come)) ? {} : { modified: EMPTY as Node };
  if (!isEmpty(gone)) out.removed = gone as Node;
  if (!isEmpty(come)) out.added = come as Node;
  return out;
}

function partsOf(type: ApplyType, value: Json): FieldSet {
  const { [SELF]: _, ...parts } = whole(type, value, undefined);
  return parts as FieldSet;
}

function compareLists(list: ApplyList, before: readonly Json[], after: readonly Json[]): Changes | undefined {
  if (sameItems(before, after)) return undefined;
  const [old, now] = [indexItems(list, before), indexItems(list, after)];
  let out: Changes | undefined;
  for (const [element, items] of now) out = compareItems(list, element, old.get(element), items, out);
  for (const [element, items] of old) {
    if (!now.has(element)) put((out ??= {}), 'removed', element, items.length > 1 ? EMPTY : whole(list.item, items[0]!, undefined));
  }
  return out;
}

/** Most lists are as they were; they need no index. */
function sameItems(before: readonly Json[], after: readonly Json[]): boolean {
  if (before.length !== after.length) return false;
  for (let i = 0; i < after.length; i++) if (!equalJson(before[i], after[i])) return false;
  return true;
}

function compareItems(
  list: ApplyList,
  element: string,
  before: readonly Json[] | undefined,
  after: readonly Json[],
  out: Changes | undefined,
): Changes | undefined {
  const changes = out ?? {};
  const now = (): FieldSet => (after.length > 1 ? EMPTY : whole(list.item, after[0]!, undefined));
  const was = (): FieldSet => (before!.length > 1 ? EMPTY : whole(list.item, before![0]!, undefined));
  if (!before) put(changes, 'added', element, now());
  else if (before.length === 1 && after.length === 1)
    return attach(out, element, compareValues(list.item, before[0]!, after[0]!, undefined));
  else if (before.length > 1 && after.length > 1) {
    // Duplicates are owned together, as one leaf.
    if (equalJson(before, after)) return out;
    put(changes, 'modified', element, EMPTY);
  } else {
    put(changes, 'removed', element, was());
    put(changes, 'added', element, now());
  }
  return changes;
}

/** The node of a value that only one side has: every part of it, and every container. */
function whole(type: ApplyType, value: Json, ignored: FieldSet | undefined): FieldSet {
  const map = granularMap(type, value);
  if (map) return wholeMap(map, value as JsonObject, ignored);
  const list = granularList(type, value);
  return list && (value as readonly Json[]).length > 0 ? wholeList(list, value as readonly Json[]) : EMPTY;
}

function wholeMap(map: ApplyMap, value: JsonObject, ignored: FieldSet | undefined): FieldSet {
  const node: Node = {};
  let parts = 0;
  for (const name of sortedNames(value)) {
    const inner = value[name];
    if (inner === undefined) continue;
    const { element, type } = memberOf(map, name);
    const ignoredHere = ignored?.[element];
    if (ignoredHere && isMember(ignoredHere)) continue;
    if (parts++ === 0) node[SELF] = EMPTY;
    node[element] = whole(type, inner, ignoredHere);
  }
  return parts === 0 ? EMPTY : node;
}

function wholeList(list: ApplyList, items: readonly Json[]): FieldSet {
  const node: Node = { [SELF]: EMPTY };
  let parts = 0;
  for (const item of items) {
    const element = elementOrNone(list, item);
    if (element === undefined) continue;
    parts++;
    // Duplicates are owned together, as one leaf.
    node[element] = node[element] ? EMPTY : whole(list.item, item, undefined);
  }
  return parts === 0 ? EMPTY : ordered(node);
}
