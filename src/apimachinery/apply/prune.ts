// prune: what an applier applied last time, does not any more, and nobody else owns goes from the object.
import type { Entries, Entry } from './entries.js';
import { difference, EMPTY, type FieldSet, intersection, isEmpty, union } from './field-set.js';
import { ownedBy } from './ownership.js';
import { remove, withNamedFields } from './remove.js';
import type { Typed, Versions } from './versions.js';

export interface PruneRequest {
  /** What the applier applied last time. */
  readonly last: Entry | undefined;
  /** All entries, the applier's new one included. */
  readonly now: Entries;
  /** Of the merged object. */
  readonly version: string;
  readonly versions: Versions;
}

/** `merged` without what was dropped, in the same version. */
export async function prune(merged: Typed, { last, now, version, versions }: PruneRequest): Promise<Typed> {
  if (!last || isEmpty(last.fieldsV1)) return merged;
  // What is applied again is not dropped, so mostly there is nothing to do.
  const same = last.apiVersion === version && now.some((entry) => entry.operation === 'Apply' && covers(entry, last));
  if (same) return merged;
  const convert = async (typed: Typed, from: string, to: string) => (from === to ? typed : versions.convert(typed.object, to));
  const inLast = await convert(merged, version, last.apiVersion);
  if (!inLast) return merged;
  const lastFields = withNamedFields(inLast.type, last.fieldsV1);
  let pruned: Typed = { type: inLast.type, object: remove(inLast.type, inLast.object, lastFields) };
  // The last version first: fields that a conversion needs may be missing until then.
  const order = [last.apiVersion, ...new Set(now.map(({ apiVersion }) => apiVersion))];
  for (const each of new Set(order)) {
    const [whole, left] = [await convert(inLast, last.apiVersion, each), await convert(pruned, last.apiVersion, each)];
    if (!whole || !left) continue;
    const back = await convert(addBackOwned(whole, left, ownedIn(now, each)), each, last.apiVersion);
    if (back) pruned = back;
  }
  pruned = keepUnowned(inLast, pruned, lastFields);
  return (await convert(pruned, last.apiVersion, version)) ?? merged;
}

const covers = (entry: Entry, last: Entry): boolean =>
  entry.manager === last.manager && entry.subresource === last.subresource && isEmpty(difference(last.fieldsV1, entry.fieldsV1));

const ownedIn = (entries: Entries, version: string): FieldSet =>
  entries.reduce((set, entry) => (entry.apiVersion === version ? union(set, entry.fieldsV1) : set), EMPTY);

/** The whole object less what is neither in the pruned one nor owned by anybody. */
function addBackOwned(whole: Typed, pruned: Typed, owned: FieldSet): Typed {
  const { type, object } = whole;
  const kept = union(namedFieldsOf(type, pruned), withNamedFields(type, owned));
  return { type, object: remove(type, object, difference(namedFieldsOf(type, whole), kept)) };
}

/** The whole object less what was pruned, but of that only what the applier itself had owned. */
function keepUnowned(whole: Typed, pruned: Typed, last: FieldSet): Typed {
  const { type, object } = whole;
  const gone = difference(namedFieldsOf(type, whole), namedFieldsOf(type, pruned));
  return { type, object: remove(type, object, intersection(gone, last)) };
}

const namedFieldsOf = (type: Typed['type'], { object }: Typed): FieldSet => withNamedFields(type, ownedBy(type, object));
