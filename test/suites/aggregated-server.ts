// A small aggregated API server for tests: it trusts the front proxy alone, tells what it was asked, and serves one resource of its own store
// with watches.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { applyMergePatch } from '../../src/apimachinery/patch/merge.js';
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

export async function startAggregatedServer(frontProxyCa: string): Promise<AggregatedServer> {
  const asked: Asked[] = [];
  const state = { healthy: true, modern: false };
  const widgets = new Widgets();
  const server = await startHttpsServer(
    (request, body, response) => {
      const { CN } = (request.socket as TLSSocket).getPeerCertificate().subject ?? {};
      asked.push({ method: request.method!, url: request.url!, body, headers: request.headers, client: CN as string | undefined });
      if (!state.healthy) return void response.writeHead(500).end('broken');
      answer(request, body, response, state.modern, widgets);
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

interface Widget {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly resourceVersion: string;
    readonly [field: string]: unknown;
  };
}

/** What is stored, and who watches it. */
class Widgets {
  readonly #objects = new Map<string, Widget>();
  readonly #history: { readonly type: string; readonly object: Widget }[] = [];
  readonly #watchers = new Set<ServerResponse>();
  #version = 0;

  constructor() {
    this.put({ metadata: { name: 'first', namespace: 'default' } });
  }

  get version(): string {
    return String(this.#version);
  }

  get(namespace: string, name: string): Widget | undefined {
    return this.#objects.get(`${namespace}/${name}`);
  }

  list(namespace?: string): readonly Widget[] {
    return [...this.#objects.values()].filter(({ metadata }) => !namespace || metadata.namespace === namespace);
  }

  put(given: { readonly metadata: { readonly name: string; readonly namespace: string } }): Widget {
    const id = `${given.metadata.namespace}/${given.metadata.name}`;
    const known = this.#objects.has(id);
    const object = {
      ...given,
      kind: 'Widget',
      apiVersion: `${GROUP}/${VERSION}`,
      metadata: { uid: `uid-${this.#version}`, ...given.metadata, resourceVersion: String(++this.#version) },
    };
    this.#objects.set(id, object);
    this.#tell(known ? 'MODIFIED' : 'ADDED', object);
    return object;
  }

  delete(object: Widget): void {
    const { metadata } = object;
    this.#objects.delete(`${metadata.namespace}/${metadata.name}`);
    this.#tell('DELETED', { ...object, metadata: { ...metadata, resourceVersion: String(++this.#version) } });
  }

  watch(response: ServerResponse, since: string | null): void {
    response.writeHead(200, { 'content-type': 'application/json' });
    const missed = this.#history.filter(({ object }) => Number(object.metadata.resourceVersion) > Number(since ?? 0));
    for (const event of missed) response.write(`${JSON.stringify(event)}\n`);
    this.#watchers.add(response);
    response.on('close', () => this.#watchers.delete(response));
  }

  #tell(type: string, object: Widget): void {
    const event = { type, object };
    this.#history.push(event);
    for (const watcher of this.#watchers) watcher.write(`${JSON.stringify(event)}\n`);
  }
}

function answer(request: IncomingMessage, body: string, response: ServerResponse, modern: boolean, widgets: Widgets): void {
  const { pathname, searchParams } = new URL(request.url!, 'https://x');
  const json = (value: object, code = 200, type = 'application/json') =>
    response.writeHead(code, { 'content-type': type }).end(JSON.stringify(value));
  const verbs = ['create', 'delete', 'get', 'list', 'patch', 'watch'];
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
  const [, namespace, name] = /^(?:\/namespaces\/([^/]+))?\/widgets(?:\/([^/]+))?$/.exec(pathname.slice(ROOT.length)) ?? [];
  if (request.method === 'POST' && namespace) {
    const given = JSON.parse(body) as Widget;
    return void json(widgets.put({ ...given, metadata: { ...given.metadata, namespace } }), 201);
  }
  if (['true', '1'].includes(searchParams.get('watch') ?? '')) return void widgets.watch(response, searchParams.get('resourceVersion'));
  if (pathname.endsWith('/widgets')) {
    const metadata = { resourceVersion: widgets.version };
    return void json({ kind: 'WidgetList', apiVersion: `${GROUP}/${VERSION}`, metadata, items: widgets.list(namespace) });
  }
  const found = namespace && name ? widgets.get(namespace, name) : undefined;
  if (!found)
    return void json(
      { kind: 'Status', apiVersion: 'v1', status: 'Failure', message: `no ${pathname} here`, reason: 'NotFound', code: 404 },
      404,
    );
  if (request.method === 'DELETE') widgets.delete(found);
  json(request.method === 'PATCH' ? widgets.put(applyMergePatch(found as never, JSON.parse(body)) as unknown as Widget) : found);
}
