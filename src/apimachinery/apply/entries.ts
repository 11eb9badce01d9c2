// Entries of metadata.managedFields: read with their sets in canonical form, told apart, ordered, and kept within upstream's number.
import { isJsonObject, type JsonObject } from '../json.js';
import type { ManagedFieldsEntry } from '../types/meta_v1.js';
import { canonicalElement, SELF } from './elements.js';
import { EMPTY, type FieldSet, isEmpty, ordered, union } from './field-set.js';

/** As in the API, but checked, and `fieldsV1` is a set in canonical form. Shared and never changed. */
export interface Entry {
  readonly manager?: string;
  readonly operation: 'Apply' | 'Update';
  readonly apiVersion: string;
  /** RFC 3339, to the second. */
  readonly time?: string;
  readonly fieldsType: 'FieldsV1';
  readonly fieldsV1: FieldSet;
  readonly subresource?: string;
}

export type Entries = readonly Entry[];

/** Sets known to be canonical: ours, and those that have been checked. */
const canonical = new WeakMap<object, FieldSet>();

/** Throws an Error that says what is wrong. The same entries come back where they are canonical, as they nearly always are. */
export function readEntries(encoded: readonly ManagedFieldsEntry[]): Entries {
  let out: Entry[] | undefined;
  for (const [i, entry] of encoded.entries()) {
    check(entry, i);
    const fieldsV1 = canonicalSet((entry.fieldsV1 ?? {}) as JsonObject);
    if (fieldsV1 === (entry.fieldsV1 as unknown)) {
      out?.push(entry as unknown as Entry);
      continue;
    }
    out ??= encoded.slice(0, i) as unknown as Entry[];
    out.push({ ...(entry as unknown as Entry), fieldsV1 });
  }
  return out ?? (encoded as unknown as Entries);
}

function check({ operation, apiVersion, fieldsType }: ManagedFieldsEntry, i: number): void {
  if (operation !== 'Apply' && operation !== 'Update') throw new Error('operation must be `Apply` or `Update`');
  if (!apiVersion) throw new Error('apiVersion must not be empty');
  if (!fieldsType) throw new Error(`missing fieldsType in managed fields entry ${i}`);
  if (fieldsType !== 'FieldsV1') throw new Error(`invalid fieldsType ${JSON.stringify(fieldsType)} in managed fields entry ${i}`);
}

function canonicalSet(json: JsonObject): FieldSet {
  const known = canonical.get(json);
  if (known) return known;
  const set = canonicalNode(json, true);
  canonical.set(json, set);
  canonical.set(set, set);
  return set;
}

function canonicalNode(json: JsonObject, root: boolean): FieldSet {
  const out: { [element: string]: FieldSet } = {};
  let same = true;
  let [size, parts] = [0, 0];
  for (const key of Object.keys(json)) {
    const inner = json[key];
    if (!isJsonObject(inner)) throw new Error(`expected an object at ${key}`);
    size++;
    const element = key === SELF ? (root ? undefined : SELF) : canonicalElement(key);
    if (element === undefined) continue;
    const node = element === SELF ? EMPTY : canonicalNode(inner, false);
    same &&= element === key && (node === inner || (isEmpty(node) && isEmpty(inner as FieldSet)));
    out[element] = node;
    if (element !== SELF) parts++;
  }
  if (parts === 0) return size === 0 ? (json as FieldSet) : EMPTY;
  const sorted = ordered(out);
  return same && sorted === out ? (json as FieldSet) : sorted;
}

/** Whether two entries are the same manager's. An applier is the same whatever version it applies. */
export function isSameManager(a: Entry, b: Entry): boolean {
  return (
    a.operation === b.operation &&
    (a.manager ?? '') === (b.manager ?? '') &&
    (a.subresource ?? '') === (b.subresource ?? '') &&
    (a.operation === 'Apply' || a.apiVersion === b.apiVersion)
  );
}

/** Entries in the order of upstream: appliers first, then by time. */
export function sortEntries(entries: Entries): Entries {
  return [...entries].sort(
    (a, b) =>
      compareTexts(a.operation, b.operation) ||
      compareTexts(a.time ?? '', b.time ?? '') ||
      compareTexts(a.manager ?? '', b.manager ?? '') ||
      compareTexts(a.apiVersion, b.apiVersion) ||
      compareTexts(a.subresource ?? '', b.subresource ?? ''),
  );
}

export const compareTexts = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** As upstream: objects that many clients update would grow with each of them; appliers are few and never forgotten. */
export const MAX_UPDATE_MANAGERS = 10;
/** Owns what the oldest of too many updaters owned. */
export const ANCIENT_CHANGES = 'ancient-changes';

/** The oldest updaters become one per version, until there are few enough. */
export function capUpdaters(entries: Entries): Entries {
  const updaters = entries.filter(({ operation }) => operation === 'Update');
  let excess = updaters.length - MAX_UPDATE_MANAGERS;
  if (excess <= 0) return entries;
  const gone = new Set<Entry>();
  const buckets = new Map<string, Entry>();
  const first = new Map<string, Entry>();
  for (const entry of updaters.sort((a, b) => compareTexts(a.time ?? '', b.time ?? '') || compareTexts(identity(a), identity(b)))) {
    if (excess <= 0) break;
    const { apiVersion } = entry;
    const known = buckets.get(apiVersion) ?? first.get(apiVersion);
    if (!known) {
      first.set(apiVersion, entry);
      continue;
    }
    buckets.set(apiVersion, { ...bucketOf(entry), fieldsV1: union(known.fieldsV1, entry.fieldsV1) });
    gone.add(first.get(apiVersion)!).add(entry);
    excess--;
  }
  return [...entries.filter((entry) => !gone.has(entry)), ...buckets.values()];
}

const identity = (entry: Entry): string => JSON.stringify([entry.manager, entry.operation, entry.apiVersion, entry.subresource]);

const bucketOf = ({ apiVersion, time }: Entry): Entry => ({
  manager: ANCIENT_CHANGES,
  operation: 'Update',
  apiVersion,
  ...(time === undefined ? {} : { time }),
  fieldsType: 'FieldsV1',
  fieldsV1: EMPTY,
});
