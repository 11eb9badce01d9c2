// readAnswer, decodeAnswer: a server's answer to a client's request, within a bound, and what it amounts to.
import type { IncomingMessage } from 'node:http';
import { isJsonObject } from '../apimachinery/json.js';
import { type Status, StatusError } from '../apimachinery/status.js';

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
  throw StatusError.fromStatus(statusIn(text), code);
}

/** Not all that answers an error is an API server: a proxy's page becomes the message, cut short. */
function statusIn(text: string): Partial<Status> {
  const PAGE_MAX_chars = 200;
  try {
    const parsed: unknown = JSON.parse(text);
    if (isJsonObject(parsed) && parsed['kind'] === 'Status') return parsed as Partial<Status>;
  } catch {
    // No JSON: its text is the message.
  }
  return text.trim() ? { message: text.trim().slice(0, PAGE_MAX_chars) } : {};
}
