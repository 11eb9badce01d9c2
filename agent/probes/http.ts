// One HTTP GET as probes and hooks make it: redirects on the same host followed, no certificate checked.
import { type IncomingMessage, type OutgoingHttpHeaders, type RequestOptions, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { HTTPGetAction } from '../../src/kinds/types/core_v1.js';
import { OUTPUT_MAX_BYTES } from './exec.js';
import { goError, hostPort } from './go-errors.js';

/** Upstream's version, as it stands in the User-Agent header. */
const VERSION = '1.35';
/** As Go's client. */
const REDIRECTS_MAX = 10;

export interface HttpTarget {
  readonly host: string;
  readonly port: number;
}

export interface HttpAnswer {
  readonly status: number;
  /** Its start. */
  readonly body: string;
}

/** Rejects, in Go's words, where there is no answer within the time. A redirect to another host is an answer. */
export async function httpGet(
  action: HTTPGetAction,
  { host, port }: HttpTarget,
  timeout_ms: number,
  agent: 'kube-probe' | 'kube-lifecycle' = 'kube-probe',
): Promise<HttpAnswer> {
  const scheme = action.scheme === 'HTTPS' ? 'https' : 'http';
  const path = action.path?.startsWith('/') ? action.path : `/${action.path ?? ''}`;
  const first = new URL(`${scheme}://${hostPort(host, port)}${path}`);
  const options = { headers: headersOf(action, agent), agent: false, signal: AbortSignal.timeout(timeout_ms) } as const;
  for (let url = first, redirects = 0; ; redirects++) {
    const { location, ...answer } = await get(url, options).catch((error: Error) => {
      throw new Error(`Get "${url.href}": ${problem(error, url)}`);
    });
    const next = location === undefined ? undefined : new URL(location, url);
    if (!next || next.hostname !== first.hostname) return answer;
    if (redirects === REDIRECTS_MAX) throw new Error(`Get "${next.href}": stopped after ${REDIRECTS_MAX} redirects`);
    url = next;
  }
}

function problem(error: Error, { protocol, hostname, port }: URL): string {
  if (error.name === 'AbortError' || error.name === 'TimeoutError')
    return 'context deadline exceeded (Client.Timeout exceeded while awaiting headers)';
  return goError(error, hostname.replace(/^\[|\]$/g, ''), Number(port) || (protocol === 'https:' ? 443 : 80));
}

/** An empty value takes a header of ours away. */
function headersOf({ httpHeaders = [] }: HTTPGetAction, agent: string): OutgoingHttpHeaders {
  const headers: { [name: string]: string[] } = {};
  for (const { name, value } of httpHeaders) (headers[name.toLowerCase()] ??= []).push(value);
  const own = { 'user-agent': `${agent}/${VERSION}`, accept: '*/*' };
  for (const [name, value] of Object.entries(own)) {
    if (!headers[name]) headers[name] = [value];
    else if (headers[name].every((each) => each === '')) delete headers[name];
  }
  // Which is given only once.
  return { ...headers, ...(headers['host'] ? { host: headers['host'].at(-1) } : {}), connection: 'close' };
}

function get(url: URL, options: RequestOptions): Promise<HttpAnswer & { readonly location: string | undefined }> {
  return new Promise((resolve, reject) => {
    const done = (response: IncomingMessage) => {
      const { statusCode: status = 0, headers } = response;
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text;
        if (body.length >= OUTPUT_MAX_BYTES) response.destroy();
      });
      const location = [301, 302, 303, 307, 308].includes(status) ? headers.location : undefined;
      response.once('close', () => resolve({ status, body: body.slice(0, OUTPUT_MAX_BYTES), location }));
      // What has come of it by then is all that counts.
      response.once('error', () => undefined);
    };
    const request = url.protocol === 'https:' ? requestHttps(url, { ...options, rejectUnauthorized: false }) : requestHttp(url, options);
    request.once('error', reject);
    request.once('response', done);
    request.end();
  });
}
