// updateEntries: who manages what after a write that was no apply. Whoever changes a field owns it, and nobody else does.
import type { JsonObject } from '../json.js';
import { type Comparison, compare } from './compare.js';
import { capUpdaters, type Entries, type Entry, isSameManager, sortEntries } from './entries.js';
import { difference, EMPTY, type FieldSet, isEmpty, union } from './field-set.js';
import { markReconciled, reconcile } from './reconcile.js';
import { NOT_COMPARED, NOT_TRACKED } from './tracked.js';
import type { ApplyType } from './type.js';

/** Who writes, through what, when. */
export interface Writer {
  readonly manager: string;
  /** Of the resource that is written through, which the fields are named by. */
  readonly apiVersion: string;
  readonly subresource: string | undefined;
  /** RFC 3339, to the second. */
  readonly time: string;
}

/** What a write changed, as one version has it. */
export interface VersionChange {
  readonly type: ApplyType;
  readonly comparison: Comparison;
}

/**
 * The change as versions other than the writer's have it, for entries that name fields by them; a version that is no longer
 * served is missing, and its entries are dropped.
 */
export type OtherVersions = ReadonlyMap<string, VersionChange>;

export interface Update {
  readonly type: ApplyType;
  readonly before: JsonObject;
  readonly after: JsonObject;
  /** Fields that this write cannot change, whatever `after` says. */
  readonly ignored?: FieldSet | undefined;
  readonly entries: Entries;
  readonly writer: Writer;
  readonly others?: OtherVersions | undefined;
}

/** The same entries where nothing changed. `before` of a creation is what the kind is with nothing set. */
export function updateEntries({ type, before, after, ignored, entries, writer, others }: Update): Entries {
  const comparison = compare(type, before, after, ignored ? union(ignored, NOT_COMPARED) : NOT_COMPARED);
  const own = { type, comparison };
  const left = loseChanged(entries, (version) => (version === writer.apiVersion ? own : others?.get(version)));
  const fields = difference(union(comparison.added, comparison.modified), NOT_TRACKED);
  if (isEmpty(fields)) return left;
  markReconciled(type, fields);
  return sortEntries(capUpdaters(gain(type, left, entryOf(writer, 'Update', fields))));
}

/** What managers still own after others' changes; whose set is empty is none. */
export function loseChanged(entries: Entries, changeOf: (version: string) => VersionChange | undefined): Entries {
  let out: Entry[] | undefined;
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i]!;
    const change = changeOf(entry.apiVersion);
    const left = change ? fieldsLeft(entry, change) : EMPTY;
    if (left === entry.fieldsV1 && !isEmpty(left)) {
      out?.push(entry);
      continue;
    }
    out ??= entries.slice(0, i);
    if (!isEmpty(left)) out.push({ ...entry, fieldsV1: left });
  }
  return out ?? entries;
}

function fieldsLeft({ fieldsV1 }: Entry, { type, comparison }: VersionChange): FieldSet {
  const { added, modified, removed } = comparison;
  const left = difference(difference(difference(reconcile(type, fieldsV1), added), modified), removed);
  markReconciled(type, left);
  return left;
}

/** Updates of an equal manager are one entry. */
function gain(type: ApplyType, entries: Entries, entry: Entry): Entries {
  const at = entries.findIndex((each) => isSameManager(each, entry));
  if (at < 0) return [...entries, entry];
  const fieldsV1 = union(entries[at]!.fieldsV1, entry.fieldsV1);
  markReconciled(type, fieldsV1);
  return entries.with(at, { ...entry, fieldsV1 });
}

export function entryOf({ manager, apiVersion, time, subresource }: Writer, operation: 'Apply' | 'Update', fieldsV1: FieldSet): Entry {
  const entry = { manager, operation, apiVersion, time, fieldsType: 'FieldsV1', fieldsV1 } as const;
  return subresource === undefined ? entry : { ...entry, subresource };
}
