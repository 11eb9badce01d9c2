// Asks a scheduler that is a process of its own, at its HTTPS port. Where it has no certificate that an authority vouches for it makes itself one at
// each start: what it says is as trustworthy as the way to it then. Who asks is known by a certificate, whose key stays here, or by a token.
import { request as httpsRequest, type RequestOptions } from 'node:https';
import { badRequest, internalError } from '../../apimachinery/status.js';
import { decodeAnswer, readAnswer } from '../../client/answer.js';
import type { ApiRequest, Transport } from '../../client/client.js';
import type { KubeconfigContext } from '../../cluster/read-kubeconfig.js';

const TIMEOUT_MS = 10_000;
/** A record of 5,000 nodes has some 3 MB. */
const ANSWER_MAX_BYTES = 64 << 20;

type Identity = Pick<KubeconfigContext, 'cert' | 'key' | 'token'>;

/** `authority`: whom the scheduler's certificate must be of; absent: anybody, who then is told no token: StatusError 400. */
export function schedulerTransport(server: string, { cert, key, token }: Identity, authority?: string): Transport {
  if (token && authority === undefined)
    throw badRequest(
      'a token is told only to a scheduler that is known: give its --certificate-authority, or a kubeconfig with a client certificate',
    );
  const options: RequestOptions = {
    ...(cert && key && { cert, key }),
    rejectUnauthorized: authority !== undefined,
    ...(authority !== undefined && { ca: authority }),
    headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
    timeout: TIMEOUT_MS,
  };
  return {
    async request(request) {
      const { code, bytes } = await send(server, options, request);
      return decodeAnswer(code, bytes);
    },
    watch() {
      throw new Error('a scheduler has nothing to watch');
    },
  };
}

function send(server: string, options: RequestOptions, { method, path, query, body }: ApiRequest) {
  return new Promise<{ code: number; bytes: Buffer }>((resolve, reject) => {
    const fail = (error: Error) => reject(internalError(`the scheduler at ${server} cannot be asked: ${error.message}`));
    const url = new URL(`${path}?${query}`, server);
    const request = httpsRequest(url, { ...options, method }, (response) => {
      readAnswer(response, ANSWER_MAX_BYTES).then((bytes) => resolve({ code: response.statusCode!, bytes }), fail);
    });
    request.on('timeout', () => request.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)));
    request.on('error', fail).end(body === undefined ? undefined : JSON.stringify(body));
  });
}
