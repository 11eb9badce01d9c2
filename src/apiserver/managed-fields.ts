// Managed fields of writes: who manages which field after a creation, an update or an apply, kept in metadata.managedFields.
import { applyTypeOf } from '../apimachinery/apply/built-in.js';
import { compare } from '../apimachinery/apply/compare.js';
import { type Entries, readEntries } from '../apimachinery/apply/entries.js';
import { equalJson } from '../apimachinery/apply/shape.js';
import type { ApplyType } from '../apimachinery/apply/type.js';
import { type OtherVersions, updateEntries, type VersionChange, type Writer } from '../apimachinery/apply/update.js';
import { type Versions, versionsOf } from '../apimachinery/apply/versions.js';
import { rfc3339 } from '../apimachinery/clock.js';
import { isJsonObject, type Json, type JsonObject } from '../apimachinery/json.js';
import { normalize } from '../apimachinery/normalize.js';
import type { KubeObject } from '../apimachinery/object.js';
import type { ManagedFieldsEntry } from '../apimachinery/types/meta_v1.js';
import type { Draft } from './body.js';
import type { ApiContext } from './context.js';
import type { Exchange } from './exchange.js';
import type { Resource } from './resources.js';
import type { Awaitable } from './storage/conversion.js';

/** Upstream's bound on a manager's name, in bytes. */
export const MANAGER_MAX_BYTES = 128;

/** Who writes to `resource` now: the field manager that the request names, or the program that its user agent does. */
export function writerOf({ clock }: ApiContext, { query, headers }: Exchange, { kind }: Resource, subresource: string | undefined): Writer {
  const manager = query.get('fieldManager') || programOf(headers.userAgent ?? '') || 'unknown';
  return { manager, apiVersion: kind.apiVersion, subresource, time: rfc3339(clock.now()) };
}

/** `kubectl` of `kubectl/v1.35.0 (linux/amd64) kubernetes/abc`. */
function programOf(userAgent: string): string {
  const name = userAgent.split('/', 1)[0]!.replaceAll(NOT_PRINTABLE, '');
  return Buffer.byteLength(name) <= MANAGER_MAX_BYTES
    ? name
    : Buffer.from(name)
        .subarray(0, MANAGER_MAX_BYTES)
        .toString()
        .replace(/\ufffd$/, '');
}

/** What Go's unicode.IsPrint says no to: all but letters, marks, numbers, punctuation, symbols and the space. */
export const NOT_PRINTABLE = /[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu;

export const typeOf = ({ schema }: Resource): ApplyType => applyTypeOf(schema);

const empties = new WeakMap<object, JsonObject>();

/** What an object is with nothing set: what Go always has is not a field that a creation sets. */
export function emptyOf({ schema }: Resource): JsonObject {
  let empty = empties.get(schema);
  if (!empty) {
    // Defaults of custom kinds come with their schema, and whoever creates an object manages those, too.
    empty = schema.custom ? { metadata: {} } : normalize(schema, {}).object;
    empties.set(schema, empty);
  }
  return empty;
}

/** Whoever creates an object manages what it sets, defaults included. `draft` as it is before admission. */
export function trackCreate(resource: Resource, draft: Draft, writer: Writer): void {
  const given = draft.metadata.managedFields as readonly ManagedFieldsEntry[] | undefined;
  const entries = entriesOrNone(given) ?? [];
  setEntries(draft, updateEntries({ type: typeOf(resource), before: emptyOf(resource), after: asJson(draft), entries, writer }));
}

/**
 * Whoever changes a field manages it. `next` is what becomes of `old` by the write, where that is less than the draft says;
 * the draft's own managedFields count where it is the whole object that is written: explicitly none resets them.
 */
export function trackUpdate(
  context: ApiContext,
  resource: Resource,
  old: KubeObject,
  draft: Draft,
  next: Draft,
  writer: Writer,
): Awaitable<void> {
  const entries = writer.subresource === undefined ? newEntries(draft, old) : liveEntries(old);
  // As upstream: what was not tracked from the start, or no longer shall be, is not tracked until somebody applies.
  if (entries.length === 0) return setEntries(draft, entries);
  const change = { type: typeOf(resource), before: asJson(old), after: asJson(next), entries, writer };
  if (entries.every(({ apiVersion }) => apiVersion === writer.apiVersion)) return setEntries(draft, updateEntries(change));
  return otherVersions(context, resource, old, next, entries).then((others) => setEntries(draft, updateEntries({ ...change, others })));
}

export function setEntries(draft: Draft, entries: Entries): void {
  // Entries are shared, and nobody changes them.
  if (entries.length > 0) draft.metadata.managedFields = entries as unknown as NonNullable<Draft['metadata']['managedFields']>;
  else delete draft.metadata.managedFields;
}

export const liveEntries = ({ metadata }: KubeObject): Entries => entriesOrNone(metadata.managedFields) ?? [];

function newEntries({ metadata }: Draft, old: KubeObject): Entries {
  const given = metadata.managedFields as readonly ManagedFieldsEntry[] | undefined;
  // Most clients send back what they got; entries that are known already need no second look.
  if (given === undefined || equalJson(given as unknown as Json, old.metadata.managedFields as unknown as Json)) return liveEntries(old);
  if (isReset(given)) return [];
  const entries = entriesOrNone(given);
  return entries && entries.length > 0 ? entries : liveEntries(old);
}

/** As upstream, entries that make no sense count as none. */
function entriesOrNone(given: readonly ManagedFieldsEntry[] | undefined): Entries | undefined {
  if (given === undefined) return undefined;
  try {
    return readEntries(given);
  } catch {
    return undefined;
  }
}

/** Throws an Error that says what is wrong with the entries. */
export const checkEntries = (given: readonly ManagedFieldsEntry[] | undefined): void => void readEntries(given ?? []);

/** An empty list, or one empty entry: for patches, which cannot say the former. */
function isReset(given: readonly ManagedFieldsEntry[]): boolean {
  return given.length === 0 || (given.length === 1 && Object.keys(given[0]!).length === 0);
}

/** Whether a body resets the managed fields by an empty list, which no decoded object would show. */
export function saysNoManagedFields({ metadata }: JsonObject): boolean {
  const given = isJsonObject(metadata) ? metadata['managedFields'] : undefined;
  return Array.isArray(given) && given.length === 0;
}

/** The versions that a resource is served in, for entries that name fields by another one. */
export function servedVersions({ resources }: ApiContext, resource: Resource): Versions {
  return {
    async convert(object, apiVersion) {
      const other = resources.byGvk(apiVersion, resource.kind.kind);
      if (!other || other.storage.prefix !== resource.storage.prefix) return undefined;
      const converted = await resource.storage.convertTo(other.storage, object as unknown as KubeObject);
      return { object: asJson(converted), type: typeOf(other) };
    },
  };
}

async function otherVersions(
  context: ApiContext,
  resource: Resource,
  old: KubeObject,
  next: Draft,
  entries: Entries,
): Promise<OtherVersions> {
  const [versions, own, type] = [servedVersions(context, resource), resource.kind.apiVersion, typeOf(resource)];
  const [before, after] = await Promise.all(
    [old, next].map((object) => versionsOf(versions, { object: asJson(object), type }, own, entries)),
  );
  const out = new Map<string, VersionChange>();
  for (const [version, was] of before!) {
    const now = after!.get(version);
    if (version !== own && now) out.set(version, { type: now.type, comparison: compare(now.type, was.object, now.object) });
  }
  return out;
}

export const asJson = (object: object): JsonObject => object as JsonObject;
