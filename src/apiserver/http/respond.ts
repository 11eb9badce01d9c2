// Respond: a Result as an HTTP answer, in the form that the client accepts.
import { StatusError } from '../../apimachinery/status.js';
import type { Exchange, Result } from '../exchange.js';
import { encodeList, encodeObject, encodeValue } from './encode.js';
import type { Form } from './negotiate.js';

export interface Reply {
  readonly code: number;
  readonly headers: { readonly [name: string]: string | readonly string[] };
  readonly body: Uint8Array;
}

const JSON_FORM: Form = { type: 'json' };
/** Longest Warning header that is sent, and how many: as upstream, so that no client chokes on them. */
const MAX_WARNING_LENGTH = 256;
const MAX_WARNINGS = 16;

/** For every result that has an end: all but watches, streams and tunnels. */
export function replyTo(exchange: Exchange, result: Result, now_ms: number): Reply {
  const headers = commonHeaders(exchange);
  switch (result.type) {
    case 'bytes':
      return { code: result.code, headers: { ...headers, 'content-type': result.contentType, ...result.headers }, body: result.bytes };
    case 'object':
    case 'list':
    case 'value': {
      const { contentType, bytes } = encode(exchange, result, now_ms);
      return { code: result.type === 'list' ? 200 : result.code, headers: { ...headers, 'content-type': contentType }, body: bytes };
    }
    case 'tunnel':
      return errorReply(exchange, new StatusError(400, 'BadRequest', 'Upgrade request required'));
    default:
      throw new Error(`respond: a ${result.type} has no end`);
  }
}

function encode(exchange: Exchange, result: Extract<Result, { type: 'object' | 'list' | 'value' }>, now_ms: number) {
  const { form } = exchange;
  if (result.type === 'object') return encodeObject(result, form, now_ms);
  if (result.type === 'list') return encodeList(result, form, now_ms);
  return encodeValue(result.value, form);
}

export function errorReply(exchange: Exchange | undefined, error: StatusError): Reply {
  const { contentType, bytes } = encodeValue(error.toStatus(), JSON_FORM);
  const retryAfter_s = error.details?.retryAfterSeconds;
  const headers = {
    ...(exchange ? commonHeaders(exchange) : {}),
    'content-type': contentType,
    ...(retryAfter_s ? { 'retry-after': String(retryAfter_s) } : {}),
  };
  return { code: error.code, headers, body: bytes };
}

/** RFC 7234 warnings, each text once, quoted as a header may carry it. */
export function commonHeaders({ warnings }: Exchange): { readonly [name: string]: string | readonly string[] } {
  const common = { 'cache-control': 'no-cache, private' };
  if (warnings.length === 0) return common;
  const texts = [...new Set(warnings)].slice(0, MAX_WARNINGS);
  return { ...common, warning: texts.map((text) => `299 - "${headerText(text)}"`) };
}

const headerText = (text: string) =>
  text
    .slice(0, MAX_WARNING_LENGTH)
    .replaceAll(/[^\x20-\x7e]/g, '?')
    .replaceAll(/["\\]/g, (c) => `\\${c}`);
