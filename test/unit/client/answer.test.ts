// What a client makes of answers that are no Status: a proxy's, or those of a server that is not up yet.
import { expect, it } from 'vitest';
import { StatusError } from '../../../src/apimachinery/status.js';
import { decodeAnswer } from '../../../src/client/answer.js';

function refusal(code: number, body: string): StatusError {
  try {
    decodeAnswer(code, Buffer.from(body));
  } catch (error) {
    if (error instanceof StatusError) return error;
    throw error;
  }
  throw new Error(`${code} was taken for an answer`);
}

it.each([
  [400, 'BadRequest'],
  [401, 'Unauthorized'],
  [403, 'Forbidden'],
  [404, 'NotFound'],
  [409, 'Conflict'],
  [422, 'Invalid'],
  [429, 'TooManyRequests'],
  [500, 'InternalError'],
  [502, 'InternalError'],
  [503, 'ServiceUnavailable'],
  [504, 'Timeout'],
  [418, 'Unknown'],
])('a page with the code %i is taken for %s, its text for the message', (code, reason) => {
  expect(refusal(code, ' no backend \n')).toMatchObject({ code, reason, message: 'no backend' });
});

it('an empty page is told by its code', () => {
  expect(refusal(503, '')).toMatchObject({ reason: 'ServiceUnavailable', message: 'the server answered 503' });
});

it('a Status says itself what it is, whatever the code', () => {
  const status = JSON.stringify({ kind: 'Status', reason: 'Expired', message: 'too old', code: 410 });
  expect(refusal(500, status)).toMatchObject({ code: 410, reason: 'Expired', message: 'too old' });
});

it('JSON that is no Status is a page like any other', () => {
  expect(refusal(503, '{"kind":"Pod"}')).toMatchObject({ reason: 'ServiceUnavailable', message: '{"kind":"Pod"}' });
});
