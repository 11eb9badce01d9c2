// Request bodies by content type: JSON, YAML or protobuf in, JSON objects out.
import { isJsonObject, type Json, type JsonObject } from '../json.js';
import { badRequest, unsupportedMediaType } from '../status.js';
import { parseJson } from './json.js';
import { decodeProtobuf, type ResolveSchema } from './protobuf.js';
import { strictErrorsOf, unknownFieldMessages } from './strict.js';
import { parseYaml } from './yaml.js';

export const MEDIA_JSON = 'application/json';
export const MEDIA_YAML = 'application/yaml';
export const MEDIA_PROTOBUF = 'application/vnd.kubernetes.protobuf';

export type { ResolveSchema };

/** What an encoding says of what it held, given the fields that the object's type does not know: in order, once each. */
export type StrictErrors = (unknownFields: readonly string[]) => readonly string[];

export interface DecodedBody {
  readonly value: JsonObject;
  readonly strictErrors: StrictErrors;
}

/**
 * Decodes a body that must be one object; no content type means JSON. `resolveSchema` is asked only for protobuf.
 * Throws StatusError: 415 for other content types, 400 for what does not decode.
 */
export function decodeBody(contentType: string | undefined, bytes: Uint8Array, resolveSchema: ResolveSchema): DecodedBody {
  const { value, strictErrors } = decodeValue(mediaType(contentType), bytes, resolveSchema);
  if (isJsonObject(value)) return { value, strictErrors };
  throw badRequest(
    `couldn't get version/kind; json parse error: json: cannot unmarshal ${goType(value)} into Go value of type struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }`,
  );
}

const goType = (value: Json) =>
  Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value === 'boolean' ? 'bool' : typeof value;

function decodeValue(
  type: string,
  bytes: Uint8Array,
  resolveSchema: ResolveSchema,
): { readonly value: Json; readonly strictErrors: StrictErrors } {
  switch (type) {
    case '':
    case MEDIA_JSON: {
      const parsed = parseJson(bytes);
      return { value: parsed.value, strictErrors: (unknown) => strictErrorsOf(parsed, unknown) };
    }
    case MEDIA_YAML: {
      const { value, duplicates } = parseYaml(bytes);
      const twice = duplicates.length > 0 ? [`yaml: unmarshal errors:\n  ${duplicates.join('\n  ')}`] : [];
      return { value, strictErrors: (unknown) => [...twice, ...unknownFieldMessages(unknown)] };
    }
    case MEDIA_PROTOBUF:
      // As upstream, what a protobuf message has too much is passed over.
      return { value: decodeProtobuf(bytes, resolveSchema), strictErrors: () => [] };
    default:
      throw unsupportedMediaType([MEDIA_JSON, MEDIA_YAML, MEDIA_PROTOBUF]);
  }
}

/** The media type without parameters, in lower case. */
export function mediaType(contentType: string | undefined): string {
  return (contentType ?? '').split(';', 1)[0]!.trim().toLowerCase();
}
