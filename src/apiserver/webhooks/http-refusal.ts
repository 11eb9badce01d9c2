// An HTTP answer that is no success, as the Status that Go's REST client makes of it.
import { isJsonObject, type Json } from '../../apimachinery/json.js';
import { type Status, StatusError } from '../../apimachinery/status.js';

/** Of the body, for the message. */
const MAX_TEXT_LENGTH = 2048;

const MESSAGES: { readonly [code: number]: readonly [reason: string, message: string] } = {
  400: ['BadRequest', 'the server rejected our request for an unknown reason'],
  401: ['Unauthorized', 'the server has asked for the client to provide credentials'],
  404: ['NotFound', 'the server could not find the requested resource'],
  405: ['MethodNotAllowed', 'the server does not allow this method on the requested resource'],
  409: ['Conflict', 'the server reported a conflict'],
  422: ['Invalid', 'the server rejected our request due to an error in our request'],
  429: ['TooManyRequests', 'the server has received too many requests and has asked us to try again later'],
  503: ['ServiceUnavailable', 'the server is currently unable to handle the request'],
  504: ['Timeout', 'the server was unable to return a response in the time allotted, but may still be processing the request'],
};

export function refusalOf(code: number, body: Buffer): StatusError {
  const text = body.subarray(0, MAX_TEXT_LENGTH).toString().trim();
  const status = statusIn(text);
  if (status) return StatusError.fromStatus(status, code);
  const known = MESSAGES[code];
  if (known) return new StatusError(code, known[0], known[1]);
  if (code === 403) return new StatusError(403, 'Forbidden', text || 'unknown');
  if (code >= 500) {
    return new StatusError(
      code,
      'InternalError',
      `an error on the server (${JSON.stringify(text || 'unknown')}) has prevented the request from succeeding`,
    );
  }
  return new StatusError(code, 'Unknown', `the server responded with the status code ${code} but did not return more information`);
}

function statusIn(text: string): Partial<Status> | undefined {
  if (!text.startsWith('{')) return undefined;
  try {
    const parsed = JSON.parse(text) as Json;
    return isJsonObject(parsed) && parsed['kind'] === 'Status' ? (parsed as Partial<Status>) : undefined;
  } catch {
    // It only looks like JSON: then it is text.
    return undefined;
  }
}
