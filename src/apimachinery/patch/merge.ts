// JSON merge patch (RFC 7386): members replace, objects merge, null removes.
import { cloneJson, JSON_DEPTH_MAX, setMember, tooDeep } from '../clone.js';
import { isJsonObject, type Json, type JsonObject } from '../json.js';
import { badRequest } from '../status.js';

/** `doc` with `patch` merged into it; neither is changed, and the result shares with `doc` what stayed. Throws StatusError 400 for a bad patch. */
export function applyMergePatch(doc: JsonObject, patch: Json): JsonObject {
  if (!isJsonObject(patch)) throw badRequest('a merge patch must be a JSON object');
  return merge(doc, patch, 0);
}

function merge(doc: JsonObject, patch: JsonObject, depth: number): JsonObject {
  if (depth > JSON_DEPTH_MAX) throw tooDeep();
  const out: { [key: string]: Json | undefined } = { ...doc };
  for (const [key, value] of Object.entries(patch)) {
    const current = out[key];
    if (value === null || value === undefined) delete out[key];
    else if (isJsonObject(value)) setMember(out, key, merge(isJsonObject(current) ? current : {}, value, depth + 1));
    else setMember(out, key, cloneJson(value));
  }
  return out;
}
