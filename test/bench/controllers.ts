// Area controllers: one process with the API server on a LevelDB store, all controllers, the scheduler, and nodes that run pods by declaration:
// a Deployment that grows, thousands of pods at rest, a namespace with ten thousand that goes, and what the controllers' caches cost.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { systemClock as clock, systemRandom as random } from '../../src/apimachinery/clock.js';
import { silentLogger as log } from '../../src/apimachinery/logger.js';
import { isStatus } from '../../src/apimachinery/status.js';
import { ApiClient } from '../../src/client/api-client.js';
import type { Client, Transport } from '../../src/client/client.js';
import { createEventRecorder } from '../../src/client/event-recorder.js';
import { createInformers } from '../../src/client/informers.js';
import { serviceAccountGroups, serviceAccountUser } from '../../src/client/jwt.js';
import { CONTROLLER_MANAGER, componentClient, SCHEDULER } from '../../src/cluster/component-clients.js';
import { type RunningManager, runControllers } from '../../src/cluster/managed-controllers.js';
import { DEFAULT_OPTIONS } from '../../src/controllers/default-options.js';
import { controllers } from '../../src/controllers/index.js';
import { openLevelBackend } from '../../src/etcd/leveldb.js';
import { deployments } from '../../src/kinds/apps/deployment.js';
import { namespaces } from '../../src/kinds/core/namespace.js';
import { pods } from '../../src/kinds/core/pod.js';
import { NAMESPACE_SYSTEM } from '../../src/kinds/wellknown.js';
import { startScheduler } from '../../src/scheduler/scheduler.js';
import { startTestServer, type TestServer } from '../suites/apiserver.js';
import { addNode, runPods } from '../suites/declared-nodes.js';
import { progress, type Row, row as rowOf } from './report.js';

const NODES = 30;
const [GROWN, DEPLOYMENTS, EACH, IN_NAMESPACE] = [1_000, 200, 25, 10_000];
const REST_ms = 30_000;
/** A manager that has just started has its caches, and has looked at everything once, well within this. */
const SYNCED_ms = 8_000;
/** How many requests the benchmark itself has under way. */
const AT_ONCE = 50;
const MERGE = 'application/merge-patch+json';

/** Told at once: what comes after takes minutes. */
const row: typeof rowOf = (...args) => {
  const made = rowOf(...args);
  progress(`${made.name}: ${made.value} ${made.unit}`);
  return made;
};

interface Lab {
  readonly server: TestServer;
  readonly client: Client;
  /** Writes of the controllers so far, their events among them. */
  readonly writes: { count: number };
  start(): void;
  /** Nothing of the manager is held any more, either. */
  stop(): Promise<void>;
}

export async function benchControllers(): Promise<readonly Row[]> {
  const store = mkdtempSync(join(tmpdir(), 'porthole-bench-controllers-'));
  const server = await startTestServer({
    backend: await openLevelBackend({ dir: join(store, 'etcd'), clock, random, log }),
    disableAdmissionPlugins: [],
  });
  const lab = labOf(server);
  let others = startOthers(server);
  for (let i = 0; i < NODES; i++) await addNode(server.client, `node-${i}`, clock);
  const ofControllers_MB = async () => {
    // Else what they hold, too, would not count.
    await others.stop();
    const held_MB = await ofManager_MB(lab);
    others = startOthers(server);
    return held_MB;
  };
  try {
    const empty_MB = await ofControllers_MB();
    const rows = [...(await growth(lab)), ...(await rest(lab))];
    const full_MB = await ofControllers_MB();
    const perThousand = (full_MB - empty_MB) / ((DEPLOYMENTS * EACH) / 1000);
    rows.push(
      row('memory of all controllers per 1,000 pods at rest', perThousand, 'MB', { goal: 12 }),
      row('memory of all controllers where there is nothing to do', empty_MB, 'MB'),
    );
    rows.push(await emptied(lab));
    return rows;
  } finally {
    await lab.stop();
    await others.stop();
    await server.stop();
    rmSync(store, { recursive: true, force: true });
  }
}

/** The scheduler and the nodes. */
function startOthers(server: TestServer): { stop(): Promise<void> } {
  const scheduling = { client: componentClient(server.server, SCHEDULER), clock, random, log };
  const scheduled = createInformers(scheduling);
  const events = (component: string) => createEventRecorder({ ...scheduling, component });
  const scheduler = startScheduler({ ...scheduling, informers: scheduled, events });
  const informers = createInformers({ client: server.client, clock, random, log });
  const kubelets = runPods(server.client, informers, clock);
  return {
    async stop() {
      await scheduler.stop();
      await kubelets.stop();
      for (const each of [informers, scheduled]) each.stop();
    },
  };
}

function labOf(server: TestServer): Lab {
  const writes = { count: 0 };
  const counting = (inner: Transport): Transport => ({
    watch: (request, signal) => inner.watch(request, signal),
    request(request) {
      if (request.method !== 'GET') writes.count++;
      return inner.request(request);
    },
  });
  const clientOf = (name: string | undefined) => {
    const user = name
      ? { name: serviceAccountUser(NAMESPACE_SYSTEM, name), groups: serviceAccountGroups(NAMESPACE_SYSTEM) }
      : CONTROLLER_MANAGER;
    return new ApiClient(counting(server.server.transport(user)));
  };
  const { ca, serviceAccounts } = server.pki;
  const settings = {
    ...DEFAULT_OPTIONS,
    // Nobody renews the nodes' leases.
    nodeMonitorGracePeriod_ms: 3_600_000,
    clusterSigningCert: ca.cert,
    clusterSigningKey: ca.key,
    rootCa: ca.cert,
    serviceAccountPrivateKey: serviceAccounts.privateKey,
  };
  let manager: RunningManager | undefined;
  const start = () => {
    manager = runControllers({ client: clientOf(undefined), clientOf, controllers, settings, clock, random, log });
  };
  const stop = async () => {
    await manager?.stop();
    manager = undefined;
  };
  start();
  return { server, client: server.client, writes, start, stop };
}

