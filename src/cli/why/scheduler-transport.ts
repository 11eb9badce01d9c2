// Asks a scheduler that is a process of its own, at its HTTPS port. Its certificate is made anew at each start and vouched for by nobody, so
// what it says is as trustworthy as the way to it; who asks is known by a certificate whose key stays here.
import { request as httpsRequest } from 'node:https';
import { internalError, type Status, StatusError } from '../../apimachinery/status.js';
import type { ApiRequest, Transport } from '../../client/client.js';

const TIMEOUT_MS = 10_000;
/** A record of 5,000 nodes has some 3 MB. */
const ANSWER_MAX_BYTES = 64 << 20;

export function schedulerTransport(server: string, { cert, key }: { readonly cert: string; readonly key: string }): Transport {
  return {
    async request(request) {
      const { code, text } = await send(server, { cert, key }, request);
      if (code < 300) return JSON.parse(text);
      throw asStatusError(code, text);
    },
    watch() {
      throw new Error('a scheduler has nothing to watch');
    },
  };
}

function send(server: string, identity: { readonly cert: string; readonly key: string }, { method, path, query, body }: ApiRequest) {
  return new Promise<{ code: number; text: string }>((resolve, reject) => {
    const fail = (error: Error) => reject(internalError(`the scheduler at ${server} cannot be asked: ${error.message}`));
    const url = new URL(`${path}?${query}`, server);
    const headers = { 'content-type': 'application/json' };
    const request = httpsRequest(url, { method, ...identity, rejectUnauthorized: false, timeout: TIMEOUT_MS, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('error', fail);
      response.on('data', (chunk: string) => {
        text += chunk;
        if (text.length > ANSWER_MAX_BYTES) response.destroy(new Error('its answer is too long'));
      });
      response.on('end', () => resolve({ code: response.statusCode!, text }));
    });
    request.on('timeout', () => request.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)));
    request.on('error', fail).end(body === undefined ? undefined : JSON.stringify(body));
  });
}

function asStatusError(code: number, text: string): StatusError {
  try {
    const status = JSON.parse(text) as Status;
    if (status.kind === 'Status') return StatusError.fromStatus(status, code);
  } catch {
    // Not one of Kubernetes' answers.
  }
  return new StatusError(code, 'InternalError', text.trim() || `the scheduler answered ${code}`);
}
