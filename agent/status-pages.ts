// The few plain pages in which a part of the agent tells of itself, for probes and for what collects metrics.
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { HostPort } from './proxy/net.js';

/** Probes and a scraper or two ask, every few seconds. */
const CONNECTIONS_MAX = 200;

export type Page = (response: ServerResponse) => void;

/** Resolves when it listens; undefined where it cannot, which is only told: the part works without. */
export function serveStatusPages(
  at: HostPort,
  pages: { readonly [path: string]: Page },
  onError: (error: Error) => void,
): Promise<Server | undefined> {
  const server = createServer((request, response) => {
    request.resume();
    const path = request.url?.split('?', 1)[0] ?? '';
    const page = Object.hasOwn(pages, path) ? pages[path] : undefined;
    if (page) page(response);
    else response.writeHead(404, { 'Content-Type': 'text/plain; charset=utf-8' }).end('404 page not found\n');
  });
  server.maxConnections = CONNECTIONS_MAX;
  return new Promise((resolve) => {
    server.once('error', (error) => {
      onError(error);
      resolve(undefined);
    });
    server.listen(at.port, at.host, () => resolve(server));
  });
}
