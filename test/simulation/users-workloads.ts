// What users do to workloads in a simulation: make, scale, roll and delete them, also so that their pods stay, with budgets, autoscalers,
// claims, and pods of their own that look as if they were a workload's.
import { isStatus } from '../../src/apimachinery/status.js';
import type { Client } from '../../src/client/client.js';
import { daemonSets } from '../../src/kinds/apps/daemonset.js';
import { deployments } from '../../src/kinds/apps/deployment.js';
import { replicaSets } from '../../src/kinds/apps/replicaset.js';
import { statefulSets } from '../../src/kinds/apps/statefulset.js';
import { horizontalPodAutoscalers } from '../../src/kinds/autoscaling/horizontalpodautoscaler.js';
import { configMaps } from '../../src/kinds/core/configmap.js';
import { pods } from '../../src/kinds/core/pod.js';
import { replicationControllers } from '../../src/kinds/core/replicationcontroller.js';
import { services } from '../../src/kinds/core/service.js';
import type { AnyKind } from '../../src/kinds/define.js';
import { podDisruptionBudgets } from '../../src/kinds/policy/poddisruptionbudget.js';
import type { Seeded } from './clock.js';
import { ANNOTATION_LOAD, REQUEST_milli, UTILIZATION } from './metrics.js';
import { LABEL_OWN, type Planner, type Target } from './users.js';

const MERGE = 'application/merge-patch+json';

export const template = (app: string, image: string, more: object = {}) => ({
  metadata: { labels: { app } },
  spec: { containers: [container(image)], ...more },
});

export const container = (image: string) => ({ name: 'main', image, resources: { requests: { cpu: `${REQUEST_milli}m` } } });

interface Workload {
  readonly kind: AnyKind;
  readonly spec: (random: Seeded) => object;
  readonly scales: boolean;
  readonly rolls: boolean;
}

/** Kinds whose objects run pods until they are told to end, and what an edit of one may be. */
export const WORKLOADS: readonly Workload[] = [
  { kind: deployments, spec: (random) => ({ strategy: random.chance(0.3) ? { type: 'Recreate' } : undefined }), scales: true, rolls: true },
  { kind: replicaSets, spec: () => ({}), scales: true, rolls: false },
  { kind: replicationControllers, spec: () => ({}), scales: true, rolls: false },
  { kind: statefulSets, spec: statefulSpec, scales: true, rolls: true },
  { kind: daemonSets, spec: () => ({}), scales: false, rolls: true },
];

function statefulSpec(random: Seeded): object {
  const policy = () => (random.chance(0.5) ? 'Delete' : 'Retain');
  const claims = {
    volumeClaimTemplates: [
      { metadata: { name: 'data' }, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } },
    ],
    persistentVolumeClaimRetentionPolicy: { whenDeleted: policy(), whenScaled: policy() },
  };
  const podManagementPolicy = random.chance(0.5) ? 'Parallel' : 'OrderedReady';
  return { serviceName: 'none', podManagementPolicy, ...(random.chance(0.5) && claims) };
}

/** True: it has volumes. */
export function planWorkload(planner: Planner, workload: Workload, target: Target): boolean {
  const { random, busy_ms, add, between, endOf } = planner;
  const { kind, scales, rolls } = workload;
  const { namespace, name } = target;
  const made_ms = between(busy_ms / 4, busy_ms / 2);
  const end_ms = endOf(namespace);
  const of = `${kind.singular} ${namespace}/${name}`;
  const autoscaled = scales && random.chance(0.25);
  const replicas = autoscaled ? 1 + random.below(5) : random.below(6);
  const { matchLabels, spec } = specOf(workload, name, random);
  const draft = { metadata: { namespace, name }, spec: { ...spec, ...(scales && { replicas }) } } as never;
  add(made_ms, `make ${of} of ${replicas}`, ({ client }) => client.create(kind, draft));
  planBeside(planner, target, made_ms);
  if (autoscaled) planAutoscaler(planner, kind, target, made_ms);
  let edited_ms = made_ms;
  for (let edits = random.below(4); edits > 0; edits--) {
    const at_ms = between(made_ms, end_ms);
    edited_ms = Math.max(edited_ms, at_ms);
    const change = (what: string, body: object) =>
      add(at_ms, `${what} ${of}`, ({ client }) => client.patch(kind, target, MERGE, { spec: body }));
    if (scales && !autoscaled && (!rolls || random.chance(0.5))) {
      const to = random.below(8);
      change(`scale to ${to}`, { replicas: to });
    } else if (rolls) {
      const image = `runs:${2 + random.below(3)}`;
      change(`roll to ${image}`, { template: { spec: { containers: [container(image)] } } });
    }
  }
  const fate = random.below(10);
  if (fate < 3 && !autoscaled) planLookalikes(planner, target, matchLabels, kind);
  if (fate === 3 || fate === 4) {
    const propagationPolicy = random.chance(0.5) ? 'Foreground' : 'Background';
    add(between(made_ms + busy_ms / 8, end_ms), `delete ${of} ${propagationPolicy}`, ({ client }) =>
      client.delete(kind, target, { propagationPolicy }),
    );
  }
  if (fate > 6) planOrphans(planner, kind, target, { from_ms: edited_ms, draft });
  return 'volumeClaimTemplates' in spec;
}

