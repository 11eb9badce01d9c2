// How the kubelet's ports are served: by whose certificate, which TLS, and what may be seen where nobody is asked for a name.
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { readSettings } from '../../../../agent/config/load.js';
import { KubeletMetrics } from '../../../../agent/kubelet/metrics.js';
import { type KubeletServer, startKubeletServer } from '../../../../agent/server.js';
import { systemClock } from '../../../../src/apimachinery/clock.js';
import type { JsonObject } from '../../../../src/apimachinery/json.js';
import { silentLogger } from '../../../../src/apimachinery/logger.js';
import { freePort } from '../../../suites/etcdctl.js';
import { selfSigned } from '../../../suites/https-server.js';
import { until } from '../../../suites/until.js';

const directory = mkdtempSync(join(tmpdir(), 'porthole-serving-'));
const [certFile, keyFile] = [join(directory, 'tls.crt'), join(directory, 'tls.key')];
let own: Awaited<ReturnType<typeof selfSigned>>;
let other: typeof own;
let server: KubeletServer | undefined;

beforeAll(async () => {
  const sign = () => selfSigned({ dns: [], ips: ['127.0.0.1'] });
  [own, other] = await Promise.all([sign(), sign()]);
});
afterEach(async () => {
  await server?.close();
  server = undefined;
});
afterAll(() => rmSync(directory, { recursive: true }));

async function start(configuration: JsonObject): Promise<KubeletServer> {
  const authentication = { anonymous: { enabled: true }, webhook: { enabled: false } };
  const settings = readSettings({
    address: '127.0.0.1',
    healthzPort: 0,
    authentication,
    authorization: { mode: 'AlwaysAllow' },
    ...configuration,
  });
  server = await startKubeletServer({
    settings: { ...settings, port: 0 },
    cert: own.cert,
    key: own.key,
    clientCa: own.ca,
    nodeName: 'n',
    rootDirectory: directory,
    client: {} as never,
    metrics: new KubeletMetrics(systemClock),
    lookup: { pods: () => [], pod: () => undefined },
    runtime: { running: async () => [] } as never,
    clock: systemClock,
    log: silentLogger,
  });
  return server;
}

/** What a handshake comes to. */
function handshake(port: number, options: ConnectionOptions = {}): Promise<{ cert: string; protocol: string | null; cipher: string }> {
  return new Promise((resolve, reject) => {
    const socket: TLSSocket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options }, () => {
      const cert = socket.getPeerCertificate().fingerprint256;
      resolve({ cert, protocol: socket.getProtocol(), cipher: socket.getCipher().name });
      socket.destroy();
    });
    socket.once('error', reject);
  });
}

it('by the certificate in tlsCertFile, and by the one that takes its place', async () => {
  writeFileSync(certFile, other.cert);
  writeFileSync(keyFile, other.key);
  const { port, setServing } = await start({ tlsCertFile: certFile, tlsPrivateKeyFile: keyFile });
  const { cert } = await handshake(port);
  setServing(own);
  expect((await handshake(port)).cert).toBe(cert);
  for (const [path, text] of [
    [keyFile, own.key],
    [certFile, own.cert],
  ] as const) {
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
  }
  await until('the new one is served', async () => (await handshake(port)).cert !== cert);
});

it('not at all where the certificate cannot be read', async () => {
  await expect(start({ tlsCertFile: join(directory, 'none'), tlsPrivateKeyFile: keyFile })).rejects.toThrow('ENOENT');
});

it('by no older TLS than it says, and by its ciphers', async () => {
  const { port } = await start({ tlsMinVersion: 'VersionTLS13' });
  await expect(handshake(port, { maxVersion: 'TLSv1.2' })).rejects.toThrow();
  expect((await handshake(port)).protocol).toBe('TLSv1.3');
  await server!.close();
  const chosen = await start({ tlsCipherSuites: ['TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384', 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384'] });
  expect((await handshake(chosen.port, { maxVersion: 'TLSv1.2' })).cipher).toMatch(/^ECDHE-(RSA|ECDSA)-AES256-GCM-SHA384$/);
  await expect(
    handshake(chosen.port, { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-CHACHA20-POLY1305' }),
  ).rejects.toThrow();
  await server!.close();
  await expect(start({ tlsCipherSuites: ['TLS_NONE_WITH_NOTHING'] })).rejects.toThrow(
    "Cipher suite TLS_NONE_WITH_NOTHING not supported or doesn't exist",
  );
});

it('to anybody on the read-only port, what tells nothing of how the node is set up', async () => {
  const readOnlyPort = await freePort();
  await start({ readOnlyPort });
  const ask = (path: string, method = 'GET') => fetch(`http://127.0.0.1:${readOnlyPort}${path}`, { method });
  expect(await (await ask('/pods')).json()).toEqual({ kind: 'PodList', apiVersion: 'v1', metadata: {}, items: [] });
  expect(await (await ask('/metrics')).text()).toContain('kubelet_http_requests_total{method="GET",path="pods",server_type="readonly"} 1');
  expect((await ask('/healthz')).status).toBe(200);
  expect((await ask('/pods', 'POST')).status).toBe(405);
  for (const path of ['/configz', '/runningpods/', '/exec/default/p/c?command=ls', '/containerLogs/default/p/c', '/logs/'])
    expect((await ask(path)).status, path).toBe(404);
});

it('nowhere where no server is wanted', async () => {
  const { port } = await start({ enableServer: false });
  expect(port).toBe(0);
});
