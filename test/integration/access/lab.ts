// Requests over HTTPS as anybody: with a certificate, a token, headers of one's own, or nothing.
import { request } from 'node:https';
import { systemClock, systemRandom } from '../../../src/apimachinery/clock.js';
import type { JsonObject } from '../../../src/apimachinery/json.js';
import { makeCertificate, makeKey, publicKeyOf } from '../../../src/client/certificates.js';
import type { TestServer } from '../../suites/apiserver.js';

export interface Who {
  readonly cert?: string;
  readonly key?: string;
  readonly token?: string;
  readonly headers?: { readonly [name: string]: string | readonly string[] };
}

export interface Reply {
  readonly code: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests look at whatever the server sent.
  readonly body: any;
}

export async function certificateOf(api: TestServer, commonName: string, ...organizations: string[]): Promise<Who> {
  const key = makeKey();
  const options = {
    subject: { commonName, organizations },
    usages: ['client auth'] as const,
    publicKey: publicKeyOf(key),
    issuer: api.pki.ca,
  };
  const cert = await makeCertificate({ ...options, random: systemRandom, now_ms: systemClock.now(), validFor_ms: 3600_000 });
  return { key, cert };
}

export function ask(api: TestServer, who: Who, method: string, path: string, body?: JsonObject): Promise<Reply> {
  const { token, cert, key, headers } = who;
  const all = { ...(body && { 'content-type': 'application/json' }), ...headers, ...(token && { authorization: `Bearer ${token}` }) };
  const options = { method, headers: all, agent: false, ca: api.pki.ca.cert, ...(cert && { cert, key }) };
  return new Promise((resolve, reject) => {
    const outgoing = request(`${api.url}${path}`, options, (response) => {
      let text = '';
      response.on('data', (chunk) => (text += chunk));
      response.on('end', () => resolve({ code: response.statusCode!, body: JSON.parse(text) }));
    });
    outgoing.on('error', reject);
    outgoing.end(body && JSON.stringify(body));
  });
}
