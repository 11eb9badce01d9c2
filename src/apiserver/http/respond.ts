// Respond: a Result as an HTTP answer, in the form that the client accepts.
import type { ObjectSchema } from '../../apimachinery/schema.js';
import { StatusError } from '../../apimachinery/status.js';
import type { ApiContext } from '../context.js';
import type { Exchange, Result } from '../exchange.js';
import type { Resources } from '../resources.js';
import { SCALE_VERSION, scaleSchema } from '../scale-schema.js';
import { type Encoded, encodeList, encodeObject, encodeValue, STATUS_SCHEMA } from './encode.js';
import type { AnswerHeaders } from './http-server.js';
import { errorFormOf, type Form, JSON_FORM } from './negotiate.js';

/** The one review that is no kind of its own. */
const TOKEN_REQUEST = 'authentication.v1.TokenRequest';

export interface Reply {
  readonly code: number;
  readonly headers: AnswerHeaders;
  readonly body: Uint8Array;
  /** Worth compressing where it is large: an API object, or many. */
  readonly compressible?: boolean;
}

/** Longest Warning header that is sent, and how many: as upstream, so that no client chokes on them. */
const MAX_WARNING_LENGTH = 256;
const MAX_WARNINGS = 16;

/** For every result that has an end: all but watches, streams and tunnels. */
export function replyTo(exchange: Exchange, result: Result, { resources, clock }: Pick<ApiContext, 'resources' | 'clock'>): Reply {
  switch (result.type) {
    case 'bytes':
      return { code: result.code, headers: { ...headersOf(exchange, result.contentType), ...result.headers }, body: result.bytes };
    case 'object':
    case 'list':
    case 'value': {
      const { contentType, bytes } = encode(exchange.form, result, resources, clock.now());
      const code = result.type === 'list' ? 200 : result.code;
      return { code, headers: headersOf(exchange, contentType), body: bytes, compressible: true };
    }
    case 'tunnel':
      return errorReply(exchange, new StatusError(400, 'BadRequest', 'Upgrade request required'));
    default:
      throw new Error(`respond: a ${result.type} has no end`);
  }
}

function encode(form: Form, result: Extract<Result, { type: 'object' | 'list' | 'value' }>, resources: Resources, now_ms: number): Encoded {
  if (result.type === 'object') return encodeObject(result, form, now_ms);
  if (result.type === 'list') return encodeList(result, form, now_ms);
  return encodeValue(result.value, form, form.media === 'protobuf' ? schemaOfValue(result.value, resources) : undefined);
}

/** Of a value that is no stored object: a Status, a Scale, a review, or what a dry run would have stored. */
function schemaOfValue(value: { readonly apiVersion?: unknown; readonly kind?: unknown }, resources: Resources): ObjectSchema | undefined {
  const [apiVersion, kind] = [String(value.apiVersion), String(value.kind)];
  if (apiVersion === 'v1' && kind === 'Status') return STATUS_SCHEMA;
  if (apiVersion === SCALE_VERSION && kind === 'Scale') return scaleSchema;
  return resources.byGvk(apiVersion, kind)?.schema ?? (kind === 'TokenRequest' ? resources.schemas.get(TOKEN_REQUEST) : undefined);
}

export function errorReply(exchange: Exchange | undefined, error: StatusError): Reply {
  const { contentType, bytes } = encodeError(exchange, error.toStatus());
  const retryAfter_s = error.details?.retryAfterSeconds;
  const headers = exchange ? headersOf(exchange, contentType) : { 'content-type': contentType };
  if (retryAfter_s) headers['retry-after'] = String(retryAfter_s);
  return { code: error.code, headers, body: bytes };
}

/** As upstream: who accepts none of our types gets an error all the same, in JSON for people. */
function encodeError(exchange: Exchange | undefined, status: object): Encoded {
  const { accept, userAgent } = exchange?.headers ?? {};
  const form = exchange ? errorFormOf(accept, userAgent, exchange.query) : JSON_FORM;
  return encodeValue(status, form ?? { ...JSON_FORM, pretty: true }, STATUS_SCHEMA);
}

/** With RFC 7234 warnings, each text once, quoted as a header may carry it. */
export function headersOf({ warnings, audit }: Exchange, contentType: string): AnswerHeaders {
  const headers: AnswerHeaders = { 'cache-control': 'no-cache, private', 'content-type': contentType };
  if (audit) headers['audit-id'] = audit.id;
  if (warnings.length > 0) {
    const texts = [...new Set(warnings)].slice(0, MAX_WARNINGS);
    headers['warning'] = texts.map((text) => `299 - "${headerText(text)}"`);
  }
  return headers;
}

const headerText = (text: string) =>
  text
    .slice(0, MAX_WARNING_LENGTH)
    .replaceAll(/[^\x20-\x7e]/g, '?')
    .replaceAll(/["\\]/g, (c) => `\\${c}`);
