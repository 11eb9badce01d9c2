// Watches PodDisruptionBudgets, their pods and what owns these; keeps each budget's status: how many pods may go now.
import { isDeepStrictEqual } from 'node:util';
import { rfc3339 } from '../apimachinery/clock.js';
import { selectorOf } from '../apimachinery/labels.js';
import { controllerOf, isBeingDeleted, type KubeObject, objectKey, parseKey } from '../apimachinery/object.js';
import { deployments } from '../kinds/apps/deployment.js';
import { replicaSets } from '../kinds/apps/replicaset.js';
import { statefulSets } from '../kinds/apps/statefulset.js';
import { pods } from '../kinds/core/pod.js';
import { isPodReady } from '../kinds/core/podutil.js';
import { replicationControllers } from '../kinds/core/replicationcontroller.js';
import type { AnyKind, Lister } from '../kinds/define.js';
import { podDisruptionBudgets } from '../kinds/policy/poddisruptionbudget.js';
import type { Pod } from '../kinds/types/core_v1.js';
import type { PodDisruptionBudget, PodDisruptionBudgetStatus } from '../kinds/types/policy_v1.js';
import { defineController, type ReconcileContext } from './define.js';

/** An eviction that was granted and has not led to a deletion by then is taken for lost: upstream's. */
const DELETION_TIMEOUT_MS = 120_000;
const SCALED: readonly AnyKind[] = [replicaSets, replicationControllers, statefulSets];

export const disruption = defineController({
  name: 'disruption',
  inputs: [
    podDisruptionBudgets,
    pods.mapped((pod, lister) => budgetsOf(pod, lister)),
    ...[deployments, ...SCALED].map((kind) =>
      kind.mapped((object: KubeObject, lister: Lister) => budgetsIn(object.metadata.namespace, lister)),
    ),
  ],
  outputs: [podDisruptionBudgets.status],
  async reconcile(key, context) {
    const budget = context.get(podDisruptionBudgets, parseKey(key));
    if (!budget) return;
    const { status, recheck_ms } = statusOf(context, budget);
    if (!isDeepStrictEqual(status, budget.status)) await context.client.update(podDisruptionBudgets, { ...budget, status }, 'status');
    return recheck_ms === undefined ? undefined : { requeueAfter_ms: recheck_ms };
  },
});

const budgetsIn = (namespace: string | undefined, lister: Lister) => lister.list(podDisruptionBudgets, namespace).map(objectKey);

const budgetsOf = (pod: Pod, lister: Lister) =>
  lister
    .list(podDisruptionBudgets, pod.metadata.namespace)
    .filter(({ spec }) => selectorOf(spec.selector).matches(pod.metadata.labels))
    .map(objectKey);

function statusOf(
  context: ReconcileContext,
  budget: PodDisruptionBudget,
): { status: PodDisruptionBudgetStatus; recheck_ms: number | undefined } {
  const now_ms = context.clock.now();
  const selector = selectorOf(budget.spec.selector);
  const own = context.list(pods, budget.metadata.namespace).filter(({ metadata, status }) => {
    return selector.matches(metadata.labels) && status.phase !== 'Succeeded' && status.phase !== 'Failed';
  });
  const disrupted = disruptedPods(budget, own, now_ms);
  const { expectedPods, desiredHealthy } = wanted(context, budget, own);
  const currentHealthy = own.filter((pod) => isPodReady(pod) && !isBeingDeleted(pod) && disrupted[pod.metadata.name] === undefined).length;
  const disruptionsAllowed = expectedPods > 0 ? Math.max(0, currentHealthy - desiredHealthy) : 0;
  const [oldest] = Object.values(disrupted)
    .map((time) => Date.parse(time))
    .sort((a, b) => a - b);
  return {
    status: {
      observedGeneration: budget.metadata.generation ?? 0,
      ...(Object.keys(disrupted).length > 0 ? { disruptedPods: disrupted } : {}),
      disruptionsAllowed,
      currentHealthy,
      desiredHealthy,
      expectedPods,
      conditions: [condition(budget, disruptionsAllowed > 0, now_ms)],
    },
    recheck_ms: oldest === undefined ? undefined : Math.max(0, oldest + DELETION_TIMEOUT_MS - now_ms),
  };
}

/** Evictions that were granted and are still to be seen through. */
function disruptedPods({ status }: PodDisruptionBudget, own: readonly Pod[], now_ms: number): { [pod: string]: string } {
  const entries = Object.entries(status.disruptedPods ?? {}).filter(([name, time]) => {
    const pod = own.find(({ metadata }) => metadata.name === name);
    return pod && !isBeingDeleted(pod) && Date.parse(time) + DELETION_TIMEOUT_MS > now_ms;
  });
  return Object.fromEntries(entries);
}

function wanted(
  context: ReconcileContext,
  { spec }: PodDisruptionBudget,
  own: readonly Pod[],
): { expectedPods: number; desiredHealthy: number } {
  const { minAvailable, maxUnavailable } = spec;
  // A plain number of pods needs nobody who says how many there should be.
  if (typeof minAvailable === 'number') return { expectedPods: own.length, desiredHealthy: minAvailable };
  const expectedPods = expectedOf(context, own);
  if (minAvailable !== undefined) return { expectedPods, desiredHealthy: share(minAvailable, expectedPods) };
  return { expectedPods, desiredHealthy: Math.max(0, expectedPods - share(maxUnavailable ?? 0, expectedPods)) };
}

function share(value: number | string, total: number): number {
  return typeof value === 'number' ? value : Math.ceil((Number.parseInt(value, 10) * total) / 100);
}

/** As many as the owners of the pods should have; a pod without such an owner counts for nothing. */
function expectedOf(context: ReconcileContext, own: readonly Pod[]): number {
  const replicas = new Map<string, number>();
  for (const pod of own) {
    const owner = ownerOf(context, pod);
    if (owner) replicas.set(owner.metadata.uid!, (owner as KubeObject & { spec: { replicas?: number } }).spec.replicas ?? 1);
  }
  return [...replicas.values()].reduce((sum, count) => sum + count, 0);
}

function ownerOf(context: ReconcileContext, pod: KubeObject): KubeObject | undefined {
  const ref = controllerOf(pod);
  const kind = ref && SCALED.find((each) => each.kind === ref.kind && each.apiVersion === ref.apiVersion);
  const owner = kind && context.get<KubeObject>(kind, { namespace: pod.metadata.namespace, name: ref.name });
  if (!owner || owner.metadata.uid !== ref!.uid) return undefined;
  const above = controllerOf(owner);
  if (above?.kind !== deployments.kind) return owner;
  return context.get(deployments, { namespace: pod.metadata.namespace, name: above.name }) ?? owner;
}

function condition({ metadata, status }: PodDisruptionBudget, allowed: boolean, now_ms: number) {
  const known = status.conditions?.find(({ type }) => type === 'DisruptionAllowed');
  const value = allowed ? 'True' : 'False';
  return {
    type: 'DisruptionAllowed',
    status: value,
    observedGeneration: metadata.generation ?? 0,
    lastTransitionTime: known?.status === value ? known.lastTransitionTime : rfc3339(now_ms),
    reason: allowed ? 'SufficientPods' : 'InsufficientPods',
    message: '',
  };
}
