// How many requests are worked on at once: past the bound they are asked to come back, reads and writes apart, watches not counted.
import { expect, it } from 'vitest';
import type { StatusError } from '../../../src/apimachinery/status.js';
import type { ApiContext } from '../../../src/apiserver/context.js';
import { Exchange, type Result } from '../../../src/apiserver/exchange.js';
import { chain } from '../../../src/apiserver/filters/filter.js';
import { maxInFlight } from '../../../src/apiserver/filters/max-in-flight.js';
import { requestInfoFilter } from '../../../src/apiserver/filters/request-info.js';
import { errorReply } from '../../../src/apiserver/http/respond.js';

const DONE: Result = { type: 'value', code: 200, value: {} };
const PODS = '/api/v1/namespaces/default/pods';

function serverWith(limits: Parameters<typeof maxInFlight>[0]) {
  let waiting: (() => void)[] = [];
  const held = () => new Promise<Result>((resolve) => waiting.push(() => resolve(DONE)));
  const serve = chain([requestInfoFilter, maxInFlight(limits)], held, {} as ApiContext);
  return {
    ask: (method: string, path: string, query = '') => serve(new Exchange(method, path, new URLSearchParams(query), { type: 'none' }, {})),
    /** Of all that are worked on. */
    finish() {
      for (const done of waiting) done();
      waiting = [];
    },
  };
}

it('refuses with 429 and says when to come again', async () => {
  const { ask, finish } = serverWith({ reads: 1, writes: 1 });
  const reading = ask('GET', PODS);
  const error = (await ask('GET', `${PODS}/p`).catch((refused) => refused)) as StatusError;
  expect(error).toMatchObject({ code: 429, reason: 'TooManyRequests', details: { retryAfterSeconds: 1 } });
  expect(errorReply(undefined, error).headers).toMatchObject({ 'retry-after': '1' });
  const others = [ask('POST', PODS), ask('GET', PODS, 'watch=1'), ask('GET', PODS, 'watch=1')];
  await new Promise(setImmediate);
  finish();
  expect(await Promise.all([reading, ...others])).toEqual([DONE, DONE, DONE, DONE]);
  const again = ask('GET', PODS);
  await new Promise(setImmediate);
  finish();
  expect(await again).toBe(DONE);
});

it('has no bound where that is 0', async () => {
  const { ask, finish } = serverWith({ reads: 0, writes: 0 });
  const many = Array.from({ length: 1000 }, () => ask('POST', PODS));
  await new Promise(setImmediate);
  finish();
  expect(new Set(await Promise.all(many))).toEqual(new Set([DONE]));
});
