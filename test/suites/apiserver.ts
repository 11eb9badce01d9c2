// An API server for tests: on a free port, with the store in memory and certificates of its own.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, systemRandom } from '../../src/apimachinery/clock.js';
import { silentLogger } from '../../src/apimachinery/logger.js';
import { type ApiServer, type ApiServerOptions, createApiServer } from '../../src/apiserver/index.js';
import { ApiClient } from '../../src/client/api-client.js';
import { identityOf } from '../../src/cluster/api-server.js';
import { ensurePki, type Pki } from '../../src/cluster/pki.js';
import type { Backend } from '../../src/etcd/backend.js';
import { createMemoryBackend } from '../../src/etcd/memory.js';

export interface TestServer {
  readonly server: ApiServer;
  readonly backend: Backend;
  readonly url: string;
  readonly pki: Pki;
  /** Path of a kubeconfig of the administrator. */
  readonly kubeconfig: string;
  /** A directory of the test's own, removed by `stop`. */
  readonly dir: string;
  /** In process, as the administrator. */
  readonly client: ApiClient;
  stop(): Promise<void>;
}

export const ADMIN = { name: 'kubernetes-admin', groups: ['system:masters'] };

export async function startTestServer(options: Partial<ApiServerOptions> = {}): Promise<TestServer> {
  const dir = mkdtempSync(join(tmpdir(), 'porthole-test-apiserver-'));
  const [clock, random, log] = [systemClock, systemRandom, silentLogger];
  const pki = await ensurePki({ dir: join(dir, 'pki'), altNames: [], serviceIp: '10.96.0.1', clock, random, log });
  const backend = options.backend ?? (await createMemoryBackend({ clock }));
  const server = await createApiServer({
    backend,
    clock,
    random,
    log,
    tls: { ...pki.apiserver, clientCa: pki.ca.cert },
    bind: { address: '127.0.0.1', port: 0 },
    serviceCidr: '10.96.0.0/12',
    nodePorts: { min: 30000, max: 32767 },
    advertiseAddress: '192.168.241.1',
    kubeletClient: { ...pki.kubeletClient, ca: pki.ca.cert },
    proxyClient: pki.frontProxy.client,
    requestHeaderCa: pki.frontProxy.ca.cert,
    serviceAccounts: identityOf(pki).serviceAccounts!,
    // No controller makes the accounts that one looks for, or takes away the finalizers that the other sets.
    disableAdmissionPlugins: ['ServiceAccount', 'StorageObjectInUseProtection'],
    ...options,
  });
  const { port } = await listen(server, async () => {
    await backend.close();
    rmSync(dir, { recursive: true, force: true });
  });
  const url = `https://127.0.0.1:${port}`;
  const kubeconfig = join(dir, 'kubeconfig');
  writeFileSync(kubeconfig, kubeconfigOf(url, pki));
  return {
    server,
    backend,
    url,
    pki,
    kubeconfig,
    dir,
    client: new ApiClient(server.transport(ADMIN)),
    async stop() {
      const inconsistent = await server.inconsistencies();
      await server.close();
      await backend.close();
      rmSync(dir, { recursive: true, force: true });
      if (inconsistent.length > 0) throw new Error(`watch caches are not what the store is:\n${inconsistent.join('\n')}`);
    },
  };
}

/** A store for several servers: none of them closes it. */
export async function sharedBackend(): Promise<Backend> {
  const store = await createMemoryBackend({ clock: systemClock });
  return Object.assign(Object.create(store), bound(store), { close: async () => {} });
}

/** The store's methods, for objects that only look like it. */
function bound(store: Backend): Backend {
  const names = [
    'range',
    'txn',
    'watch',
    'compact',
    'leaseGrant',
    'leaseRevoke',
    'leaseKeepAlive',
    'leaseTimeToLive',
    'leases',
    'status',
  ] as const;
  return Object.fromEntries(names.map((name) => [name, (store[name] as (...args: never[]) => unknown).bind(store)])) as unknown as Backend;
}

async function listen(server: ApiServer, undo: () => Promise<void>): Promise<{ readonly port: number }> {
  try {
    return await server.listen();
  } catch (error) {
    await server.close();
    await undo();
    throw error;
  }
}

function kubeconfigOf(url: string, { ca, admin }: Pki): string {
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server: url, 'certificate-authority-data': base64(ca.cert) } }],
    users: [{ name: 'admin', user: { 'client-certificate-data': base64(admin.cert), 'client-key-data': base64(admin.key) } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'admin' } }],
    'current-context': 'test',
  });
}
