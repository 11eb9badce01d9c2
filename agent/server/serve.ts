// Requests to the kubelet that are not upgraded: what is asked for, if its sender may, or why not.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from '../../src/apimachinery/logger.js';
import { badRequest, methodNotAllowed, noSuchPath, StatusError } from '../../src/apimachinery/status.js';
import { nodes } from '../../src/kinds/core/node.js';
import { RuntimeError } from '../runtime/runtime.js';
import { type HealthAnswer, health } from './health.js';
import { serveLogs } from './logs.js';
import { serveNodeLogs } from './node-logs.js';
import { METRICS_TYPE, PAGES, type PageContext } from './pages.js';
import { containerName } from './query.js';

/** They need a connection that is upgraded. */
const STREAMS: readonly string[] = ['exec', 'attach', 'portForward'];
/** Further ones with more behind them, for metrics. */
const VERBS: readonly string[] = [...STREAMS, 'containerLogs', 'healthz', 'logs'];

/** Who may ask what at a port. */
export interface Gate {
  /** As metrics name the port. */
  readonly serverType: 'readwrite' | 'readonly';
  /** Rejects with a StatusError. */
  check(request: IncomingMessage, path: string): Promise<void> | void;
}

export async function serve(request: IncomingMessage, response: ServerResponse, context: PageContext, gate: Gate): Promise<void> {
  try {
    const url = new URL(request.url ?? '/', 'https://kubelet');
    const path = url.pathname;
    const [verb = '', ...rest] = path.split('/').slice(1);
    context.metrics.request(String(request.method), PAGES[path] || VERBS.includes(verb) ? verb : 'other', gate.serverType);
    await gate.check(request, path);
    if (STREAMS.includes(verb)) throw badRequest('Upgrade request required');
    if (request.method !== 'GET') throw methodNotAllowed(nodes.groupResource, String(request.method).toLowerCase());
    const page = PAGES[path.replace(/\/$/, '')];
    if (page) send(response, await page(context, url.searchParams));
    else if (verb === 'healthz') sendText(response, health(path.slice('/healthz'.length), url.searchParams, context));
    else if (verb === 'containerLogs') await serveLogs(containerName(rest), url.searchParams, response, context);
    else if (verb === 'logs' && context.settings.enableSystemLogHandler) await serveNodeLogs(path.slice('/logs'.length), response);
    else throw noSuchPath();
  } catch (error) {
    if (response.headersSent) response.destroy();
    else sendError(response, error as Error, context.log);
  }
}

function send(response: ServerResponse, body: object | string): void {
  const isText = typeof body === 'string';
  response.writeHead(200, { 'Content-Type': isText ? METRICS_TYPE : 'application/json' }).end(isText ? body : JSON.stringify(body));
}

function sendText(response: ServerResponse, { code, text }: HealthAnswer): void {
  response.writeHead(code, { 'Content-Type': 'text/plain; charset=utf-8' }).end(text);
}

/** As text, which the API server puts into a Status for its clients. */
function sendError(response: ServerResponse, error: Error, log: Logger): void {
  if (!(error instanceof StatusError || error instanceof RuntimeError)) log.error({ error: error.stack }, 'a request failed');
  const code = error instanceof StatusError ? error.code : 500;
  response.writeHead(code, { 'Content-Type': 'text/plain; charset=utf-8' }).end(error.message);
}
