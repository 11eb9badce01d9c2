// Paths that are no resources: discovery, OpenAPI, health, version, metrics.
import { noSuchPath } from '../../apimachinery/status.js';
import type { ApiContext } from '../context.js';
import { type Answer, Discovery } from '../discovery.js';
import type { Exchange, Result } from '../exchange.js';
import type { Health } from '../health.js';
import type { Metrics } from '../metrics.js';
import { OpenApi } from '../openapi/index.js';
import { VERSION_INFO } from '../version.js';

const ROOT_PATHS = ['/api', '/apis', '/healthz', '/livez', '/metrics', '/openapi/v3', '/readyz', '/version'];

export class PathHandler {
  readonly #discovery: Discovery;
  readonly #openApi: OpenApi;

  constructor(
    private readonly context: ApiContext,
    private readonly health: Health,
    private readonly metrics: Metrics,
  ) {
    this.#discovery = new Discovery(context.resources);
    this.#openApi = new OpenApi(context.resources);
  }

  async handle(exchange: Exchange): Promise<Result> {
    const { path, query, headers } = exchange;
    if (exchange.method !== 'GET' && exchange.method !== 'HEAD') throw noSuchPath();
    if (path === '/') return { type: 'value', code: 200, value: { paths: ROOT_PATHS } };
    if (path === '/version') return { type: 'value', code: 200, value: VERSION_INFO };
    if (path === '/metrics') return text(200, this.metrics.render(this.context.resources));
    const report = await this.health.report(path, query.has('verbose'));
    if (report) return text(report.healthy ? 200 : 500, report.text);
    const answer = this.#discovery.answer(path, headers.accept) ?? this.#openApi.answer(path, headers.accept);
    if (answer) return document(answer, headers.ifNoneMatch);
    throw noSuchPath();
  }
}

const text = (code: number, content: string): Result => ({
  type: 'bytes',
  code,
  contentType: 'text/plain; charset=utf-8',
  bytes: Buffer.from(content),
  headers: { 'x-content-type-options': 'nosniff' },
});

function document({ contentType, bytes, etag }: Answer, ifNoneMatch: string | undefined): Result {
  if (etag === undefined) return { type: 'bytes', code: 200, contentType, bytes };
  const headers = { etag, vary: 'Accept' };
  if (ifNoneMatch === etag) return { type: 'bytes', code: 304, contentType, bytes: Buffer.alloc(0), headers };
  return { type: 'bytes', code: 200, contentType, bytes, headers };
}