function specOf({ kind, spec }: Workload, app: string, random: Seeded) {
  const matchLabels = { app };
  const selector = kind === (replicationControllers as AnyKind) ? matchLabels : { matchLabels };
  return { matchLabels, spec: { selector, ...spec(random), template: template(app, 'runs:1') } };
}

/** Its pods stay, and become those of a new one of the same name, once there can be one. */
function planOrphans(
  { busy_ms, add, between, endOf }: Planner,
  kind: AnyKind,
  target: Target,
  at: { from_ms: number; draft: never },
): void {
  const end_ms = endOf(target.namespace);
  const of = `${kind.singular} ${target.namespace}/${target.name}`;
  const at_ms = between(Math.min(at.from_ms + busy_ms / 16, end_ms), end_ms);
  add(at_ms, `delete ${of} Orphan`, ({ client }) => client.delete(kind, target, { propagationPolicy: 'Orphan' }));
  add(at_ms + between(1, busy_ms / 8), `make ${of} anew`, ({ client }) => createOnce(client, kind, at.draft));
}

/** Again where there is one of that name still, or pods cannot be made yet: no manager has made the namespace's account. */
export async function createOnce(client: Client, kind: AnyKind, draft: never): Promise<'again' | 'made'> {
  try {
    await client.create(kind, draft);
    return 'made';
  } catch (error) {
    if (isStatus(error, 'AlreadyExists') || isStatus(error, 'Forbidden')) return 'again';
    throw error;
  }
}

function planBeside({ random, add }: Planner, target: Target, made_ms: number): void {
  const { namespace, name } = target;
  if (random.chance(0.4)) {
    const spec = { selector: { app: name }, ports: [{ port: 80 }] };
    add(made_ms + 1, `make service ${namespace}/${name}`, ({ client }) => client.create(services, { metadata: target, spec } as never));
  }
  if (!random.chance(0.4)) return;
  const bound = random.chance(0.5) ? { minAvailable: 1 } : { maxUnavailable: 1 };
  const spec = { selector: { matchLabels: { app: name } }, ...bound };
  add(made_ms + 2, `make budget ${namespace}/${name} ${JSON.stringify(bound)}`, ({ client }) =>
    client.create(podDisruptionBudgets, { metadata: target, spec } as never),
  );
}

/** Its pods have a load that so many of them carry, and no fewer or more. */
function planAutoscaler({ random, add }: Planner, { apiVersion, kind, singular }: AnyKind, target: Target, made_ms: number): void {
  const wanted = 2 + random.below(5);
  const load = Math.round((wanted * 0.96 * REQUEST_milli * UTILIZATION) / 100);
  const metric = { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: UTILIZATION } } };
  const scaleTargetRef = { apiVersion, kind, name: target.name };
  const spec = { scaleTargetRef, minReplicas: 1, maxReplicas: 3 + random.below(4), metrics: [metric] };
  const metadata = { ...target, annotations: { [ANNOTATION_LOAD]: String(load) } };
  add(made_ms + 3, `autoscale ${singular} ${target.namespace}/${target.name}: load for ${wanted}`, ({ client }) =>
    client.create(horizontalPodAutoscalers, { metadata, spec } as never),
  );
}

/** Pods of users' own with the labels of a workload's: one that is somebody else's, which stays, and one that is nobody's, which may be adopted. */
function planLookalikes({ random, busy_ms, add, between, endOf }: Planner, target: Target, labels: object, kind: AnyKind): void {
  const { namespace, name } = target;
  // On a node that stays, and there whatever becomes of the node.
  const spec = { nodeName: 'node-0', tolerations: [{ operator: 'Exists' }], containers: [container('runs:1')] };
  const at_ms = between(busy_ms / 4, endOf(namespace));
  if (random.chance(0.5)) {
    const ofOwner = { namespace, name: `owner-of-${name}` };
    add(at_ms, `make configmap ${namespace}/${ofOwner.name}`, ({ client }) => client.create(configMaps, { metadata: ofOwner }));
    add(at_ms + 1, `make a pod of its own with the labels of ${namespace}/${name}`, async ({ client }) => {
      const owner = await client.get(configMaps, ofOwner);
      const ref = { apiVersion: 'v1', kind: 'ConfigMap', name: owner.metadata.name, uid: owner.metadata.uid, controller: true };
      const metadata = { namespace, name: `strange-${name}`, labels: { ...labels, [LABEL_OWN]: 'yes' }, ownerReferences: [ref] };
      return createOnce(client, pods, { metadata, spec } as never);
    });
  }
  const adopts = ([replicaSets, replicationControllers] as readonly AnyKind[]).includes(kind);
  if (adopts && random.chance(0.5)) {
    const metadata = { namespace, name: `free-${name}`, labels };
    add(at_ms + 1, `make a free pod with the labels of ${namespace}/${name}`, ({ client }) =>
      createOnce(client, pods, { metadata, spec } as never),
    );
  }
}
