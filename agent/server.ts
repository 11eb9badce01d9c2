// The kubelet's HTTPS server on port 10250: logs, exec, attach and port-forward for the API server, and what the node shows of itself.
import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { Access } from './server/access.js';
import { startHealthServer } from './server/health.js';
import { listen } from './server/listen.js';
import type { KubeletServerOptions } from './server/options.js';
import type { PageContext } from './server/pages.js';
import { startReadOnlyServer } from './server/read-only.js';
import { type Gate, serve } from './server/serve.js';
import { type CertAndKey, servingFiles, tlsOptions, watchServingFiles } from './server/tls.js';
import { UpgradeServer } from './server/upgrade.js';
import { DiskUsage } from './stats/disk-usage.js';
import { NodeStats } from './stats/node-stats.js';

/** Streams at once, of which each holds a connection to the engine as well. */
const CONNECTIONS_MAX = 1000;

export interface KubeletServer {
  readonly port: number;
  /** From the next connection on. */
  setServing(serving: CertAndKey): void;
  close(): Promise<void>;
}

/** Resolves when it listens; rejects where a port cannot be had, or no TLS made of what the settings name. */
export async function startKubeletServer(options: KubeletServerOptions): Promise<KubeletServer> {
  const { runtime, clock, settings } = options;
  const context = { ...options, stats: new NodeStats(runtime, clock), disk: new DiskUsage(clock, settings.volumeStatsAggPeriod) };
  const main = settings.enableServer ? await startMain(options, context) : undefined;
  const others = [await startReadOnlyServer(context), await startHealthServer(options)];
  return {
    port: main?.port ?? settings.port,
    setServing: (serving) => main?.setServing(serving),
    async close() {
      for (const server of others) {
        server?.close();
        server?.closeAllConnections();
      }
      await main?.close();
    },
  };
}

async function startMain(options: KubeletServerOptions, context: PageContext): Promise<KubeletServer> {
  const { settings, log } = options;
  const ca = await clientAuthorities(options);
  const files = await servingFiles(settings);
  const tls = tlsOptions(settings);
  const { cert, key } = files ?? options;
  // Clients without a good certificate get a Status that says so rather than a broken handshake.
  const server = createServer({ ...tls, cert, key, ca, requestCert: true, rejectUnauthorized: false });
  server.maxConnections = CONNECTIONS_MAX;
  const access = new Access(options);
  const gate: Gate = { serverType: 'readwrite', check: (request, path) => access.check(request, request.socket as TLSSocket, path) };
  server.on('request', (request: IncomingMessage, response: ServerResponse) => void serve(request, response, context, gate));
  const upgrades = new UpgradeServer({ ...options, access });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => upgrades.handle(request, socket as TLSSocket, head));
  await listen(server, settings.port, settings.address, '--port');
  const { port } = server.address() as { port: number };
  const setServing = (serving: CertAndKey) => server.setSecureContext({ ...tls, ...serving, ca });
  const watching = watchServingFiles(settings, setServing, log);
  return {
    port,
    // Who names files has others in mind.
    setServing: files ? () => undefined : setServing,
    async close() {
      watching.close();
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      server.closeAllConnections();
      await upgrades.close();
      await closed;
    },
  };
}

async function clientAuthorities({ clientCa, settings }: KubeletServerOptions): Promise<string[]> {
  const file = settings.authentication.x509.clientCAFile;
  return file === '' ? [clientCa] : [clientCa, await readFile(file, 'utf8')];
}
