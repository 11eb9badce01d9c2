// Patch bodies: read once, applied to whatever the object is at the time.

import { mediaType } from '../apimachinery/codec/index.js';
import { decodeJson } from '../apimachinery/codec/json.js';
import { isJsonObject, type Json, type JsonObject } from '../apimachinery/json.js';
import { applyJsonPatch } from '../apimachinery/patch/json.js';
import { applyMergePatch } from '../apimachinery/patch/merge.js';
import { applyStrategicMergePatch } from '../apimachinery/patch/strategic.js';
import type { ObjectSchema } from '../apimachinery/schema.js';
import { badRequest, unsupportedMediaType } from '../apimachinery/status.js';
import type { RequestBody } from './exchange.js';

export const JSON_PATCH = 'application/json-patch+json';
export const MERGE_PATCH = 'application/merge-patch+json';
export const STRATEGIC_MERGE_PATCH = 'application/strategic-merge-patch+json';
export const PATCH_TYPES: readonly string[] = [JSON_PATCH, MERGE_PATCH, STRATEGIC_MERGE_PATCH];

export type Patch = (schema: ObjectSchema, document: JsonObject) => JsonObject;

/** Throws 415 for other types (server-side apply among them, which clients understand as not available), 400 for bad bodies. */
export function readPatch(body: RequestBody): Patch {
  if (body.type === 'none') throw badRequest('the body of the request is missing');
  const type = mediaType(body.contentType);
  if (!PATCH_TYPES.includes(type)) throw unsupportedMediaType(PATCH_TYPES);
  const patch = body.type === 'bytes' ? decodeJson(body.bytes) : (body.value as Json);
  if (type === JSON_PATCH) return (_schema, document) => applyJsonPatch(document, patch);
  if (!isJsonObject(patch)) throw badRequest('the patch must be an object');
  if (type === MERGE_PATCH) return (_schema, document) => applyMergePatch(document, patch);
  return (schema, document) => {
    // Without Go's types nothing says how to merge.
    if (schema.custom) throw unsupportedMediaType([JSON_PATCH, MERGE_PATCH]);
    return applyStrategicMergePatch(schema, document, patch);
  };
}
