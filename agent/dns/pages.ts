// The DNS server's /health, /ready and /metrics, where CoreDNS has its metrics.
import { createServer, type Server } from 'node:http';
import { Exposition } from '../../src/apimachinery/exposition.js';
import type { Logger } from '../../src/apimachinery/logger.js';

export interface DnsPages {
  readonly address: string;
  readonly port: number;
  isReady(): boolean;
  writeMetrics(out: Exposition): void;
  readonly log: Logger;
}

/** Resolves when it listens, or cannot, which is only told: names are answered all the same. */
export function startDnsPages(options: DnsPages): Promise<Server | undefined> {
  const { address, port, log } = options;
  const server = createServer((request, response) => {
    const { code, text } = pageOf((request.url ?? '').split('?')[0]!, options);
    response.writeHead(code, { 'Content-Type': 'text/plain; version=0.0.4; charset=utf-8' }).end(text);
  });
  return new Promise((resolve) => {
    server.once('error', (error) => {
      log.warn({ address, port, error: error.message }, 'cannot serve metrics of DNS there');
      resolve(undefined);
    });
    server.listen(port, address, () => resolve(server));
  });
}

function pageOf(path: string, { isReady, writeMetrics }: DnsPages): { readonly code: number; readonly text: string } {
  if (path === '/health') return { code: 200, text: 'OK' };
  if (path === '/ready') return isReady() ? { code: 200, text: 'OK' } : { code: 503, text: 'kubernetes' };
  if (path !== '/metrics') return { code: 404, text: '404 page not found\n' };
  const out = new Exposition();
  writeMetrics(out);
  return { code: 200, text: out.toString() };
}
