// Versions: the same object in the versions that managed fields name its fields by.
import type { JsonObject } from '../json.js';
import type { Entries } from './entries.js';
import type { ApplyType } from './type.js';

export interface Typed {
  readonly object: JsonObject;
  readonly type: ApplyType;
}

/** Converts between the versions of one kind. */
export interface Versions {
  /** The object in `apiVersion`; undefined where that version is not served. */
  convert(object: JsonObject, apiVersion: string): Promise<Typed | undefined>;
}

/** A kind with the one version: entries of any other are of the past. */
export const ONE_VERSION: Versions = { convert: () => Promise.resolve(undefined) };

/** `typed`, which is of version `own`, in its own and in each version of the entries that is served. */
export async function versionsOf(versions: Versions, typed: Typed, own: string, entries: Entries): Promise<Map<string, Typed>> {
  const out = new Map([[own, typed]]);
  for (const version of new Set(entries.map(({ apiVersion }) => apiVersion))) {
    if (out.has(version)) continue;
    const converted = await versions.convert(typed.object, version);
    if (converted) out.set(version, converted);
  }
  return out;
}
