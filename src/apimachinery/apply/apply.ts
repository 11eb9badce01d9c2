// applyConfiguration: a configuration laid over the live object, and who manages what afterwards.
import type { JsonObject } from '../json.js';
import { compare } from './compare.js';
import { type Conflict, ConflictError } from './conflict.js';
import { type Entries, type Entry, isSameManager, sortEntries } from './entries.js';
import { difference, EMPTY, type FieldSet, intersection, isEmpty, recursiveDifference, union } from './field-set.js';
import { merge } from './merge.js';
import { ownedBy } from './ownership.js';
import { prune } from './prune.js';
import { markReconciled, reconcile } from './reconcile.js';
import { equalJson } from './shape.js';
import { NOT_TRACKED } from './tracked.js';
import type { ApplyType } from './type.js';
import { entryOf, loseChanged, type VersionChange, type Writer } from './update.js';
import { type Typed, type Versions, versionsOf } from './versions.js';

export interface Apply {
  readonly type: ApplyType;
  /** Without managedFields. */
  readonly live: JsonObject;
  /** Checked by `misfit`, and without managedFields. */
  readonly config: JsonObject;
  /** Fields that this write cannot change, whatever the configuration says. */
  readonly ignored?: FieldSet | undefined;
  readonly entries: Entries;
  readonly writer: Writer;
  /** Take fields from whoever has them. */
  readonly force: boolean;
  readonly versions: Versions;
}

export interface Applied {
  /** What the live object becomes; the same where the configuration changes nothing. */
  readonly object: JsonObject;
  readonly entries: Entries;
}

/** Throws ConflictError unless `force`. */
export async function applyConfiguration(apply: Apply): Promise<Applied> {
  const { type, live, config, ignored = EMPTY, writer, force } = apply;
  const entries = await reconcileAll(apply);
  const fields = recursiveDifference(ownedBy(type, config), ignored);
  const own = entryOf(writer, 'Apply', fields);
  const last = entries.find((entry) => isSameManager(entry, own));
  const others = entries.filter((entry) => entry !== last);

  const merged = { object: merge(type, live, config), type };
  const pruned = await prune(merged, { last, now: [...others, own], version: writer.apiVersion, versions: apply.versions });
  const changes = await changesOf(apply, others, pruned);
  if (!force) refuseConflicts(others, changes);

  const changed = !equalJson(live, pruned.object);
  const left = loseChanged(others, (version) => changes.get(version));
  const mine = difference(fields, NOT_TRACKED);
  if (isEmpty(mine)) return { object: changed ? pruned.object : live, entries: sortEntries(left) };
  markReconciled(type, mine);
  const entry = { ...withTime(own, changed ? writer.time : last?.time), fieldsV1: mine };
  return { object: changed ? pruned.object : live, entries: sortEntries([...left, entry]) };
}

/** As upstream, an apply that changes nothing does not touch the time, and an applier that comes in that way has none. */
function withTime({ time: _, ...entry }: Entry, time: string | undefined): Entry {
  const { manager, operation, apiVersion, ...rest } = entry;
  const who = manager === undefined ? { operation, apiVersion } : { manager, operation, apiVersion };
  return time === undefined ? { ...who, ...rest } : { ...who, time, ...rest };
}

/** Entries by today's schemas; those of versions that are no longer served are dropped. */
async function reconcileAll({ type, live, entries, writer, versions }: Apply): Promise<Entries> {
  const types = await versionsOf(versions, { object: live, type }, writer.apiVersion, entries);
  return entries.flatMap((entry) => {
    const typed = types.get(entry.apiVersion);
    if (!typed) return [];
    const fieldsV1 = reconcile(typed.type, entry.fieldsV1);
    return fieldsV1 === entry.fieldsV1 ? [entry] : [{ ...entry, fieldsV1 }];
  });
}

/** What changes, in each version that an entry names fields by. */
async function changesOf(apply: Apply, entries: Entries, after: Typed): Promise<Map<string, VersionChange>> {
  const { type, live, ignored, writer, versions } = apply;
  const [before, now] = await Promise.all([
    versionsOf(versions, { object: live, type }, writer.apiVersion, entries),
    versionsOf(versions, after, writer.apiVersion, entries),
  ]);
  const out = new Map<string, VersionChange>();
  for (const [version, typed] of before) {
    const then = now.get(version);
    if (then) out.set(version, { type: typed.type, comparison: compare(typed.type, typed.object, then.object, ignored) });
  }
  return out;
}

function refuseConflicts(others: Entries, changes: ReadonlyMap<string, VersionChange>): void {
  const conflicts: Conflict[] = [];
  for (const entry of others) {
    const change = changes.get(entry.apiVersion);
    if (!change) continue;
    const { added, modified } = change.comparison;
    const fields = intersection(entry.fieldsV1, union(modified, added));
    if (!isEmpty(fields)) conflicts.push({ entry, fields });
  }
  if (conflicts.length > 0) throw new ConflictError(conflicts);
}
