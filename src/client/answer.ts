// readAnswer, decodeAnswer, watchEvents: a server's answer to a client's request, within bounds, and what it amounts to.
import type { IncomingMessage } from 'node:http';
import { isJsonObject } from '../apimachinery/json.js';
import type { KubeObject } from '../apimachinery/object.js';
import { type Status, StatusError } from '../apimachinery/status.js';
import type { WatchEvent } from './client.js';
import { LineSplitter } from './lines.js';

/** The largest object a store takes is 1.5 MiB; its JSON with managed fields and escapes stays far below. */
const LINE_MAX_bytes = 16 * 1024 * 1024;

/** The whole body. Rejects past `max_bytes`, which ends the answer. */
export async function readAnswer(response: IncomingMessage, max_bytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > max_bytes) throw new Error(`the answer is longer than ${max_bytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The decoded body of a 2xx answer; throws the Status of any other. */
export function decodeAnswer(code: number, body: Buffer): unknown {
  const text = body.toString('utf8');
  if (code >= 200 && code < 300) return text ? JSON.parse(text) : {};
  throw StatusError.fromStatus(statusIn(text, code), code);
}

/** The events of a watch's answer. Throws the Status that the server ended it with, and an Error for what are no events. */
export async function* watchEvents(answer: AsyncIterable<Buffer>): AsyncGenerator<WatchEvent<KubeObject>> {
  const lines = new LineSplitter(LINE_MAX_bytes);
  for await (const chunk of answer) {
    for (const line of lines.push(chunk)) {
      if (line.trim() === '') continue;
      const event = JSON.parse(line) as { readonly type: string; readonly object: unknown };
      if (event.type === 'ERROR') throw StatusError.fromStatus(event.object as Partial<Status>, 500);
      if (!isJsonObject(event.object) || !isJsonObject(event.object['metadata'])) throw new Error('an event of a watch without an object');
      yield event as WatchEvent<KubeObject>;
    }
  }
}

/** What a code amounts to, as client-go reads it, where the answer does not say. */
const REASONS: { readonly [code: number]: string } = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  406: 'NotAcceptable',
  409: 'Conflict',
  415: 'UnsupportedMediaType',
  422: 'Invalid',
  429: 'TooManyRequests',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};

/** Not all that answers an error is an API server: a proxy's page becomes the message, cut short. */
function statusIn(text: string, code: number): Partial<Status> {
  const PAGE_MAX_chars = 200;
  try {
    const parsed: unknown = JSON.parse(text);
    if (isJsonObject(parsed) && parsed['kind'] === 'Status') return parsed as Partial<Status>;
  } catch {
    // No JSON: its text is the message.
  }
  const reason = REASONS[code] ?? (code >= 500 ? 'InternalError' : 'Unknown');
  return { reason, ...(text.trim() ? { message: text.trim().slice(0, PAGE_MAX_chars) } : {}) };
}
