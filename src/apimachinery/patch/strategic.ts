// Strategic merge patch: a merge patch that knows which lists to merge by which key, and takes directives.
import { cloneJson, JSON_DEPTH_MAX, setMember, tooDeep } from '../clone.js';
import { isJsonObject, type Json, type JsonObject } from '../json.js';
import type { Field, ObjectSchema } from '../schema.js';
import { badRequest } from '../status.js';
import { mergeObjectList, mergePrimitiveList, reorder } from './strategic-list.js';

const PATCH = '$patch';
const RETAIN_KEYS = '$retainKeys';
const SET_ELEMENT_ORDER = '$setElementOrder/';
const DELETE_FROM_PRIMITIVE_LIST = '$deleteFromPrimitiveList/';

/** The members of an object under construction; their values may be shared. */
type Members = { [key: string]: Json | undefined };

/** `doc` with `patch` merged into it by the rules of `schema`; neither is changed, and the result shares with `doc` what stayed. Throws StatusError 400 for a bad patch. */
export function applyStrategicMergePatch(schema: ObjectSchema, doc: JsonObject, patch: Json): JsonObject {
  if (!isJsonObject(patch)) throw badRequest('a strategic merge patch must be a JSON object');
  return mergeObject(schema, doc, patch, 0);
}

/** `schema` is undefined inside maps and raw values: there, objects merge and lists are replaced. */
function mergeObject(schema: ObjectSchema | undefined, doc: JsonObject, patch: JsonObject, depth: number): JsonObject {
  if (depth > JSON_DEPTH_MAX) throw tooDeep();
  const directive = patch[PATCH];
  if (directive === 'delete') return {};
  if (directive !== undefined && directive !== 'replace' && directive !== 'merge') {
    throw badRequest(`unknown patch type found: ${JSON.stringify(directive)}`);
  }
  const out: Members = directive === 'replace' ? {} : retained(doc, patch);
  for (const [key, value] of Object.entries(patch)) {
    if (key === PATCH || key === RETAIN_KEYS || value === undefined) continue;
    if (key.startsWith(SET_ELEMENT_ORDER) || key.startsWith(DELETE_FROM_PRIMITIVE_LIST)) continue;
    if (value === null) delete out[key];
    else setMember(out, key, mergeValue(schema?.fields.get(key), out[key], value, depth));
  }
  applyListDirectives(schema, out, doc, patch);
  return out;
}

function mergeValue(field: Field | undefined, current: Json | undefined, value: Json, depth: number): Json {
  if (Array.isArray(value)) return mergeList(field, Array.isArray(current) ? current : [], value, depth);
  if (!isJsonObject(value)) return value;
  // A missing value is merged into nothing, so that directives and nulls inside the patch do not end up in the document.
  const base = isJsonObject(current) && !field?.patch?.split(',').includes('replace') ? current : {};
  return mergeObject(field?.of === 'list' ? undefined : field?.object, base, value, depth + 1);
}

function mergeList(field: Field | undefined, current: readonly Json[], patch: readonly Json[], depth: number): Json[] {
  if (!field?.patch?.split(',').includes('merge')) return patch.map((item) => cloneJson(item));
  const { name, key } = field;
  // The patch's own order counts where no directive gives another: what is new comes before what the patch does not name.
  if (!key) return reorder(mergePrimitiveList(current, patch), patch, current, undefined);
  const merged = mergeObjectList(name, key, current, patch, (item, change) => mergeObject(field.object, item, change, depth + 1));
  return reorder(merged, patch, current, key);
}

/** The document's members, or only those that `$retainKeys` names. */
function retained(doc: JsonObject, patch: JsonObject): Members {
  const keys = patch[RETAIN_KEYS];
  if (keys === undefined) return { ...doc };
  if (!Array.isArray(keys)) throw badRequest(`${RETAIN_KEYS} must be a list of field names`);
  const out: Members = {};
  for (const [key, value] of Object.entries(patch)) {
    if (!key.startsWith('$') && value !== null && !keys.includes(key)) {
      throw badRequest(`invalid strategic merge patch: ${JSON.stringify(key)} is set but not in ${RETAIN_KEYS}`);
    }
  }
  for (const [key, value] of Object.entries(doc)) if (keys.includes(key) && value !== undefined) setMember(out, key, value);
  return out;
}

/** Deletions from lists of primitives first, then the orders: they may name fields that the patch has no value for. */
function applyListDirectives(schema: ObjectSchema | undefined, out: Members, doc: JsonObject, patch: JsonObject): void {
  for (const [key, value] of Object.entries(patch)) {
    if (!key.startsWith(DELETE_FROM_PRIMITIVE_LIST)) continue;
    const removed = directiveList(key, value);
    const list = out[key.slice(DELETE_FROM_PRIMITIVE_LIST.length)];
    if (Array.isArray(list))
      setMember(
        out,
        key.slice(DELETE_FROM_PRIMITIVE_LIST.length),
        list.filter((item) => !removed.includes(item)),
      );
  }
  for (const [key, value] of Object.entries(patch)) {
    if (!key.startsWith(SET_ELEMENT_ORDER)) continue;
    const name = key.slice(SET_ELEMENT_ORDER.length);
    const order = directiveList(key, value);
    const [list, before] = [out[name], doc[name]];
    if (!Array.isArray(list)) continue;
    setMember(out, name, reorder(list, order, Array.isArray(before) ? before : [], schema?.fields.get(name)?.key));
  }
}

function directiveList(key: string, value: Json | undefined): readonly Json[] {
  if (Array.isArray(value)) return value;
  throw badRequest(`invalid strategic merge patch: ${key} must be a list`);
}
