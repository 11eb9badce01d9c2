// A control plane in one process for tests: a real API server over the store in memory, all controllers and the scheduler, on a
// clock moved by hand. Tests act as the kubelets.
import { type Clock, systemRandom } from '../../../src/apimachinery/clock.js';
import { type Logger, silentLogger } from '../../../src/apimachinery/logger.js';
import { isBeingDeleted } from '../../../src/apimachinery/object.js';
import { reconcileDefaultPolicy } from '../../../src/apiserver/authorization/default-policy.js';
import { createApiServer } from '../../../src/apiserver/index.js';
import { ApiClient } from '../../../src/client/api-client.js';
import type { Client } from '../../../src/client/client.js';
import { createEventRecorder } from '../../../src/client/event-recorder.js';
import { createInformers } from '../../../src/client/informers.js';
import { CONTROLLER_MANAGER, componentClient, controllerClients, SCHEDULER } from '../../../src/cluster/component-clients.js';
import { DEFAULT_OPTIONS } from '../../../src/controllers/default-options.js';
import { controllers } from '../../../src/controllers/index.js';
import { startControllers } from '../../../src/controllers/manager.js';
import { createMemoryBackend } from '../../../src/etcd/memory.js';
import { leases } from '../../../src/kinds/coordination/lease.js';
import { namespaces } from '../../../src/kinds/core/namespace.js';
import { nodes } from '../../../src/kinds/core/node.js';
import { pods } from '../../../src/kinds/core/pod.js';
import type { Pod } from '../../../src/kinds/types/core_v1.js';
import { GROUP_MASTERS, NAMESPACE_NODE_LEASE } from '../../../src/kinds/wellknown.js';
import { startScheduler } from '../../../src/scheduler/scheduler.js';
import { ManualClock, settle } from '../../unit/client/fakes.js';

/** Steps of simulated time that a condition gets to come true: two minutes. */
const STEP_MS = 100;
const STEPS_MAX = 1200;
const NAMESPACES = ['default', 'kube-system', 'kube-public', NAMESPACE_NODE_LEASE];

export interface Cluster {
  readonly client: Client;
  readonly clock: ManualClock;
  /** Waits, kubelets running, until `condition` holds; names `what` where it never does. */
  until(what: string, condition: () => Promise<boolean>): Promise<void>;
  /** Lets time pass; only the named nodes give signs of life. */
  pass(seconds: number, ...alive: string[]): Promise<void>;
  join(name: string): Promise<void>;
  /** What the kubelets do from now on with new pods; `ready` (the default) runs them at once. */
  kubelets: 'ready' | 'unready' | 'gone';
  stop(): Promise<void>;
}

/** Keeps what components were refused: each has to get by with the rights of its own user. */
function refusalLog(refused: string[]): Logger {
  const note = (fields: object, message: string) => {
    const text = `${JSON.stringify(fields)} ${message}`;
    if (/forbidden: User|is not among its (in|out)puts/.test(text)) refused.push(text);
  };
  const log: Logger = { ...silentLogger, info: note, warn: note, error: note, child: () => log };
  return log;
}

