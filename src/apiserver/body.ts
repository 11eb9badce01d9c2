// Bodies of writes: decoded, checked against the resource and the path, and normalised into an object that is ours alone.
import type { MutableJsonObject } from '../apimachinery/clone.js';
import { type DecodedBody, decodeBody, type StrictErrors } from '../apimachinery/codec/index.js';
import { unknownFieldMessages } from '../apimachinery/codec/strict.js';
import { isJsonObject, type JsonObject, jsonText } from '../apimachinery/json.js';
import { normalize } from '../apimachinery/normalize.js';
import type { KubeObject } from '../apimachinery/object.js';
import type { ObjectSchema, Schemas } from '../apimachinery/schema.js';
import { badRequest, isStatus } from '../apimachinery/status.js';
import type { Mutable } from '../kinds/define.js';
import type { Exchange } from './exchange.js';
import { saysNoManagedFields } from './managed-fields.js';
import { fieldValidation } from './parameters.js';
import type { Resource } from './resources.js';

export type Draft = Mutable<KubeObject>;

/** What a body must be: the kind of a resource, or of a subresource's own body. */
export interface BodyKind {
  readonly apiVersion: string;
  readonly kind: string;
  readonly schema: ObjectSchema;
}

/** The body's value, still the client's own if it came in process. Throws StatusError 400, 415. */
export function readBody(exchange: Exchange, resolve: (apiVersion: string, kind: string) => ObjectSchema | undefined): DecodedBody {
  const { body } = exchange;
  if (body.type === 'none') throw badRequest("couldn't get version/kind; json parse error: unexpected end of JSON input");
  if (body.type === 'bytes') return decodeBody(body.contentType, body.bytes, resolve);
  if (isJsonObject(body.value)) return { value: body.value, strictErrors: unknownFieldMessages };
  throw badRequest('the body of the request must be an object');
}

/** The body as an object of `kind`, without unknown fields, which are refused or warned about as the request asks. */
export function readObject(exchange: Exchange, kind: BodyKind, optionsKind: string): Draft {
  const own = (apiVersion: string, name: string) => (apiVersion === kind.apiVersion && name === kind.kind ? kind.schema : undefined);
  const { value, strictErrors } = orUnrecognized(exchange, kind, () => readBody(exchange, own));
  return toObject(exchange, kind, value, optionsKind, strictErrors);
}

/** As upstream, what cannot be decoded at all is shown as it begins. */
function orUnrecognized<T>({ body }: Exchange, kind: BodyKind, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (body.type === 'value' || !isStatus(error, 'BadRequest')) throw error;
    const summary = body.type === 'none' ? '<empty>' : summaryOf(Buffer.from(body.bytes));
    throw badRequest(`the object provided is unrecognized (must be of type ${kind.kind}): ${error.message} (${summary})`);
  }
}

const SUMMARY_BYTES = 30;

function summaryOf(bytes: Buffer): string {
  const shown = bytes.subarray(0, SUMMARY_BYTES);
  return `${bytes[0] === 0x7b ? shown.toString() : shown.toString('hex')}${bytes.length > SUMMARY_BYTES ? ' ...' : ''}`;
}

/** `value` as an object of `kind`; see readObject. */
export function toObject(
  exchange: Exchange,
  kind: BodyKind,
  value: JsonObject,
  optionsKind: string,
  strictErrors: StrictErrors = unknownFieldMessages,
): Draft {
  checkKind(kind, value);
  const validation = fieldValidation(exchange.query, optionsKind);
  const { object, unknownFields } = normalize(kind.schema, { ...value, apiVersion: kind.apiVersion, kind: kind.kind });
  if (validation !== 'Ignore') {
    const messages = strictErrors(unknownFields);
    if (messages.length > 0 && validation === 'Strict') throw cannotBeHandled(kind, `strict decoding error: ${messages.join(', ')}`);
    exchange.warnings.push(...messages);
  }
  if (!isJsonObject(object['metadata'])) object['metadata'] = {};
  // Nobody else tells an empty list from none.
  if (saysNoManagedFields(value)) (object['metadata'] as MutableJsonObject)['managedFields'] = [];
  return object as unknown as Draft;
}

/** As upstream, a body may leave out its kind and version, but not claim others. */
function checkKind(kind: BodyKind, value: JsonObject): void {
  const apiVersion = value['apiVersion'];
  if (apiVersion !== undefined && apiVersion !== '' && apiVersion !== kind.apiVersion) {
    throw badRequest(`the API version in the data (${jsonText(apiVersion)}) does not match the expected API version (${kind.apiVersion})`);
  }
  if (value['kind'] !== undefined && value['kind'] !== '' && value['kind'] !== kind.kind) {
    throw badRequest(`the kind in the data (${jsonText(value['kind'])}) does not match the expected kind (${kind.kind})`);
  }
}

const cannotBeHandled = (kind: BodyKind, why: string) =>
  badRequest(`${kind.kind} in version "${versionOf(kind)}" cannot be handled as a ${kind.kind}: ${why}`);

const versionOf = ({ apiVersion }: BodyKind) => apiVersion.slice(apiVersion.indexOf('/') + 1);

/** The kind of body that a resource's own objects are. */
export const kindOf = ({ kind, schema }: Resource): BodyKind => ({ apiVersion: kind.apiVersion, kind: kind.kind, schema });

/** The kind of body for a type id of `schemas`. */
export function bodyKind(schemas: Schemas, apiVersion: string, kind: string, schemaId: string): BodyKind {
  return { apiVersion, kind, schema: schemas.get(schemaId) };
}
