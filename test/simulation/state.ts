// The end state of a simulation as text: what was asked for and what there is, without what differs from run to run (names made up, times).
import { controllerOf, isBeingDeleted, type KubeObject } from '../../src/apimachinery/object.js';
import type { Informers } from '../../src/client/informer.js';
import { daemonSets } from '../../src/kinds/apps/daemonset.js';
import { deployments } from '../../src/kinds/apps/deployment.js';
import { replicaSets } from '../../src/kinds/apps/replicaset.js';
import { statefulSets } from '../../src/kinds/apps/statefulset.js';
import { jobs } from '../../src/kinds/batch/job.js';
import { configMaps } from '../../src/kinds/core/configmap.js';
import { endpoints } from '../../src/kinds/core/endpoints.js';
import { namespaces } from '../../src/kinds/core/namespace.js';
import { nodes } from '../../src/kinds/core/node.js';
import { pods } from '../../src/kinds/core/pod.js';
import { serviceAccounts } from '../../src/kinds/core/serviceaccount.js';
import type { AnyKind } from '../../src/kinds/define.js';
import { endpointSlices } from '../../src/kinds/discovery/endpointslice.js';

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
];

export function stateOf(informers: Informers): readonly string[] {
  const lines: string[] = [];
  const all = <T extends KubeObject>(kind: AnyKind) => informers.of(kind).list() as unknown as readonly T[];
  const put = (object: KubeObject, facts: object) => {
    const { namespace = '', name } = object.metadata;
    lines.push(`${object.kind} ${namespace}/${name} ${JSON.stringify({ ...facts, ...(isBeingDeleted(object) && { going: true }) })}`);
  };
  for (const job of informers.of(jobs).list()) {
    // A program may be started twice, as Kubernetes says, where the manager could not know of the first: what counts is that enough succeeded.
    const succeeded = Math.min(job.status.succeeded ?? 0, job.spec.completions ?? 1);
    put(job, workload({ ...job, status: { ...job.status, succeeded } }));
  }
  for (const kind of [deployments, statefulSets, daemonSets]) {
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
  for (const kind of [namespaces, configMaps, serviceAccounts]) for (const object of all(kind)) put(object, {});
  for (const node of informers.of(nodes).list())
    put(node, { taints: node.spec.taints?.map(({ key, effect }) => `${key}:${effect}`).sort() });
  return lines.sort();
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
  const conditions = (fields.conditions ?? []).map(({ type, status, reason }) => `${type}=${status} ${reason ?? ''}`).sort();
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
