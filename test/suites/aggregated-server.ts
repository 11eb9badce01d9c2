// A small aggregated API server for tests: it trusts the front proxy alone, tells what it was asked, and serves one resource with watches.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { type HttpsServer, startHttpsServer } from './https-server.js';

export const GROUP = 'widgets.example.com';
export const VERSION = 'v1beta1';
const ROOT = `/apis/${GROUP}/${VERSION}`;

export interface Asked {
  readonly method: string;
  readonly url: string;
  readonly body: string;
  readonly headers: IncomingMessage['headers'];
  /** The common name of the client's certificate. */
  readonly client: string | undefined;
}

export interface AggregatedServer extends HttpsServer {
  readonly asked: Asked[];
  /** Requests that were not checks of the aggregator's own. */
  askedByUsers(): Asked[];
  /** While false, everything is answered with 500. */
  healthy: boolean;
  /** Serves aggregated discovery and OpenAPI v3, too. */
  modern: boolean;
}

const widget = (name: string) => ({ kind: 'Widget', apiVersion: `${GROUP}/${VERSION}`, metadata: { name, namespace: 'default' } });

export async function startAggregatedServer(frontProxyCa: string): Promise<AggregatedServer> {
  const asked: Asked[] = [];
  const state = { healthy: true, modern: false };
  const server = await startHttpsServer(
    (request, body, response) => {
      const { CN } = (request.socket as TLSSocket).getPeerCertificate().subject ?? {};
      asked.push({ method: request.method!, url: request.url!, body, headers: request.headers, client: CN as string | undefined });
      if (!state.healthy) return void response.writeHead(500).end('broken');
      answer(request, body, response, state.modern);
    },
    { altNames: { dns: ['widgets.default.svc'], ips: [] }, tls: { ca: frontProxyCa, requestCert: true, rejectUnauthorized: true } },
  );
  server.server.on('upgrade', (request: IncomingMessage, socket: Duplex) => {
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${request.headers.upgrade}\r\n\r\n`);
    socket.write(`${request.headers['x-remote-user']} at ${request.url}:`);
    socket.pipe(socket);
  });
  const askedByUsers = () => asked.filter(({ headers }) => headers['x-remote-user'] !== 'system:kube-aggregator');
  return Object.assign(state, server, { asked, askedByUsers });
}

function answer(request: IncomingMessage, body: string, response: ServerResponse, modern: boolean): void {
  const { pathname, searchParams } = new URL(request.url!, 'https://x');
  const json = (value: object, code = 200, type = 'application/json') =>
    response.writeHead(code, { 'content-type': type }).end(JSON.stringify(value));
  const verbs = ['create', 'get', 'list', 'watch'];
  if (pathname === '/apis' && modern) {
    const resource = {
      resource: 'widgets',
      responseKind: { group: GROUP, version: VERSION, kind: 'Widget' },
      scope: 'Namespaced',
      singularResource: 'widget',
      verbs,
    };
    const items = [{ metadata: { name: GROUP }, versions: [{ version: VERSION, resources: [resource], freshness: 'Current' }] }];
    return void json({ kind: 'APIGroupDiscoveryList', apiVersion: 'apidiscovery.k8s.io/v2', metadata: {}, items });
  }
  if (pathname === '/openapi/v3' && modern)
    return void json({ paths: { [ROOT.slice(1)]: { serverRelativeURL: `/openapi/v3${ROOT}?hash=ABC` } } });
  if (pathname === `/openapi/v3${ROOT}` && modern) {
    const kind = { group: GROUP, version: VERSION, kind: 'Widget' };
    const schemas = {
      Widget: {
        type: 'object',
        description: 'A widget from elsewhere',
        properties: { size: { type: 'integer' } },
        'x-kubernetes-group-version-kind': [kind],
      },
    };
    const content = { 'application/json': { schema: { $ref: '#/components/schemas/Widget' } } };
    const get = { responses: { 200: { description: 'OK', content } }, 'x-kubernetes-group-version-kind': kind };
    const paths = { [`${ROOT}/namespaces/{namespace}/widgets/{name}`]: { get } };
    return void json({ openapi: '3.0.0', info: { title: 'widgets', version: '1' }, paths, components: { schemas } });
  }
  if (pathname === ROOT) {
    const resources = [
      { name: 'widgets', singularName: 'widget', namespaced: true, kind: 'Widget', verbs, shortNames: ['wd'] },
      { name: 'widgets/status', singularName: '', namespaced: true, kind: 'Widget', verbs: ['get'] },
    ];
    return void json({ kind: 'APIResourceList', apiVersion: 'v1', groupVersion: `${GROUP}/${VERSION}`, resources });
  }
  if (request.method === 'POST') return void json(JSON.parse(body) as object, 201);
  if (searchParams.get('watch') === 'true' || searchParams.get('watch') === '1') {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.write(`${JSON.stringify({ type: 'ADDED', object: widget('first') })}\n`);
    return;
  }
  if (pathname === `${ROOT}/namespaces/default/widgets`)
    return void json({
      kind: 'WidgetList',
      apiVersion: `${GROUP}/${VERSION}`,
      metadata: { resourceVersion: '1' },
      items: [widget('first')],
    });
  if (pathname === `${ROOT}/namespaces/default/widgets/first`) return void json(widget('first'));
  json({ kind: 'Status', apiVersion: 'v1', status: 'Failure', message: `no ${pathname} here`, reason: 'NotFound', code: 404 }, 404);
}
