// Requests by URL over the in-process transport, and refusals as what they are.
import type { StatusError } from '../../../src/apimachinery/status.js';
import type { ApiRequest, Transport } from '../../../src/client/client.js';

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of all kinds.
export type Answer = any;

export type Send = (method: ApiRequest['method'], url: string, body?: unknown, contentType?: string) => Promise<Answer>;

export const sender =
  (transport: Transport): Send =>
  (method, url, body, contentType = 'application/json') => {
    const [path, query] = url.split('?');
    const request = { method, path: path!, query: new URLSearchParams(query) };
    return transport.request(body === undefined ? request : { ...request, body, contentType });
  };

/** The error that a request is refused with; an answer fails the test. */
export const refusal = (request: Promise<unknown>): Promise<StatusError> =>
  request.then(
    (answer) => {
      throw new Error(`expected a refusal, got ${JSON.stringify(answer)}`);
    },
    (error: StatusError) => error,
  );
