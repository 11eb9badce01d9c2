// Patch bodies: read once, applied to whatever the object is at the time. And configurations to apply.
import { mediaType } from '../apimachinery/codec/index.js';
import { decodeJson, parseJson } from '../apimachinery/codec/json.js';
import { hasDuplicates } from '../apimachinery/codec/strict.js';
import { parseYaml } from '../apimachinery/codec/yaml.js';
import { isJsonObject, type Json, type JsonObject } from '../apimachinery/json.js';
import { applyJsonPatch } from '../apimachinery/patch/json.js';
import { applyMergePatch } from '../apimachinery/patch/merge.js';
import { applyStrategicMergePatch } from '../apimachinery/patch/strategic.js';
import type { ObjectSchema } from '../apimachinery/schema.js';
import { badRequest, isStatus, unsupportedMediaType } from '../apimachinery/status.js';
import type { Exchange, RequestBody } from './exchange.js';
import { fieldValidation } from './parameters.js';

export const JSON_PATCH = 'application/json-patch+json';
export const MERGE_PATCH = 'application/merge-patch+json';
export const STRATEGIC_MERGE_PATCH = 'application/strategic-merge-patch+json';
export const APPLY_PATCH = 'application/apply-patch+yaml';
export const PATCH_TYPES: readonly string[] = [JSON_PATCH, MERGE_PATCH, STRATEGIC_MERGE_PATCH, APPLY_PATCH];
/** Of custom resources: without Go's types nothing says how to merge. */
export const CUSTOM_PATCH_TYPES: readonly string[] = [JSON_PATCH, MERGE_PATCH, APPLY_PATCH];

export type Patch = (schema: ObjectSchema, document: JsonObject) => JsonObject;

export const isApply = (body: RequestBody): boolean => body.type !== 'none' && mediaType(body.contentType) === APPLY_PATCH;

/** The configuration to apply, in YAML or JSON. Throws 400 for bad bodies. */
export function readConfiguration({ body, query, warnings }: Exchange): JsonObject {
  if (body.type === 'none') throw badRequest('the body of the request is missing');
  const { value, duplicates } = body.type === 'bytes' ? parseConfiguration(body.bytes) : { value: body.value, duplicates: [] };
  if (!isJsonObject(value)) throw badRequest('error decoding YAML: error unmarshaling JSON: the configuration must be an object');
  const validation = duplicates.length > 0 ? fieldValidation(query, 'PatchOptions') : 'Ignore';
  const message = `error converting YAML to JSON: yaml: unmarshal errors:\n  ${duplicates.join('\n  ')}`;
  if (validation === 'Strict') throw badRequest(`error strict decoding YAML: ${message}`);
  if (validation === 'Warn') warnings.push(message);
  return value;
}

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

const OPEN_OBJECT = 0x7b;

/** Throws 415 for other types, 400 for bad bodies. */
export function readPatch(body: RequestBody): Patch {
  if (body.type === 'none') throw badRequest('the body of the request is missing');
  const type = mediaType(body.contentType);
  if (!PATCH_TYPES.includes(type) || type === APPLY_PATCH) throw unsupportedMediaType(PATCH_TYPES);
  const patch = body.type === 'bytes' ? decodeJson(body.bytes) : (body.value as Json);
  if (type === JSON_PATCH) return (_schema, document) => applyJsonPatch(document, patch);
  if (!isJsonObject(patch)) throw badRequest('the patch must be an object');
  if (type === MERGE_PATCH) return (_schema, document) => applyMergePatch(document, patch);
  return (schema, document) => {
    if (schema.custom) throw unsupportedMediaType(CUSTOM_PATCH_TYPES);
    return applyStrategicMergePatch(schema, document, patch);
  };
}
