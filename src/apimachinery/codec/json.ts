// JSON bodies: bytes checked for UTF-8 and nesting, then JSON.parse.
import { isUtf8 } from 'node:buffer';
import { JSON_DEPTH_MAX, tooDeep } from '../clone.js';
import type { Json } from '../json.js';
import { badRequest } from '../status.js';

/** Any JSON document. Throws StatusError 400. */
export function decodeJson(bytes: Uint8Array): Json {
  const text = decodeText(bytes);
  if (isDeeperThan(bytes, JSON_DEPTH_MAX)) throw tooDeep();
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    throw badRequest(`couldn't get version/kind; json parse error: ${(error as SyntaxError).message}`);
  }
}

/** The bytes as text. Throws StatusError 400 unless they are UTF-8. */
export function decodeText(bytes: Uint8Array): string {
  if (!isUtf8(bytes)) throw badRequest('the body is not valid UTF-8');
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}

const [QUOTE, BACKSLASH, OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x22, 0x5c, 0x5b, 0x5d, 0x7b, 0x7d];

/** Looks at brackets outside strings only, which is all that nesting takes. */
function isDeeperThan(bytes: Uint8Array, max: number): boolean {
  let depth = 0;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (byte === QUOTE) {
      for (i++; i < bytes.length && bytes[i] !== QUOTE; i++) if (bytes[i] === BACKSLASH) i++;
    } else if (byte === OPEN_OBJECT || byte === OPEN_LIST) {
      if (++depth > max) return true;
    } else if (byte === CLOSE_OBJECT || byte === CLOSE_LIST) depth--;
  }
  return false;
}
