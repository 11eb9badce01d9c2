// The read-only port, where one is asked for: what the node shows of itself, to anybody and without TLS.
import { createServer, type Server } from 'node:http';
import { noSuchPath } from '../../src/apimachinery/status.js';
import { listen } from './listen.js';
import type { PageContext } from './pages.js';
import { type Gate, serve } from './serve.js';

/** Upstream's: nothing of how the node is set up, and nothing that containers say. */
const SHOWN = /^\/(pods|stats\/summary|metrics(\/(resource|cadvisor|probes))?|healthz(\/.*)?)\/?$/;

const gate: Gate = {
  serverType: 'readonly',
  check(_request, path) {
    if (!SHOWN.test(path)) throw noSuchPath();
  },
};

/** undefined where none is asked for. Rejects where the port cannot be had. */
export async function startReadOnlyServer(context: PageContext): Promise<Server | undefined> {
  const { readOnlyPort: port, address } = context.settings;
  if (port === 0) return undefined;
  const server = createServer((request, response) => void serve(request, response, context, gate));
  await listen(server, port, address, '--read-only-port');
  return server;
}
