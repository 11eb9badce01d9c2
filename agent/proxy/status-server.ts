// What kube-proxy answers about itself: /healthz and /livez to whoever asks (port 10256), metrics and settings on the loopback (10249).
import type { Server, ServerResponse } from 'node:http';
import { type Clock, rfc3339 } from '../../src/apimachinery/clock.js';
import type { Logger } from '../../src/apimachinery/logger.js';
import type { Node } from '../../src/kinds/types/core_v1.js';
import { type Page, serveStatusPages } from '../status-pages.js';
import type { ProxyMetrics } from './metrics.js';
import type { HostPort } from './net.js';

export interface StatusServerOptions {
  /** Undefined: nowhere. */
  readonly healthz: HostPort | undefined;
  readonly metricsAt: HostPort | undefined;
  readonly metrics: ProxyMetrics;
  node(): Node | undefined;
  ruleCounts(): { readonly [table: string]: number };
  /** As `/configz` shows it. */
  readonly settings: object;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The autoscaler's: it is about to remove the node. */
const TAINT_TO_BE_DELETED = 'ToBeDeletedByClusterAutoscaler';

/** Resolves when it listens; a port that is taken is logged, and the proxy works without. */
export async function startStatusServer(options: StatusServerOptions): Promise<{ close(): void }> {
  const { metrics, healthz, metricsAt, settings } = options;
  const plain = (text: () => string) => (response: ServerResponse) =>
    response.setHeader('Content-Type', 'text/plain; charset=utf-8').end(text());
  const servers = [
    await listen(healthz, options, {
      '/healthz': (response) => answerHealth(response, 'healthz', options),
      '/livez': (response) => answerHealth(response, 'livez', options),
    }),
    await listen(metricsAt, options, {
      '/healthz': plain(() => 'ok'),
      '/proxyMode': plain(() => 'iptables'),
      '/metrics': plain(() => metrics.text(options.ruleCounts())),
      '/configz': (response) => response.setHeader('Content-Type', 'application/json').end(JSON.stringify(settings)),
    }),
  ];
  return {
    close() {
      for (const server of servers) {
        server?.close();
        server?.closeAllConnections();
      }
    },
  };
}

function listen(
  at: HostPort | undefined,
  { log }: StatusServerOptions,
  pages: { readonly [path: string]: Page },
): Promise<Server | undefined> {
  if (!at) return Promise.resolve(undefined);
  return serveStatusPages(at, pages, (error) =>
    log.error({ err: error, address: `${at.host}:${at.port}` }, 'kube-proxy cannot answer about itself'),
  );
}

function answerHealth(response: ServerResponse, path: 'healthz' | 'livez', { metrics, node, clock }: StatusServerOptions): void {
  const here = node();
  const leaves = here?.metadata.deletionTimestamp !== undefined || here?.spec.taints?.some(({ key }) => key === TAINT_TO_BE_DELETED);
  const { isHealthy: healthy } = metrics;
  // Traffic is not to come to a node that goes, but nothing is wrong with its proxy.
  const code = healthy && !(path === 'healthz' && leaves) ? 200 : 503;
  const lastUpdated = rfc3339(metrics.lastSync_ms ?? 0);
  metrics.answered(path, code);
  response.writeHead(code, { 'Content-Type': 'application/json', 'X-Content-Type-Options': 'nosniff' }).end(
    JSON.stringify({
      lastUpdated,
      currentTime: rfc3339(clock.now()),
      ...(path === 'healthz' ? { nodeEligible: !leaves } : {}),
      status: { IPv4: { lastUpdated, healthy } },
    }),
  );
}
