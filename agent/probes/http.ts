// One HTTP GET as probes and hooks make it: no redirects followed, no certificate checked.
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { HTTPGetAction } from '../../src/kinds/types/core_v1.js';
import { OUTPUT_MAX_BYTES } from './exec.js';

const VERSION = '1.35';

export interface HttpTarget {
  readonly host: string;
  readonly port: number;
}

/** The answer's status and the start of its body. Rejects where there is no answer within the time. */
export function httpGet(
  action: HTTPGetAction,
  target: HttpTarget,
  timeout_ms: number,
  agent: 'kube-probe' | 'kube-lifecycle' = 'kube-probe',
): Promise<{ status: number; body: string }> {
  const headers: { [name: string]: string } = { 'User-Agent': `${agent}/${VERSION}`, Accept: '*/*', Connection: 'close' };
  for (const { name, value } of action.httpHeaders ?? []) headers[name] = value;
  const https = action.scheme === 'HTTPS';
  const options = {
    host: target.host,
    port: target.port,
    path: action.path || '/',
    headers,
    agent: false,
    signal: AbortSignal.timeout(timeout_ms),
  };
  return new Promise((resolve, reject) => {
    const request = https ? requestHttps({ ...options, rejectUnauthorized: false }) : requestHttp(options);
    request.once('error', reject);
    request.once('response', (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text;
        if (body.length >= OUTPUT_MAX_BYTES) response.destroy();
      });
      response.once('close', () => resolve({ status: response.statusCode ?? 0, body: body.slice(0, OUTPUT_MAX_BYTES) }));
      response.once('error', () => undefined);
    });
    request.end();
  });
}
