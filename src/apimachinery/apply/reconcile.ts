// reconcile: sets recorded under an older schema, in which a field that is atomic now was not.
import { SELF } from './elements.js';
import { EMPTY, type FieldSet, isEmpty, isMember } from './field-set.js';
import { step } from './remove.js';
import { type ApplyType, UNTYPED_ATOMIC, UNTYPED_DEDUCED } from './type.js';

/** Sets that are known to be as their type has it: the same set comes again with each write to its object. */
const known = new WeakMap<FieldSet, ApplyType>();

/** Fields below one that is atomic now become that one. The other direction needs nothing, as upstream. */
export function reconcile(type: ApplyType, set: FieldSet): FieldSet {
  if (known.get(set) === type) return set;
  const out = reconcileNode(type, set);
  markReconciled(type, out);
  return out;
}

/** For a set that was made from such sets and by today's schema. */
export function markReconciled(type: ApplyType, set: FieldSet): void {
  if (!isEmpty(set)) known.set(set, type);
}

function reconcileNode(type: ApplyType, node: FieldSet): FieldSet {
  if (isDeduced(type)) return node;
  let out: { [element: string]: FieldSet } | undefined;
  for (const element in node) {
    const inner = node[element]!;
    if (element === SELF || isEmpty(inner)) continue;
    const [below] = step(type, element);
    const fixed = isAtomic(below, inner) ? EMPTY : reconcileNode(below, inner);
    if (fixed === inner) continue;
    out ??= { ...node };
    out[element] = fixed;
  }
  return out ?? node;
}

const isDeduced = (type: ApplyType): boolean => type === UNTYPED_DEDUCED || type === UNTYPED_ATOMIC || (!type.map && !type.list);

/** An untyped value's set may name parts: its shape is the value's, which the set does not tell. */
function isAtomic(type: ApplyType, node: FieldSet): boolean {
  if (isDeduced(type)) return false;
  if (type.map) return type.map.atomic && !(isMember(node) && isEmpty(node));
  return type.list?.type === 'atomic';
}
