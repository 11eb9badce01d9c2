// Request bodies by content type: JSON, YAML or protobuf in, JSON objects out.
import { isJsonObject, type JsonObject } from '../json.js';
import { badRequest, unsupportedMediaType } from '../status.js';
import { decodeJson } from './json.js';
import { decodeProtobuf, type ResolveSchema } from './protobuf.js';
import { decodeYaml } from './yaml.js';

export const MEDIA_JSON = 'application/json';
export const MEDIA_YAML = 'application/yaml';
export const MEDIA_PROTOBUF = 'application/vnd.kubernetes.protobuf';

export type { ResolveSchema };

/**
 * Decodes a body that must be one object; no content type means JSON. `resolveSchema` is asked only for protobuf.
 * Throws StatusError: 415 for other content types, 400 for what does not decode.
 */
export function decodeBody(contentType: string | undefined, bytes: Uint8Array, resolveSchema: ResolveSchema): JsonObject {
  const value = decodeValue(mediaType(contentType), bytes, resolveSchema);
  if (!isJsonObject(value)) throw badRequest("couldn't get version/kind; the body must be an object");
  return value;
}

function decodeValue(type: string, bytes: Uint8Array, resolveSchema: ResolveSchema) {
  switch (type) {
    case '':
    case MEDIA_JSON:
      return decodeJson(bytes);
    case MEDIA_YAML:
      return decodeYaml(bytes);
    case MEDIA_PROTOBUF:
      return decodeProtobuf(bytes, resolveSchema);
    default:
      throw unsupportedMediaType([MEDIA_JSON, MEDIA_YAML, MEDIA_PROTOBUF]);
  }
}

/** The media type without parameters, in lower case. */
export function mediaType(contentType: string | undefined): string {
  return (contentType ?? '').split(';', 1)[0]!.trim().toLowerCase();
}
