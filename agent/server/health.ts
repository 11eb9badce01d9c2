// GET /healthz: whether the kubelet works, as a whole or by one check; on port 10248 of the loopback, too, for who has no certificate.
import { createServer, type Server } from 'node:http';
import type { Logger } from '../../src/apimachinery/logger.js';
import { noSuchPath } from '../../src/apimachinery/status.js';
import type { KubeletSettings } from '../config/kubelet-configuration.js';
import type { KubeletMetrics } from '../kubelet/metrics.js';

export interface HealthOptions {
  readonly settings: Pick<KubeletSettings, 'syncFrequency' | 'healthzPort' | 'healthzBindAddress'>;
  readonly metrics: KubeletMetrics;
  readonly log: Logger;
}

/** What is wrong; undefined: nothing. */
type Check = () => string | undefined;

function checksOf({ settings, metrics }: HealthOptions): { readonly [name: string]: Check } {
  return {
    ping: () => undefined,
    log: () => undefined,
    syncloop() {
      const since_ms = metrics.sinceRelist_ms();
      // Before the first look the kubelet is still starting.
      if (!Number.isFinite(since_ms) || since_ms <= 2 * settings.syncFrequency) return undefined;
      return `sync Loop took longer than expected: ${Math.round(since_ms / 1000)}s since pods were looked at`;
    },
  };
}

export interface HealthAnswer {
  readonly code: 200 | 500;
  readonly text: string;
}

/** `path` is below /healthz. Throws 404 for a check that there is not. */
export function health(path: string, query: URLSearchParams, options: HealthOptions): HealthAnswer {
  const checks = checksOf(options);
  const name = path.replace(/^\//, '');
  if (name !== '' && !Object.hasOwn(checks, name)) throw noSuchPath();
  const results = (name === '' ? Object.entries(checks) : [[name, checks[name]!] as const]).map(([each, check]) => ({
    each,
    problem: check(),
  }));
  const isBad = results.some(({ problem }) => problem !== undefined);
  if (!isBad && !query.has('verbose')) return { code: 200, text: 'ok' };
  const lines = results.map(({ each, problem }) => (problem === undefined ? `[+]${each} ok` : `[-]${each} failed: ${problem}`));
  return { code: isBad ? 500 : 200, text: `${lines.join('\n')}\nhealthz check ${isBad ? 'failed' : 'passed'}\n` };
}

/** Resolves when it listens, or cannot, which is only told: the node can do without. Resolves to undefined where it is off. */
export async function startHealthServer(options: HealthOptions): Promise<Server | undefined> {
  const { healthzPort: port, healthzBindAddress: address } = options.settings;
  if (port === 0) return undefined;
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://kubelet');
    const isHealth = request.method === 'GET' && /^\/healthz(\/|$)/.test(pathname);
    try {
      if (!isHealth) throw noSuchPath();
      const { code, text } = health(pathname.slice('/healthz'.length), searchParams, options);
      response.writeHead(code, { 'Content-Type': 'text/plain; charset=utf-8' }).end(text);
    } catch {
      response.writeHead(404, { 'Content-Type': 'text/plain; charset=utf-8' }).end('404 page not found\n');
    }
  });
  return new Promise((resolve) => {
    server.once('error', (error) => {
      options.log.warn({ address, port, error: error.message }, 'cannot serve /healthz there');
      resolve(undefined);
    });
    server.listen(port, address, () => resolve(server));
  });
}
