// The end state of a simulation as text: what was asked for and what there is, without what differs from run to run (names made up, times).
import { controllerOf, isBeingDeleted, type KubeObject } from '../../src/apimachinery/object.js';
import type { OwnerReference } from '../../src/apimachinery/types/meta_v1.js';
import type { Informers } from '../../src/client/informer.js';
import { isFinished } from '../../src/controllers/job-outcome.js';
import { daemonSets } from '../../src/kinds/apps/daemonset.js';
import { deployments } from '../../src/kinds/apps/deployment.js';
import { replicaSets } from '../../src/kinds/apps/replicaset.js';
import { statefulSets } from '../../src/kinds/apps/statefulset.js';
import { horizontalPodAutoscalers } from '../../src/kinds/autoscaling/horizontalpodautoscaler.js';
import { cronJobs } from '../../src/kinds/batch/cronjob.js';
import { jobs } from '../../src/kinds/batch/job.js';
import { certificateSigningRequests } from '../../src/kinds/certificates/certificatesigningrequest.js';
import { configMaps } from '../../src/kinds/core/configmap.js';
import { endpoints } from '../../src/kinds/core/endpoints.js';
import { namespaces } from '../../src/kinds/core/namespace.js';
import { nodes } from '../../src/kinds/core/node.js';
import { persistentVolumes } from '../../src/kinds/core/persistentvolume.js';
import { persistentVolumeClaims } from '../../src/kinds/core/persistentvolumeclaim.js';
import { pods } from '../../src/kinds/core/pod.js';
import { claimNamesOf } from '../../src/kinds/core/pod-claims.js';
import { replicationControllers } from '../../src/kinds/core/replicationcontroller.js';
import { resourceQuotas } from '../../src/kinds/core/resourcequota.js';
import { secrets } from '../../src/kinds/core/secret.js';
import { services } from '../../src/kinds/core/service.js';
import { serviceAccounts } from '../../src/kinds/core/serviceaccount.js';
import type { AnyKind } from '../../src/kinds/define.js';
import { endpointSlices } from '../../src/kinds/discovery/endpointslice.js';
import { podDisruptionBudgets } from '../../src/kinds/policy/poddisruptionbudget.js';
import { clusterRoles } from '../../src/kinds/rbac/clusterrole.js';
import { widgets } from './users-objects.js';

export const OBSERVED: readonly AnyKind[] = [
  deployments,
  replicaSets,
  statefulSets,
  daemonSets,
  jobs,
  configMaps,
  endpoints,
  namespaces,
  nodes,
  pods,
  serviceAccounts,
  endpointSlices,
  replicationControllers,
  cronJobs,
  horizontalPodAutoscalers,
  podDisruptionBudgets,
  persistentVolumes,
  persistentVolumeClaims,
  secrets,
  services,
  resourceQuotas,
  clusterRoles,
  certificateSigningRequests,
  widgets,
];

