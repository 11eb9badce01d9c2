// The DNS server's /health, /ready and /metrics, where CoreDNS has its metrics.
import type { Server } from 'node:http';
import { Exposition } from '../../src/apimachinery/exposition.js';
import type { Logger } from '../../src/apimachinery/logger.js';
import { type Page, serveStatusPages } from '../status-pages.js';

export interface DnsPages {
  readonly address: string;
  readonly port: number;
  isReady(): boolean;
  writeMetrics(out: Exposition): void;
  readonly log: Logger;
}

const TEXT = { 'Content-Type': 'text/plain; version=0.0.4; charset=utf-8' };

/** Resolves when it listens, or cannot, which is only told: names are answered all the same. */
export function startDnsPages({ address: host, port, isReady, writeMetrics, log }: DnsPages): Promise<Server | undefined> {
  const pages: { readonly [path: string]: Page } = {
    '/health': (response) => response.writeHead(200, TEXT).end('OK'),
    '/ready': (response) => (isReady() ? response.writeHead(200, TEXT).end('OK') : response.writeHead(503, TEXT).end('kubernetes')),
    '/metrics': (response) => {
      const out = new Exposition();
      writeMetrics(out);
      response.writeHead(200, TEXT).end(out.toString());
    },
  };
  return serveStatusPages({ host, port }, pages, (error) =>
    log.warn({ address: host, port, error: error.message }, 'cannot serve metrics of DNS there'),
  );
}
