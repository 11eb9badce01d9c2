// Requests to a test server over TLS, as the administrator: HTTP/1.1 for single answers, HTTP/2 for streams.
import { connect } from 'node:http2';
import { type RequestOptions, request } from 'node:https';
import type { TestServer } from './apiserver.js';

export interface Answer {
  readonly code: number;
  readonly headers: { readonly [name: string]: string | string[] | undefined };
  readonly bytes: Buffer;
  readonly text: string;
}

export type Wire = (method: string, path: string, options?: RequestOptions & { body?: string | Uint8Array }) => Promise<Answer>;

/** One HTTP/1.1 request on a connection of its own. */
export function wireTo({ url, pki }: TestServer): Wire {
  return (method, path, { body, headers, ...rest } = {}) =>
    new Promise((resolve, reject) => {
      // Node leaves the length out of a DELETE, whose body would then be taken for a request of its own.
      const withLength = { ...headers, ...(body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }) };
      const outgoing = request(
        `${url}${path}`,
        { method, ca: pki.ca.cert, agent: false, ...pki.admin, headers: withLength, ...rest },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () => {
            const bytes = Buffer.concat(chunks);
            resolve({ code: response.statusCode!, headers: response.headers, bytes, text: bytes.toString() });
          });
        },
      );
      outgoing.on('error', reject);
      outgoing.end(body);
    });
}

export const json = (answer: Answer) => JSON.parse(answer.text);

/** What a stream sends until `enough` says so, or until its end. */
export function streamFrom(
  { url, pki }: TestServer,
  path: string,
  accept: string,
  enough: (bytes: Buffer) => boolean,
): Promise<{ headers: Answer['headers']; bytes: Buffer }> {
  return new Promise((resolve, reject) => {
    const session = connect(url, { ca: pki.ca.cert, ...pki.admin });
    session.on('error', reject);
    const stream = session.request({ ':path': path, accept });
    let headers: Answer['headers'] = {};
    let bytes = Buffer.alloc(0);
    const finish = () => {
      session.destroy();
      resolve({ headers, bytes });
    };
    stream.on('response', (received) => {
      headers = received as Answer['headers'];
    });
    stream.on('error', reject);
    stream.on('data', (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      if (enough(bytes)) finish();
    });
    stream.on('end', finish);
    stream.end();
  });
}
