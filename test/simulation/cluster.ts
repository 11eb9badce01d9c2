// The cluster that every simulation begins with: made once, by the API server and the controllers themselves, and copied into each run's store.
import { silentLogger } from '../../src/apimachinery/logger.js';
import { reconcileDefaultPolicy } from '../../src/apiserver/authorization/default-policy.js';
import { type ApiServer, createApiServer } from '../../src/apiserver/index.js';
import { ApiClient } from '../../src/client/api-client.js';
import { makeAuthority, makeKey } from '../../src/client/certificates.js';
import { createEventRecorder } from '../../src/client/event-recorder.js';
import { createInformers } from '../../src/client/informers.js';
import { serviceAccountGroups, serviceAccountUser } from '../../src/client/jwt.js';
import { CONTROLLER_MANAGER, componentClient, SCHEDULER } from '../../src/cluster/component-clients.js';
import { ensureLocalPathClass } from '../../src/cluster/default-storage-class.js';
import { runControllers } from '../../src/cluster/managed-controllers.js';
import { DEFAULT_OPTIONS } from '../../src/controllers/default-options.js';
import { controllers } from '../../src/controllers/index.js';
import type { Backend, KeyValue } from '../../src/etcd/backend.js';
import { createMemoryBackend } from '../../src/etcd/memory.js';
import { customResourceDefinitions } from '../../src/kinds/apiextensions/customresourcedefinition.js';
import { namespaces } from '../../src/kinds/core/namespace.js';
import { GROUP_MASTERS, NAMESPACE_NODE_LEASE, NAMESPACE_SYSTEM } from '../../src/kinds/wellknown.js';
import { startScheduler } from '../../src/scheduler/scheduler.js';
import { type Seeded, SimulatedClock, START_ms, seeded } from './clock.js';
import { prepareRequests } from './users-access.js';
import { WIDGETS_DEFINITION } from './users-objects.js';

const NAMESPACES = ['default', NAMESPACE_SYSTEM, 'kube-public', NAMESPACE_NODE_LEASE];
/** By then the controllers have made all that an empty cluster has. */
const SETUP_ms = 60_000;
/** A transaction takes no more operations: etcd's limit. */
const OPERATIONS_MAX = 128;
const YEAR_ms = 365 * 86_400_000;

const SETTINGS = {
  ...DEFAULT_OPTIONS,
  nodeMonitorPeriod_ms: 10_000,
  nodeMonitorGracePeriod_ms: 50_000,
  rootCa: 'the authority',
};

export interface Cluster {
  readonly settings: Settings;
  readonly backend: Backend;
  readonly server: ApiServer;
  /** The administrator's. */
  readonly client: ApiClient;
  close(): Promise<void>;
}

type Settings = Awaited<ReturnType<typeof makeSettings>>;
let prepared: Promise<{ readonly settings: Settings; readonly contents: readonly KeyValue[] }> | undefined;

export async function openCluster(clock: SimulatedClock, random: (part: string) => Seeded): Promise<Cluster> {
  prepared ??= prepare();
  const { settings, contents } = await prepared;
  return { settings, ...(await open(clock, random, contents)) };
}

async function makeSettings(now_ms: number) {
  const key = makeKey();
  const authority = { commonName: 'simulation', key, now_ms, validFor_ms: YEAR_ms, random: seeded(0, 'authority') };
  return { ...SETTINGS, clusterSigningCert: await makeAuthority(authority), clusterSigningKey: key, serviceAccountPrivateKey: key };
}

/** The user that writes for a controller, as the control plane names it. */
export const userOf = (serviceAccount: string | undefined) =>
  serviceAccount
    ? { name: serviceAccountUser(NAMESPACE_SYSTEM, serviceAccount), groups: serviceAccountGroups(NAMESPACE_SYSTEM) }
    : CONTROLLER_MANAGER;

/** With caches of its own. */
export function startSimulatedScheduler({ server }: Cluster, clock: SimulatedClock, random: Seeded): { stop(): Promise<void> } {
  const deps = { client: componentClient(server, SCHEDULER), clock, random, log: silentLogger };
  const informers = createInformers(deps);
  const scheduler = startScheduler({ ...deps, informers, events: (component) => createEventRecorder({ ...deps, component }) });
  return {
    stop() {
      informers.stop();
      return scheduler.stop();
    },
  };
}

async function open(
  clock: SimulatedClock,
  random: (part: string) => Seeded,
  contents: readonly KeyValue[],
): Promise<Omit<Cluster, 'settings'>> {
  const backend = await createMemoryBackend({ clock, random: random('store') });
  for (let i = 0; i < contents.length; i += OPERATIONS_MAX) {
    const success = contents.slice(i, i + OPERATIONS_MAX).map(({ key, value }) => ({ type: 'put' as const, key, value }));
    await backend.txn({ compare: [], success, failure: [] });
  }
  const server = await createApiServer({
    backend,
    clock,
    random: random('server'),
    log: silentLogger,
    tls: { cert: '', key: '', clientCa: '' },
    bind: { address: '127.0.0.1', port: 0 },
    serviceCidr: '10.96.0.0/12',
    nodePorts: { min: 30000, max: 32767 },
    advertiseAddress: '127.0.0.1',
    kubeletClient: { cert: '', key: '', ca: '' },
  });
  await server.serveDefined();
  const client = new ApiClient(server.transport({ name: 'admin', groups: [GROUP_MASTERS] }));
  const close = async () => {
    await server.close();
    await backend.close();
  };
  return { backend, server, client, close };
}

async function prepare() {
  // What is loaded when first used takes real time then.
  await import('jose');
  await prepareRequests();
  const settings = await makeSettings(START_ms - 2 * SETUP_ms);
  const clock = new SimulatedClock(START_ms - 2 * SETUP_ms);
  const random = (part: string) => seeded(0, part);
  const { server, client, backend, close } = await open(clock, random, []);
  for (const name of NAMESPACES) await client.create(namespaces, { metadata: { name } });
  await reconcileDefaultPolicy(client);
  await ensureLocalPathClass(client);
  await client.create(customResourceDefinitions, WIDGETS_DEFINITION as never);
  const clientOf = (name: string | undefined) => new ApiClient(server.transport(userOf(name)));
  const manager = runControllers({
    client: clientOf(undefined),
    clientOf,
    controllers,
    settings,
    clock,
    random: random('manager'),
    log: silentLogger,
  });
  await clock.advance(SETUP_ms);
  await manager.stop();
  const { kvs } = await backend.range({ key: '\0', rangeEnd: '\0' });
  await close();
  // Events, and what an API server says of itself, go with their leases.
  return { settings, contents: kvs.filter(({ lease }) => lease === 0n) };
}
