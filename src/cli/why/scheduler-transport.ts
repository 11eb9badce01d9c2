// Asks a scheduler that is a process of its own, at its HTTPS port. Where it has no certificate that an authority vouches for it makes itself one at
// each start: what it says is as trustworthy as the way to it then. Who asks is known by a certificate whose key stays here.
import { request as httpsRequest } from 'node:https';
import { internalError } from '../../apimachinery/status.js';
import { decodeAnswer, readAnswer } from '../../client/answer.js';
import type { ApiRequest, Transport } from '../../client/client.js';

const TIMEOUT_MS = 10_000;
/** A record of 5,000 nodes has some 3 MB. */
const ANSWER_MAX_BYTES = 64 << 20;

/** PEM. */
interface Identity {
  readonly cert: string;
  readonly key: string;
}

/** `authority`: whom the scheduler's certificate must be of; absent: anybody. */
export function schedulerTransport(server: string, { cert, key }: Identity, authority?: string): Transport {
  return {
    async request(request) {
      const { code, bytes } = await send(
        server,
        { cert, key, rejectUnauthorized: authority !== undefined, ...(authority !== undefined && { ca: authority }) },
        request,
      );
      return decodeAnswer(code, bytes);
    },
    watch() {
      throw new Error('a scheduler has nothing to watch');
    },
  };
}

function send(
  server: string,
  tls: Identity & { readonly rejectUnauthorized: boolean; readonly ca?: string },
  { method, path, query, body }: ApiRequest,
) {
  return new Promise<{ code: number; bytes: Buffer }>((resolve, reject) => {
    const fail = (error: Error) => reject(internalError(`the scheduler at ${server} cannot be asked: ${error.message}`));
    const url = new URL(`${path}?${query}`, server);
    const headers = { 'content-type': 'application/json' };
    const request = httpsRequest(url, { method, ...tls, timeout: TIMEOUT_MS, headers }, (response) => {
      readAnswer(response, ANSWER_MAX_BYTES).then((bytes) => resolve({ code: response.statusCode!, bytes }), fail);
    });
    request.on('timeout', () => request.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)));
    request.on('error', fail).end(body === undefined ? undefined : JSON.stringify(body));
  });
}
