// A cluster on a simulated clock where nothing goes wrong by chance: one controller manager, nodes, and an object of most kinds to look after.
import { silentLogger as log } from '../../src/apimachinery/logger.js';
import { ApiClient } from '../../src/client/api-client.js';
import type { Client, Transport } from '../../src/client/client.js';
import type { Informers } from '../../src/client/informer.js';
import { createInformers } from '../../src/client/informers.js';
import { runControllers } from '../../src/cluster/managed-controllers.js';
import type { ControllerDefinition } from '../../src/controllers/define.js';
import { controllers } from '../../src/controllers/index.js';
import { daemonSets } from '../../src/kinds/apps/daemonset.js';
import { deployments } from '../../src/kinds/apps/deployment.js';
import { statefulSets } from '../../src/kinds/apps/statefulset.js';
import { horizontalPodAutoscalers } from '../../src/kinds/autoscaling/horizontalpodautoscaler.js';
import { cronJobs } from '../../src/kinds/batch/cronjob.js';
import { jobs } from '../../src/kinds/batch/job.js';
import { endpoints } from '../../src/kinds/core/endpoints.js';
import { namespaces } from '../../src/kinds/core/namespace.js';
import { replicationControllers } from '../../src/kinds/core/replicationcontroller.js';
import { resourceQuotas } from '../../src/kinds/core/resourcequota.js';
import { services } from '../../src/kinds/core/service.js';
import type { AnyKind } from '../../src/kinds/define.js';
import { podDisruptionBudgets } from '../../src/kinds/policy/poddisruptionbudget.js';
import { SimulatedClock, seeded } from './clock.js';
import { openCluster, startSimulatedScheduler, userOf } from './cluster.js';
import { ANNOTATION_LOAD, withMetrics } from './metrics.js';
import { SimulatedNode } from './nodes.js';
import { OBSERVED } from './state.js';
import { template } from './users-workloads.js';

const NODES = 3;
const DAY_ms = 86_400_000;

export interface Lab {
  readonly clock: SimulatedClock;
  readonly client: Client;
  readonly informers: Informers;
  /** Nothing runs, and nothing reports, on the nodes from now on; nobody minds for a day. */
  stopNodes(): void;
  stop(): Promise<void>;
}

export interface LabOptions {
  /** What runs in a controller's place; absent: itself. */
  readonly instead?: (definition: ControllerDefinition) => ControllerDefinition;
  /** How a controller, or the manager (undefined), reaches the API server. */
  readonly through?: (transport: Transport, serviceAccount: string | undefined) => Transport;
}

export async function openLab({ instead = (same) => same, through = (same) => same }: LabOptions): Promise<Lab> {
  const clock = new SimulatedClock();
  const random = (part: string) => seeded(1, part);
  const cluster = await openCluster(clock, random);
  const { server, client, settings } = cluster;
  const informers = createInformers({ client, clock, random: random('informers'), log });
  for (const kind of OBSERVED) informers.of(kind);
  const deps = { client, informers, clock, random: random('nodes') };
  const nodes = Array.from({ length: NODES }, (_, i) => new SimulatedNode(`node-${i}`, i, deps));
  for (const node of nodes) await node.join();
  const clientOf = (name: string | undefined) =>
    new ApiClient(withMetrics(through(server.transport(userOf(name)), name), informers, clock));
  const manager = runControllers({
    client: clientOf(undefined),
    clientOf,
    controllers: controllers.map(instead),
    settings: { ...settings, nodeMonitorGracePeriod_ms: DAY_ms },
    clock,
    random: random('manager'),
    log,
  });
  const scheduler = startSimulatedScheduler(cluster, clock, random('scheduler'));
  return {
    clock,
    client,
    informers,
    stopNodes() {
      for (const node of nodes) node.leave();
    },
    async stop() {
      await manager.stop();
      await scheduler.stop();
      informers.stop();
      await cluster.close();
    },
  };
}

const selected = (app: string, more: object = {}) => ({ selector: { matchLabels: { app } }, template: template(app, 'runs:1'), ...more });
const storage = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };

const OBJECTS: readonly (readonly [AnyKind, string, object])[] = [
  [deployments, 'web', { spec: selected('web', { replicas: 3 }) }],
  [services, 'web', { spec: { selector: { app: 'web' }, ports: [{ port: 80 }] } }],
  [services, 'outside', { spec: { ports: [{ port: 80 }] } }],
  [endpoints, 'outside', { subsets: [{ addresses: [{ ip: '192.0.2.1' }], ports: [{ port: 80 }] }] }],
  [podDisruptionBudgets, 'web', { spec: { maxUnavailable: 1, selector: { matchLabels: { app: 'web' } } } }],
  [
    statefulSets,
    'db',
    { spec: selected('db', { replicas: 2, serviceName: 'db', volumeClaimTemplates: [{ metadata: { name: 'data' }, spec: storage }] }) },
  ],
  [daemonSets, 'agent', { spec: selected('agent') }],
  [replicationControllers, 'old', { spec: { replicas: 1, selector: { app: 'old' }, template: template('old', 'runs:1') } }],
  [deployments, 'scaled', { spec: selected('scaled') }],
  [horizontalPodAutoscalers, 'scaled', autoscaler()],
  [jobs, 'once', { spec: { ttlSecondsAfterFinished: 100_000, template: template('once', 'succeeds', { restartPolicy: 'Never' }) } }],
  [
    cronJobs,
    'suspended',
    {
      spec: {
        schedule: '* * * * *',
        suspend: true,
        jobTemplate: { spec: { template: template('cron', 'succeeds', { restartPolicy: 'Never' }) } },
      },
    },
  ],
  [resourceQuotas, 'pods', { spec: { hard: { pods: '100' } } }],
];

function autoscaler(): object {
  const metric = { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } } };
  const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'scaled' };
  return { metadata: { annotations: { [ANNOTATION_LOAD]: '77' } }, spec: { scaleTargetRef, maxReplicas: 3, metrics: [metric] } };
}

/** A namespace with an object of most kinds that controllers look after. */
export async function fill(client: Client, namespace: string): Promise<void> {
  await client.create(namespaces, { metadata: { name: namespace } });
  for (const [kind, name, object] of OBJECTS) {
    const { metadata, ...rest } = object as { readonly metadata?: object };
    await client.create(kind, { ...rest, metadata: { ...metadata, name, ...(kind.namespaced && { namespace }) } } as never);
  }
}
