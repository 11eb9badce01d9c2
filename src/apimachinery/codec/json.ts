// JSON bodies: bytes checked for UTF-8 and nesting, then JSON.parse; errors in the words of Go's decoder.
import { isUtf8 } from 'node:buffer';
import { JSON_DEPTH_MAX, tooDeep } from '../clone.js';
import type { Json } from '../json.js';
import { badRequest } from '../status.js';

export interface ParsedJson {
  readonly value: Json;
  readonly text: string;
  /** Of all objects in the text together: more than in `value` if a name is there twice. */
  readonly members: number;
}

/** Any JSON document. Throws StatusError 400. */
export const decodeJson = (bytes: Uint8Array): Json => parseJson(bytes).value;

export function parseJson(bytes: Uint8Array): ParsedJson {
  const text = decodeText(bytes);
  const members = countMembers(bytes, JSON_DEPTH_MAX);
  try {
    return { value: JSON.parse(text) as Json, text, members };
  } catch (error) {
    throw badRequest(`couldn't get version/kind; json parse error: ${inGoWords(text, (error as SyntaxError).message)}`);
  }
}

/** The bytes as text. Throws StatusError 400 unless they are UTF-8. */
export function decodeText(bytes: Uint8Array): string {
  if (!isUtf8(bytes)) throw badRequest('the body is not valid UTF-8');
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}

const [QUOTE, BACKSLASH, COLON, OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x22, 0x5c, 0x3a, 0x5b, 0x5d, 0x7b, 0x7d];

/** Looks at brackets and colons outside strings only: each colon is a member. Throws StatusError 400 where they nest deeper than `max`. */
function countMembers(bytes: Uint8Array, max: number): number {
  let depth = 0;
  let members = 0;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (byte === QUOTE) {
      for (i++; i < bytes.length && bytes[i] !== QUOTE; i++) if (bytes[i] === BACKSLASH) i++;
    } else if (byte === COLON) members++;
    else if (byte === OPEN_OBJECT || byte === OPEN_LIST) {
      if (++depth > max) throw tooDeep();
    } else if (byte === CLOSE_OBJECT || byte === CLOSE_LIST) depth--;
  }
  return members;
}

/** What V8 expected, and what Go says of a character that is not it. */
const EXPECTATIONS: readonly (readonly [RegExp, string])[] = [
  [/^Expected property name/, 'looking for beginning of object key string'],
  [/^Expected double-quoted property name/, 'looking for beginning of object key string'],
  [/^Expected ',' or '}'/, 'after object key:value pair'],
  [/^Expected ',' or '\]'/, 'after array element'],
  [/^Expected ':'/, 'after object key'],
  [/^Bad control character/, 'in string literal'],
  [/^Bad escaped character/, 'in string escape code'],
  [/^Unexpected non-whitespace/, 'after top-level value'],
];

function inGoWords(text: string, message: string): string {
  const at = / position (\d+)/.exec(message)?.[1];
  if (at !== undefined && Number(at) >= text.length) return 'unexpected end of JSON input';
  if (/^(Unexpected end|Unterminated)/.test(message)) return 'unexpected end of JSON input';
  const expectation = EXPECTATIONS.find(([pattern]) => pattern.test(message))?.[1];
  if (expectation && at !== undefined) return `invalid character ${goCharacter(text[Number(at)]!)} ${expectation}`;
  const token = /^Unexpected token '?(.)/su.exec(message)?.[1];
  return token ? `invalid character ${goCharacter(token)} looking for beginning of value` : message;
}

/** A character as Go quotes it. */
function goCharacter(c: string): string {
  if (c === "'") return "'\\''";
  return `'${JSON.stringify(c).slice(1, -1).replace('\\"', '"')}'`;
}
