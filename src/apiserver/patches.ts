// Patch bodies: read once, applied to whatever the object is at the time. And configurations to apply.
import { goPlain } from '../apimachinery/apply/validate.js';
import { cloneJson } from '../apimachinery/clone.js';
import { mediaType } from '../apimachinery/codec/index.js';
import { type ParsedJson, parseJson } from '../apimachinery/codec/json.js';
import { hasDuplicates, strictErrorsOf, unknownFieldMessages } from '../apimachinery/codec/strict.js';
import { parseYaml } from '../apimachinery/codec/yaml.js';
import { invalid } from '../apimachinery/field.js';
import { isJsonObject, type Json, type JsonObject } from '../apimachinery/json.js';
import { applyJsonPatch } from '../apimachinery/patch/json.js';
import { applyMergePatch } from '../apimachinery/patch/merge.js';
import { applyStrategicMergePatch } from '../apimachinery/patch/strategic.js';
import type { ObjectSchema } from '../apimachinery/schema.js';
import { badRequest, invalidObject, isStatus, unsupportedMediaType } from '../apimachinery/status.js';
import { type BodyKind, type Draft, toObject } from './body.js';
import type { Exchange, RequestBody } from './exchange.js';
import { fieldValidation } from './parameters.js';

export const JSON_PATCH = 'application/json-patch+json';
export const MERGE_PATCH = 'application/merge-patch+json';
export const STRATEGIC_MERGE_PATCH = 'application/strategic-merge-patch+json';
export const APPLY_PATCH = 'application/apply-patch+yaml';
export const PATCH_TYPES: readonly string[] = [JSON_PATCH, MERGE_PATCH, STRATEGIC_MERGE_PATCH, APPLY_PATCH];
/** Lists of custom resources have no merge keys that strategic merge could go by. */
export const CUSTOM_PATCH_TYPES: readonly string[] = PATCH_TYPES.filter((type) => type !== STRATEGIC_MERGE_PATCH);

export const isApply = (body: RequestBody): boolean => body.type !== 'none' && mediaType(body.contentType) === APPLY_PATCH;

/** Makes a draft of `kind` out of the document that it is given, which stays as it is. */
export type Patch = (kind: BodyKind, document: JsonObject) => Draft;

/** Throws 415 for other types than `types`, 400 for bad bodies; the patch throws 400, 413 and 422 where it cannot be applied. */
export function readPatch(exchange: Exchange, types: readonly string[]): Patch {
  const { body } = exchange;
  if (body.type === 'none') throw badRequest('error decoding patch: unexpected end of JSON input');
  const type = mediaType(body.contentType);
  if (!types.includes(type) || type === APPLY_PATCH) throw unsupportedMediaType(types);
  const { value: patch, duplicates } = body.type === 'bytes' ? parsePatch(body.bytes) : { value: body.value as Json, duplicates: [] };
  checkShape(type, patch);
  const apply = APPLIERS[type]!;
  const strictErrors = (unknown: readonly string[]) => [...duplicates, ...unknownFieldMessages(unknown)];
  return (kind, document) => {
    const patched = apply(kind.schema, document, patch);
    try {
      return toObject(exchange, kind, patched, 'PatchOptions', strictErrors);
    } catch (error) {
      throw unfit(error, type === STRATEGIC_MERGE_PATCH ? () => goPlain(patch) : () => JSON.stringify(patched));
    }
  };
}

type Applier = (schema: ObjectSchema, document: JsonObject, patch: Json) => JsonObject;

const APPLIERS: { readonly [type: string]: Applier } = {
  [JSON_PATCH]: (_schema, document, patch) => applyJsonPatch(document, patch),
  [MERGE_PATCH]: (_schema, document, patch) => applyMergePatch(document, patch),
  [STRATEGIC_MERGE_PATCH]: applyStrategicMergePatch,
};

function parsePatch(bytes: Uint8Array): { readonly value: Json; readonly duplicates: readonly string[] } {
  let parsed: ParsedJson;
  try {
    parsed = parseJson(bytes);
  } catch (error) {
    if (!isStatus(error, 'BadRequest')) throw error;
    throw badRequest(`error decoding patch: ${error.message.replace(/^.*json parse error: /, '')}`);
  }
  const prefix = Array.isArray(parsed.value) ? 'json patch ' : '';
  return { value: parsed.value, duplicates: hasDuplicates(parsed) ? strictErrorsOf(parsed, []).map((error) => prefix + error) : [] };
}

function checkShape(type: string, patch: Json): void {
  const wanted = type === JSON_PATCH ? '[]handlers.jsonPatchOp' : 'map[string]interface {}';
  if (type === JSON_PATCH ? Array.isArray(patch) : isJsonObject(patch)) return;
  const given = Array.isArray(patch) ? 'array' : patch === null ? 'null' : typeof patch === 'boolean' ? 'bool' : typeof patch;
  throw badRequest(`error decoding patch: json: cannot unmarshal ${given} into Go value of type ${wanted}`);
}

/** As upstream: what a patch makes and no decoder takes is shown, and called invalid. */
function unfit(error: unknown, show: () => string): unknown {
  if (!isStatus(error, 'BadRequest')) return error;
  const why = / cannot be handled as a \w+: (.*)$/s.exec(error.message)?.[1];
  return why === undefined ? error : invalidObject('', '', '', [invalid('patch', show(), why)]);
}

/** The configuration to apply, in YAML or JSON. Throws 400 for bad bodies. */
export function readConfiguration({ body, query, warnings }: Exchange): JsonObject {
  if (body.type === 'none') return {};
  const { value, duplicates } = body.type === 'bytes' ? parseConfiguration(body.bytes) : { value: body.value, duplicates: [] };
  if (!isJsonObject(value)) throw badRequest('error decoding YAML: error unmarshaling JSON: the configuration must be an object');
  const validation = duplicates.length > 0 ? fieldValidation(query, 'PatchOptions') : 'Ignore';
  const message = `error converting YAML to JSON: yaml: unmarshal errors:\n  ${duplicates.join('\n  ')}`;
  if (validation === 'Strict') throw badRequest(`error strict decoding YAML: ${message}`);
  if (validation === 'Warn') warnings.push(message);
  // A copy, which refuses names and depths that no object may have.
  return cloneJson(value) as JsonObject;
}

const OPEN_OBJECT = 0x7b;

/** JSON is YAML, but much faster to read as what it is. */
function parseConfiguration(bytes: Uint8Array): { readonly value: unknown; readonly duplicates: readonly string[] } {
  if (bytes[0] === OPEN_OBJECT) {
    try {
      const parsed = parseJson(bytes);
      if (!hasDuplicates(parsed)) return { value: parsed.value, duplicates: [] };
    } catch (error) {
      if (!isStatus(error, 'BadRequest')) throw error;
    }
  }
  try {
    return parseYaml(bytes);
  } catch (error) {
    if (isStatus(error, 'BadRequest')) throw badRequest(`error decoding YAML: ${error.message}`);
    throw error;
  }
}