export function stateOf(informers: Informers): readonly string[] {
  const lines: string[] = [];
  const all = <T extends KubeObject>(kind: AnyKind) => informers.of(kind).list() as unknown as readonly T[];
  const put = (object: KubeObject, facts: object) => {
    const { namespace = '', name } = object.metadata;
    lines.push(`${object.kind} ${namespace}/${name} ${JSON.stringify({ ...facts, ...(isBeingDeleted(object) && { going: true }) })}`);
  };
  for (const job of informers.of(jobs).list()) {
    // How many times of its schedule a CronJob met depends on what happened; what it began must end.
    if (controllerOf(job)) {
      if (!job.status.completionTime) put(job, { unfinished: true });
      continue;
    }
    // A program may be started twice, as Kubernetes says, where the manager could not know of the first: what counts is that enough succeeded.
    const succeeded = Math.min(job.status.succeeded ?? 0, job.spec.successPolicy ? 1 : (job.spec.completions ?? 1));
    // stateBeside tells of those that are to go when they are over.
    if (!isFinished(job) || job.spec.ttlSecondsAfterFinished === undefined)
      put(job, workload({ ...job, status: { ...job.status, succeeded } }));
  }
  for (const kind of [deployments, statefulSets, daemonSets, replicationControllers]) {
    for (const object of all<{ status: object } & KubeObject>(kind)) put(object, workload(object));
  }
  for (const set of informers.of(replicaSets).list()) {
    // Old ones are kept as history, and how many there are depends on how often the controller looked.
    if ((set.spec.replicas ?? 1) > 0 || !controllerOf(set)) put(set, { ...workload(set), replicas: set.spec.replicas });
  }
  const counts = new Map<string, number>();
  for (const pod of informers.of(pods).list()) {
    const owner = controllerOf(pod);
    const named = owner?.kind === 'StatefulSet' ? pod.metadata.name : '';
    const on = owner?.kind === 'DaemonSet' ? pod.spec.nodeName : '';
    const ready = pod.status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True');
    const line = ['pods of', pod.metadata.namespace, owner?.kind, owner?.name, named, on, pod.spec.containers[0]!.image, pod.status.phase];
    // How many tries a job needed depends on what happened.
    if (owner?.kind === 'Job' && pod.status.phase !== 'Running' && pod.status.phase !== 'Pending') continue;
    const key = [...line, ready ? 'ready' : 'unready', isBeingDeleted(pod) ? 'going' : ''].join(' ');
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  for (const [key, count] of counts) lines.push(`${key}: ${count}`);
  const addresses = new Map<string, number>();
  for (const slice of informers.of(endpointSlices).list()) {
    const key = `${slice.metadata.namespace}/${slice.metadata.labels?.['kubernetes.io/service-name']}`;
    addresses.set(key, (addresses.get(key) ?? 0) + slice.endpoints.filter(({ conditions }) => conditions?.ready !== false).length);
  }
  for (const [key, count] of addresses) lines.push(`slices of ${key}: ${count}`);
  for (const each of informers.of(endpoints).list())
    put(each, { ready: (each.subsets ?? []).flatMap(({ addresses = [] }) => addresses).length });
  for (const kind of [namespaces, configMaps, serviceAccounts, widgets]) {
    for (const object of all(kind))
      put(object, { owners: (object.metadata.ownerReferences ?? []).map(({ name }: OwnerReference) => name) });
  }
  for (const node of informers.of(nodes).list())
    put(node, { taints: node.spec.taints?.map(({ key, effect }) => `${key}:${effect}`).sort(), cidrs: node.spec.podCIDRs?.length });
  for (const { metadata, spec, status } of informers.of(cronJobs).list())
    lines.push(`CronJob ${metadata.namespace}/${metadata.name} suspended ${spec.suspend}, runs ${status.active?.length ?? 0}`);
  for (const { metadata, status } of informers.of(horizontalPodAutoscalers).list()) {
    // Of what has gone it says what it saw last, if anything.
    const isLost = status.conditions?.some(({ type, status }) => type === 'AbleToScale' && status === 'False');
    const counts = isLost ? 'of nothing' : `of ${status.currentReplicas} to ${status.desiredReplicas}`;
    lines.push(`autoscaler ${metadata.namespace}/${metadata.name} ${counts}`);
  }
  for (const { metadata, status } of informers.of(podDisruptionBudgets).list()) {
    const { currentHealthy, desiredHealthy, disruptionsAllowed, expectedPods, conditions } = status;
    // Where a pod is of nobody who says how many there should be, it says what it saw last.
    const isKnown = conditions?.every(({ reason }) => reason !== 'SyncFailed');
    const counts = isKnown ? [currentHealthy, desiredHealthy, disruptionsAllowed, expectedPods] : 'unknown';
    lines.push(`budget ${metadata.namespace}/${metadata.name} ${counts}`);
  }
  lines.push(...volumesOf(informers), ...leftBehind(informers));
  return lines.sort();
}

const sizeOf = (part: { readonly capacity?: object } | undefined) => JSON.stringify(part?.capacity);

/** The claims of the pods that there are; which others there are depends on which pods there ever were. */
function volumesOf(informers: Informers): readonly string[] {
  const lines = informers
    .of(pods)
    .list()
    .flatMap((pod) =>
      claimNamesOf(pod).map((name) => {
        const claim = informers.of(persistentVolumeClaims).get({ namespace: pod.metadata.namespace, name });
        const volume = claim && informers.of(persistentVolumes).get({ name: claim.spec.volumeName ?? '' });
        return `claim ${pod.metadata.namespace}/${name} ${claim?.status.phase} ${sizeOf(claim?.status)}, its volume ${volume?.status.phase} ${sizeOf(volume?.spec)}`;
      }),
    );
  const claims = new Set(
    informers
      .of(persistentVolumeClaims)
      .list()
      .map(({ metadata }) => metadata.uid),
  );
  for (const { metadata, spec } of informers.of(persistentVolumes).list())
    if (!claims.has(spec.claimRef?.uid ?? '')) lines.push(`volume ${metadata.name} outlives its claim`);
  return lines;
}

/** What has outlived all its owners. */
function leftBehind(informers: Informers): readonly string[] {
  const uids = new Set(
    OBSERVED.flatMap((kind) =>
      informers
        .of(kind)
        .list()
        .map(({ metadata }) => metadata.uid),
    ),
  );
  const observed = new Set(OBSERVED.map(({ kind }) => kind));
  const lost = ({ kind, uid }: { readonly kind: string; readonly uid: string }) => observed.has(kind) && !uids.has(uid);
  return OBSERVED.flatMap((kind) => informers.of(kind).list()).flatMap(({ kind, metadata }) => {
    const { ownerReferences = [], namespace, name } = metadata;
    return ownerReferences.length > 0 && ownerReferences.every(lost) ? [`${kind} ${namespace}/${name} outlives its owners`] : [];
  });
}

const COUNTS = [
  'replicas',
  'readyReplicas',
  'availableReplicas',
  'updatedReplicas',
  'unavailableReplicas',
  'currentReplicas',
  'desiredNumberScheduled',
  'currentNumberScheduled',
  'updatedNumberScheduled',
  'numberReady',
  'numberAvailable',
  'numberMisscheduled',
  'succeeded',
  'active',
  'ready',
];

function workload({ status }: KubeObject & { readonly status: object }): object {
  const fields = status as { readonly [name: string]: unknown } & {
    readonly conditions?: readonly { type: string; status: string; reason?: string }[];
  };
  const counts = COUNTS.filter((name) => fields[name] !== undefined && fields[name] !== 0).map((name) => [name, fields[name]]);
  // That it was suspended once, or goes on, a manager may have missed.
  const lasting = (fields.conditions ?? []).filter(({ type }) => type !== 'Suspended');
  const conditions = lasting.map(({ type, status, reason }) => `${type}=${status} ${reason ?? ''}`).sort();
  return { ...Object.fromEntries(counts), conditions };
}

/** The lines that only one of them has, marked as in a diff. */
export function difference(expected: readonly string[], actual: readonly string[]): readonly string[] {
  const [wanted, there] = [new Set(expected), new Set(actual)];
  return [
    ...expected.filter((line) => !there.has(line)).map((line) => `- ${line}`),
    ...actual.filter((line) => !wanted.has(line)).map((line) => `+ ${line}`),
  ];
}