/** A Deployment from 0 to 1,000: how long until all pods are there, and what it costs in writes until it is available. */
async function growth({ client, writes }: Lab): Promise<Row[]> {
  progress(`a Deployment from 0 to ${GROWN}`);
  await client.create(deployments, deployment('grown', 0));
  await until(async () => (await statusOf(client, 'grown')).observedGeneration === 1);
  const before = writes.count;
  const began = performance.now();
  await client.patch(deployments, { namespace: 'default', name: 'grown' }, MERGE, { spec: { replicas: GROWN } });
  await until(async () => (await client.list(pods, { namespace: 'default', resourceVersion: '0' })).items.length >= GROWN);
  const seconds = (performance.now() - began) / 1000;
  await until(async () => (await statusOf(client, 'grown')).availableReplicas === GROWN);
  await quiet(writes);
  const perPod = (writes.count - before) / GROWN;
  await client.delete(deployments, { namespace: 'default', name: 'grown' });
  await until(async () => (await client.list(pods, { namespace: 'default' })).items.length === 0);
  return [
    row(`a Deployment from 0 to ${GROWN}: all pods created`, seconds, 's', { goal: 5 }),
    row('writes of the controllers per pod, until it is available', perPod, 'x', { goal: 1.2 }),
  ];
}

/** Thousands of pods that are well: nothing to write, nothing to do. */
async function rest(lab: Lab): Promise<Row[]> {
  const { client, writes } = lab;
  progress(`${DEPLOYMENTS} Deployments of ${EACH} pods`);
  await each(DEPLOYMENTS, (i) => client.create(deployments, deployment(`rest-${i}`, EACH)));
  await until(async () => (await available(lab)) === DEPLOYMENTS);
  await quiet(writes);
  progress(`at rest for ${REST_ms / 1000} s`);
  const before = writes.count;
  const cpu = process.cpuUsage();
  await pause(REST_ms);
  const { user, system } = process.cpuUsage(cpu);
  const what = `${DEPLOYMENTS * EACH} pods of ${DEPLOYMENTS} Deployments at rest`;
  return [
    row(`${what}: writes in ${REST_ms / 1000} s`, writes.count - before, 'x', { goal: 0 }),
    row(`${what}: of a core, API server, scheduler and nodes included`, ((user + system) / 1000 / REST_ms) * 100, '%', { goal: 1 }),
  ];
}

/** What is held with the controllers and not without them, beside the server. */
async function ofManager_MB({ start, stop, writes }: Lab): Promise<number> {
  progress('what the controllers keep in memory');
  await stop();
  const without = await heap_MB();
  start();
  await pause(SYNCED_ms);
  await quiet(writes);
  return (await heap_MB()) - without;
}

async function emptied({ client }: Lab): Promise<Row> {
  progress(`${IN_NAMESPACE} pods in a namespace`);
  const namespace = 'crowded';
  await client.create(namespaces, { metadata: { name: namespace } });
  await until(async () => (await client.get(namespaces, { name: namespace })).status.phase === 'Active');
  const spec = (i: number) => ({
    nodeName: `node-${i % NODES}`,
    serviceAccountName: 'default',
    automountServiceAccountToken: false,
    containers: CONTAINERS,
  });
  await each(IN_NAMESPACE, (i) =>
    retried(() => client.create(pods, { metadata: { namespace, name: `pod-${i}` }, spec: spec(i) } as never)),
  );
  await until(async () => (await client.list(pods, { namespace })).items.every(({ status }) => status.phase === 'Running'));
  progress('the namespace goes');
  const began = performance.now();
  await client.delete(namespaces, { name: namespace });
  await until(async () => {
    try {
      await client.get(namespaces, { name: namespace });
      return false;
    } catch (error) {
      return isStatus(error, 'NotFound');
    }
  });
  return row(`${IN_NAMESPACE} pods deleted with their namespace`, (performance.now() - began) / 1000, 's', { goal: 30 });
}

const CONTAINERS = [{ name: 'main', image: 'busybox' }];

const deployment = (name: string, replicas: number) =>
  ({
    metadata: { namespace: 'default', name },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels: { app: name } }, spec: { containers: CONTAINERS } },
    },
  }) as never;

const statusOf = async (client: Client, name: string) => (await client.get(deployments, { namespace: 'default', name })).status;

const available = async ({ client }: Lab) =>
  (await client.list(deployments, { namespace: 'default' })).items.filter(({ status }) => status.availableReplicas === EACH).length;

/** Until the controllers have not written for two seconds. */
async function quiet(writes: { readonly count: number }): Promise<void> {
  for (let seen = -1; seen !== writes.count; ) {
    seen = writes.count;
    await pause(2_000);
  }
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await pause(50);
}

async function each(count: number, act: (i: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (next < count) await act(next++);
    }),
  );
}

/** The namespace's default account may not be there yet. */
async function retried(act: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      await act();
      return;
    } catch (error) {
      if (!isStatus(error, 'Forbidden')) throw error;
      await pause(100);
    }
  }
}

/** Of the heap, once everything that nobody holds is gone. */
async function heap_MB(): Promise<number> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  for (let i = 0; i < 3; i++) {
    await pause(500);
    collect();
  }
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 1e6;
}
