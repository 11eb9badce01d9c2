// The controller manager as a process of its own would run it: over TLS, each controller under its own ServiceAccount, one of two at work.
import { once } from 'node:events';
import { request } from 'node:https';
import { type AddressInfo, createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock, systemRandom } from '../../../src/apimachinery/clock.js';
import { type Logger, silentLogger } from '../../../src/apimachinery/logger.js';
import { startControllerManager } from '../../../src/cluster/controller-manager.js';
import { DEFAULT_OPTIONS } from '../../../src/controllers/default-options.js';
import { replicaSets } from '../../../src/kinds/apps/replicaset.js';
import { leases } from '../../../src/kinds/coordination/lease.js';
import { pods } from '../../../src/kinds/core/pod.js';
import { clusterRoleBindings } from '../../../src/kinds/rbac/clusterrolebinding.js';
import { startTestServer, type TestServer } from '../../suites/apiserver.js';
import { until } from '../../suites/until.js';

let api: TestServer;
let warnings: string[];
const heard: Logger = { ...silentLogger, warn: (_, message) => void warnings.push(message), child: () => heard };
const running: { stop(): Promise<void> }[] = [];

beforeEach(async () => {
  warnings = [];
  api = await startTestServer();
});
afterEach(async () => {
  for (const manager of running.splice(0)) await manager.stop();
  await api.stop();
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function start(...enabled: string[]) {
  const { ca, controllerManager, serviceAccounts } = api.pki;
  const port = await freePort();
  const manager = await startControllerManager({
    credentials: { server: api.url, ca: ca.cert, ...controllerManager },
    enabled,
    settings: {
      ...DEFAULT_OPTIONS,
      clusterSigningCert: ca.cert,
      clusterSigningKey: ca.key,
      rootCa: ca.cert,
      serviceAccountPrivateKey: serviceAccounts.privateKey,
    },
    useServiceAccountCredentials: true,
    election: {
      // Long enough for a machine that has other things to do; who is stopped gives the lease back, so that nobody waits for its end.
      leaseDuration_ms: 40_000,
      renewDeadline_ms: 30_000,
      retryPeriod_ms: 500,
      resourceName: 'kube-controller-manager',
      resourceNamespace: 'kube-system',
    },
    listen: { address: '127.0.0.1', port },
    clock: systemClock,
    random: systemRandom,
    log: heard,
  });
  running.push(manager);
  const get = async (path: string, who: { readonly cert?: string; readonly key?: string } = {}) => {
    const asking = request({ host: '127.0.0.1', port, path, rejectUnauthorized: false, agent: false, ...who });
    asking.end();
    const [response] = await once(asking, 'response');
    return { code: response.statusCode as number, body: await text(response) };
  };
  return { get, stop: () => manager.stop() };
}

const webSet = (name: string) =>
  api.client.create(replicaSets, {
    metadata: { name, namespace: 'default' },
    spec: {
      replicas: 2,
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'c', image: 'i' }] } },
    },
  });
const podsOf = async (name: string) => (await api.client.list(pods, { labelSelector: `app=${name}` })).items;
const holder = async () =>
  (await api.client.get(leases, { namespace: 'kube-system', name: 'kube-controller-manager' })).spec.holderIdentity;

test('one of two is at work, the other takes over from it, and health and metrics tell', async () => {
  const a = await start('*');
  await webSet('first');
  await until('the first makes pods', async () => (await podsOf('first')).length === 2);
  const first = await holder();
  const b = await start('*');
  expect((await a.get('/healthz')).code).toBe(200);
  expect((await b.get('/metrics')).code).toBe(401);
  const metrics = async ({ get }: typeof a) => (await get('/metrics', api.pki.admin)).body.split('\n');
  expect(await metrics(a)).toEqual(
    expect.arrayContaining([
      'leader_election_master_status{name="kube-controller-manager"} 1',
      'running_managed_controllers{manager="kube-controller-manager",name="deployment-controller"} 1',
      'workqueue_depth{name="replicaset"} 0',
    ]),
  );
  expect(await metrics(b)).toContain('leader_election_master_status{name="kube-controller-manager"} 0');
  await running.shift()!.stop();
  await webSet('second');
  await until('the second makes pods', async () => (await podsOf('second')).length === 2);
  expect(await holder()).not.toBe(first);
});

test('a controller writes under its own ServiceAccount and can do no more than that may', async () => {
  const name = 'system:controller:replicaset-controller';
  await api.client.delete(clusterRoleBindings, { name });
  await start('replicaset');
  await webSet('web');
  const user = 'User "system:serviceaccount:kube-system:replicaset-controller" cannot';
  await until('it is refused', () => warnings.some((message) => message.includes(`is forbidden: ${user}`)));
  expect(await podsOf('web')).toEqual([]);
});
