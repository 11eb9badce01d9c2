// The list half of strategic merge patch: merging by key, and putting the result in the order the client asked for.
import { isJsonObject, type Json, type JsonObject } from '../json.js';
import { badRequest } from '../status.js';

/** The list with the patch's values that it lacks appended. */
export function mergePrimitiveList(current: readonly Json[], patch: readonly Json[]): Json[] {
  return [...new Set([...current, ...patch])];
}

/** Items of `patch` merge into those with the same `key`, or are appended; `$patch` in an item deletes or replaces. */
export function mergeObjectList(
  field: string,
  key: string,
  current: readonly Json[],
  patch: readonly Json[],
  merge: (item: JsonObject, change: JsonObject) => JsonObject,
): Json[] {
  const changes = patch.map((change) => {
    if (isJsonObject(change)) return change;
    throw badRequest(`invalid strategic merge patch: items of ${field} must be objects`);
  });
  const replaceAll = changes.some((change) => change['$patch'] === 'replace');
  const out: Json[] = replaceAll ? [] : [...current];
  for (const change of changes) {
    const { $patch: directive, ...value } = change;
    const id = change[key];
    // `- $patch: replace` alone says that the other items are the whole list.
    if (directive === 'replace' && id === undefined) continue;
    if (id === undefined) throw badRequest(`map: ${JSON.stringify(value)} does not contain declared merge key: ${key}`);
    const at = out.findIndex((item) => isJsonObject(item) && item[key] === id);
    if (directive === 'delete') removeAll(out, key, id);
    else if (directive === 'replace' || at < 0) {
      if (at >= 0) out.splice(at, 1);
      out.push(merge({}, value));
    } else out[at] = merge(out[at] as JsonObject, change);
  }
  return out;
}

function removeAll(list: Json[], key: string, id: Json): void {
  for (let i = list.length - 1; i >= 0; i--) if ((list[i] as JsonObject | undefined)?.[key] === id) list.splice(i, 1);
}

/**
 * The items that `order` names in that order; the others, which the client did not know of, keep their place: each comes before
 * the first named item that it came before in the document (`before`).
 */
export function reorder(list: readonly Json[], order: readonly Json[], before: readonly Json[], key: string | undefined): Json[] {
  const idOf = (item: Json): Json | undefined => (key !== undefined && isJsonObject(item) ? item[key] : item);
  const wanted = rank(order.map(idOf));
  const earlier = rank(before.map(idOf));
  const named = list.filter((item) => wanted.has(idOf(item)));
  const others = list.filter((item) => !wanted.has(idOf(item)));
  named.sort((a, b) => wanted.get(idOf(a))! - wanted.get(idOf(b))!);
  const out: Json[] = [];
  let [i, j] = [0, 0];
  while (i < others.length && j < named.length) {
    const [other, next] = [earlier.get(idOf(others[i]!)), earlier.get(idOf(named[j]!))];
    const otherFirst = other !== undefined && next !== undefined && other < next;
    out.push(otherFirst ? others[i++]! : named[j++]!);
  }
  return [...out, ...others.slice(i), ...named.slice(j)];
}

/** The first position of each id. */
function rank(ids: readonly (Json | undefined)[]): Map<Json | undefined, number> {
  const positions = new Map<Json | undefined, number>();
  ids.forEach((id, i) => {
    if (!positions.has(id)) positions.set(id, i);
  });
  return positions;
}
