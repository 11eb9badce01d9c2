// FieldSet: a set of paths, which is its FieldsV1 JSON itself; union, difference and intersection of such sets.
//
// An element's node without children means that the element is a member; with children it is one only if it has a `.` too.
// Sets are never changed: results share what they can with what they were made from, and are the same object where nothing
// changed. Elements stand in upstream's order, so equal sets are equal JSON.
import { describeElement, isSorted, SELF, sortElements } from './elements.js';

export interface FieldSet {
  readonly [element: string]: FieldSet;
}

interface Node {
  [element: string]: FieldSet;
}

/** The empty set; inside a set: the node of a member without children. */
export const EMPTY: FieldSet = Object.freeze({});

export function isEmpty(set: FieldSet): boolean {
  for (const _ in set) return false;
  return true;
}

/** Whether the element of this node is a member itself. */
export const isMember = (node: FieldSet): boolean => node[SELF] !== undefined || isEmpty(node);

/** Paths in either set. */
export function union(a: FieldSet, b: FieldSet): FieldSet {
  if (a === b || isEmpty(b)) return a;
  return isEmpty(a) ? b : uniteNodes(a, b);
}

function uniteNodes(a: FieldSet, b: FieldSet): FieldSet {
  if (a === b) return a;
  const [aEmpty, bEmpty] = [isEmpty(a), isEmpty(b)];
  if (aEmpty && bEmpty) return a;
  if (bEmpty) return a[SELF] ? a : { [SELF]: EMPTY, ...a };
  if (aEmpty) return b[SELF] ? b : { [SELF]: EMPTY, ...b };
  let out: Node | undefined;
  let added = false;
  for (const element in b) {
    const mine = a[element];
    const united = mine === undefined ? b[element]! : uniteNodes(mine, b[element]!);
    if (united === mine) continue;
    added ||= mine === undefined;
    out ??= { ...a };
    out[element] = united;
  }
  if (!out) return a;
  return added ? ordered(out) : out;
}

/** Paths of `a` that are not in `b`. A path stays where only paths below it go, and goes alone where it is in `b` itself. */
export function difference(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmpty(a) || isEmpty(b)) return a;
  let out: Node | undefined;
  for (const element in b) {
    const [mine, other] = [a[element], b[element]!];
    if (mine === undefined) continue;
    const left = subtractNode(mine, other);
    if (left === mine) continue;
    out ??= { ...a };
    if (left) out[element] = left;
    else delete out[element];
  }
  return out ?? a;
}

/** Undefined: nothing is left, neither the member nor children. */
function subtractNode(a: FieldSet, b: FieldSet): FieldSet | undefined {
  const member = isMember(a);
  const stays = member && !isMember(b);
  if (isEmpty(a)) return stays ? a : undefined;
  const children = difference(a, b);
  // `.` of both is gone by now; that of one is the member's own.
  if (stays) return isOnlySelf(children) ? EMPTY : children;
  const rest = member ? withoutSelf(children) : children;
  return isEmpty(rest) ? undefined : rest;
}

function isOnlySelf(node: FieldSet): boolean {
  for (const element in node) if (element !== SELF) return false;
  return true;
}

function withoutSelf(node: FieldSet): FieldSet {
  if (!node[SELF]) return node;
  const { [SELF]: _, ...rest } = node;
  return rest as FieldSet;
}

/** Paths of `a` that are neither in `b` nor below a path in `b`. */
export function recursiveDifference(a: FieldSet, b: FieldSet): FieldSet {
  let out: Node | undefined;
  for (const element in b) {
    const [mine, other] = [a[element], b[element]!];
    if (mine === undefined || element === SELF) continue;
    const left = isMember(other) ? undefined : withinNode(mine, other);
    if (left === mine) continue;
    out ??= { ...a };
    if (left) out[element] = left;
    else delete out[element];
  }
  return out ?? a;
}

function withinNode(a: FieldSet, b: FieldSet): FieldSet | undefined {
  if (isEmpty(a)) return a;
  const rest = recursiveDifference(a, b);
  if (isEmpty(rest)) return undefined;
  return isOnlySelf(rest) ? EMPTY : rest;
}

/** Paths in both sets. */
export function intersection(a: FieldSet, b: FieldSet): FieldSet {
  if (a === b) return a;
  const out: Node = {};
  for (const element in a) {
    const other = b[element];
    if (other === undefined || element === SELF) continue;
    const shared = commonNode(a[element]!, other);
    if (shared) out[element] = shared;
  }
  return isEmpty(out) ? EMPTY : out;
}

function commonNode(a: FieldSet, b: FieldSet): FieldSet | undefined {
  if (a === b) return a;
  const member = isMember(a) && isMember(b);
  const children = intersection(a, b);
  if (isEmpty(children)) return member ? EMPTY : undefined;
  return member ? { [SELF]: EMPTY, ...children } : children;
}

/** The paths that no other path of the set goes on from. */
export function leaves(set: FieldSet): FieldSet {
  const out: Node = {};
  for (const element in set) if (element !== SELF) out[element] = leaves(set[element]!);
  return isEmpty(out) ? EMPTY : out;
}

export function equal(a: FieldSet, b: FieldSet): boolean {
  if (a === b) return true;
  let count = 0;
  for (const element in a) {
    const other = b[element];
    if (other === undefined || !equal(a[element]!, other)) return false;
    count++;
  }
  for (const _ in b) count--;
  return count === 0;
}

export type FieldPath = readonly string[];

export function has(set: FieldSet, path: FieldPath): boolean {
  let node: FieldSet | undefined = path.length > 0 ? set : undefined;
  for (const element of path) node = node?.[element];
  return node !== undefined && isMember(node);
}

/** The set of these paths, each a list of elements. */
export const setOf = (...paths: FieldPath[]): FieldSet => paths.reduce((set, path) => union(set, chain(path)), EMPTY);

const chain = (path: FieldPath): FieldSet => path.reduceRight((below, element) => ({ [element]: below }), EMPTY);

/** All paths; those of one level before those further down, as upstream lists conflicts. */
export function pathsOf(set: FieldSet, prefix: FieldPath = []): FieldPath[] {
  const elements = Object.keys(set).filter((element) => element !== SELF);
  const here = elements.filter((element) => isMember(set[element]!)).map((element) => [...prefix, element]);
  return [...here, ...elements.flatMap((element) => pathsOf(set[element]!, [...prefix, element]))];
}

/** `.spec.containers[name="a"].image` */
export const describePath = (path: FieldPath): string => path.map(describeElement).join('');

/** A node's elements in upstream's order. */
export function ordered(node: FieldSet): FieldSet {
  const elements = Object.keys(node);
  if (isSorted(elements)) return node;
  const out: Node = {};
  for (const element of sortElements(elements)) out[element] = node[element]!;
  return out;
}