export async function startCluster(): Promise<Cluster> {
  const clock = new ManualClock();
  const server = await startServer(clock);
  const client = new ApiClient(server.transport({ name: 'admin', groups: [GROUP_MASTERS] }));
  for (const name of NAMESPACES) await client.create(namespaces, { metadata: { name } });
  await reconcileDefaultPolicy(client);
  const refused: string[] = [];
  const base = { clock, random: systemRandom, log: refusalLog(refused) };
  const deps = { ...base, client: componentClient(server, CONTROLLER_MANAGER) };
  const informers = createInformers(deps);
  const options = {
    ...DEFAULT_OPTIONS,
    clusterSigningCert: '',
    clusterSigningKey: '',
    rootCa: '',
  };
  const running = startControllers(controllers, {
    ...deps,
    client: controllerClients(server),
    informers,
    options,
    events: createEventRecorder({ ...deps, component: 'controllers' }),
  });
  const scheduling = { ...base, client: componentClient(server, SCHEDULER) };
  const scheduled = createInformers(scheduling);
  const events = createEventRecorder({ ...scheduling, component: 'default-scheduler' });
  const scheduler = startScheduler({ ...scheduling, informers: scheduled, events: () => events });
  let beats = 0;
  const beat = async (name: string) => {
    const renewTime = new Date(clock.now() + beats++).toISOString().replace('Z', '000Z');
    await client.patch(leases, { namespace: NAMESPACE_NODE_LEASE, name }, 'application/merge-patch+json', { spec: { renewTime } });
  };
  const cluster: Cluster = {
    client,
    clock,
    kubelets: 'ready',
    async until(what, condition) {
      for (let step = 0; step < STEPS_MAX; step++) {
        await settle();
        await actAsKubelets(cluster);
        if (await condition()) return;
        await clock.advance(STEP_MS);
      }
      throw new Error(`waited in vain until ${what}`);
    },
    async pass(seconds, ...alive) {
      for (let left = seconds; left > 0; left -= 5) {
        for (const name of alive) await beat(name);
        await clock.advance(5000);
        await settle();
      }
    },
    async join(name) {
      await client.create(nodes, { metadata: { name, labels: { 'kubernetes.io/hostname': name } } });
      const conditions = [{ type: 'Ready', status: 'True', lastHeartbeatTime: new Date(clock.now()).toISOString() }];
      const amounts = { cpu: '4', memory: '8Gi', pods: '110' };
      const status = { conditions, allocatable: amounts, capacity: amounts };
      await client.patch(nodes, { name }, 'application/merge-patch+json', { status }, 'status');
      await client.create(leases, { metadata: { name, namespace: NAMESPACE_NODE_LEASE }, spec: { holderIdentity: name } });
    },
    async stop() {
      await scheduler.stop();
      await running.stop();
      informers.stop();
      scheduled.stop();
      await server.close();
      if (refused.length > 0) throw new Error(`components were refused:\n${[...new Set(refused)].join('\n')}`);
    },
  };
  return cluster;
}

async function startServer(clock: Clock) {
  const backend = await createMemoryBackend({ clock });
  const server = await createApiServer({
    backend,
    clock,
    random: systemRandom,
    log: silentLogger,
    tls: { cert: '', key: '', clientCa: '' },
    bind: { address: '127.0.0.1', port: 0 },
    serviceCidr: '10.96.0.0/12',
    nodePorts: { min: 30000, max: 32767 },
    advertiseAddress: '127.0.0.1',
    kubeletClient: { cert: '', key: '', ca: '' },
  });
  return {
    transport: server.transport,
    async close() {
      await server.close();
      await backend.close();
    },
  };
}

/** Pods with a node run (and are ready, unless told otherwise); pods that are to go, go. */
async function actAsKubelets({ client, clock, kubelets }: Cluster): Promise<void> {
  if (kubelets === 'gone') return;
  for (const pod of (await client.list(pods)).items) {
    if (isBeingDeleted(pod)) await client.delete(pods, pod.metadata, { gracePeriodSeconds: 0 });
    else if (pod.spec.nodeName && pod.status.phase === 'Pending') await run(client, clock, pod, kubelets === 'ready');
    else if (kubelets === 'ready' && pod.status.phase === 'Running' && !isReady(pod)) await run(client, clock, pod, true);
  }
}

const isReady = (pod: Pod) => pod.status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True');
let addresses = 0;

async function run(client: Client, clock: Clock, pod: Pod, ready: boolean): Promise<void> {
  const lastTransitionTime = new Date(clock.now()).toISOString();
  const condition = { type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime };
  const podIP = pod.status.podIP ?? `10.244.0.${(addresses++ % 250) + 2}`;
  const status = { phase: 'Running', podIP, podIPs: [{ ip: podIP }], conditions: [condition] };
  await client.patch(pods, pod.metadata, 'application/strategic-merge-patch+json', { status }, 'status');
}
