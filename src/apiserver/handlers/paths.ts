// Paths that are no resources: discovery, OpenAPI, health, version, metrics.

import { gunzipSync } from 'node:zlib';
import { Exposition } from '../../apimachinery/exposition.js';
import { noSuchPath } from '../../apimachinery/status.js';
import { issuerDocument } from '../authentication/issuer.js';
import type { ApiContext } from '../context.js';
import { type Answer, Discovery } from '../discovery.js';
import type { Exchange, RequestHeaders, Result } from '../exchange.js';
import type { Health } from '../health.js';
import { acceptsGzip } from '../http/compress.js';
import { METRICS_TYPE, type Metrics } from '../metrics/index.js';
import { OpenApi } from '../openapi/index.js';
import type { ApiServerOptions } from '../options.js';
import { VERSION_INFO } from '../version.js';

const OTHER_PATHS = ['/.well-known/openid-configuration', '/metrics', '/openapi/v2', '/openapi/v3', '/version'];

export class PathHandler {
  readonly #discovery: Discovery;
  readonly #openApi: OpenApi;

  constructor(
    private readonly context: ApiContext,
    private readonly health: Health,
    private readonly metrics: Metrics,
  ) {
    this.#discovery = new Discovery({ ...context, ...serverAddress(context.options) });
    this.#openApi = new OpenApi(context);
  }

  async handle(exchange: Exchange): Promise<Result> {
    const { path, query, headers } = exchange;
    if (exchange.method !== 'GET' && exchange.method !== 'HEAD') throw noSuchPath();
    if (path === '/') return { type: 'value', code: 200, value: { paths: this.#allPaths() } };
    // The Python client asks with the slash, which upstream's router ignores.
    if (path === '/version' || path === '/version/') return { type: 'value', code: 200, value: VERSION_INFO };
    if (path === '/metrics') return text(200, await this.#metrics(), METRICS_TYPE);
    const published = issuerDocument(path, this.context.options);
    if (published) return document(published, headers);
    const report = await this.health.report(path, query);
    if (report) return text(report.healthy ? 200 : 500, report.text);
    const answer = this.#discovery.answer(path, headers, query) ?? (await this.#openApi.answer(path, headers.accept, query.get('hash')));
    if (answer) return document(answer, headers);
    throw noSuchPath();
  }

  async #metrics(): Promise<string> {
    const { resources, webhooks, options } = this.context;
    const components = new Exposition();
    for (const component of options.components ?? []) component.writeMetrics?.(components);
    return (await this.metrics.render(resources)) + webhooks.metrics.render() + components.toString();
  }

  #allPaths(): readonly string[] {
    return [...this.#discovery.paths(), ...this.health.paths(), ...OTHER_PATHS].sort();
  }
}

/** Unknown as long as the port is. */
function serverAddress({ advertiseAddress, advertisePort, bind }: ApiServerOptions): { serverAddress?: string } {
  const port = advertisePort ?? bind.port;
  return port ? { serverAddress: `${advertiseAddress}:${port}` } : {};
}

const text = (code: number, content: string, contentType = 'text/plain; charset=utf-8'): Result => ({
  type: 'bytes',
  code,
  contentType,
  bytes: Buffer.from(content),
  headers: { 'x-content-type-options': 'nosniff' },
});

function document({ code = 200, contentType, bytes, zipped, etag, headers: own }: Answer, asked: RequestHeaders): Result {
  const caching: { [name: string]: string } = etag === undefined ? {} : { etag, vary: zipped ? 'Accept, Accept-Encoding' : 'Accept' };
  const headers = { ...caching, ...own };
  if (etag !== undefined && asked.ifNoneMatch === etag) return { type: 'bytes', code: 304, contentType, bytes: NOTHING, headers };
  if (!zipped) return { type: 'bytes', code, contentType, bytes, headers };
  if (!acceptsGzip(asked.acceptEncoding)) return { type: 'bytes', code, contentType, bytes: gunzipSync(bytes), headers };
  return { type: 'bytes', code, contentType, bytes, headers: { ...headers, 'content-encoding': 'gzip' } };
}

const NOTHING = Buffer.alloc(0);
