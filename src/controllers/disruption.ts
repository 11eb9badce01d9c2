// Watches PodDisruptionBudgets, their pods and what owns these; keeps each budget's status: how many pods may go now.
import { isDeepStrictEqual } from 'node:util';
import { rfc3339 } from '../apimachinery/clock.js';
import { selectorOf } from '../apimachinery/labels.js';
import { isBeingDeleted, type KubeObject, objectKey, parseKey } from '../apimachinery/object.js';
import { customResourceDefinitions } from '../kinds/apiextensions/customresourcedefinition.js';
import { pods } from '../kinds/core/pod.js';
import { isPodReady } from '../kinds/core/podutil.js';
import type { Lister } from '../kinds/define.js';
import { podDisruptionBudgets } from '../kinds/policy/poddisruptionbudget.js';
import type { Pod } from '../kinds/types/core_v1.js';
import type { PodDisruptionBudget, PodDisruptionBudgetStatus } from '../kinds/types/policy_v1.js';
import { defineController, type ReconcileContext } from './define.js';
import { SCALED, UnknownScale, type Wanted, wantedOf } from './disruption-scale.js';

/** An eviction that was granted and has not led to a deletion by then is taken for lost: upstream's. */
const DELETION_TIMEOUT_MS = 120_000;
const UNMANAGED =
  'to be unmanaged. As a result, the status of the PDB cannot be calculated correctly, which may result in undefined behavior. ' +
  'To account for these pods please set ".spec.minAvailable" field of the PDB to an integer value.';

export const disruption = defineController({
  name: 'disruption',
  eventSource: 'controllermanager',
  inputs: [
    podDisruptionBudgets,
    pods.mapped((pod, lister) => budgetsOf(pod, lister)),
    // To know the kinds of owners that are defined at run time.
    customResourceDefinitions.mapped(() => []),
    ...SCALED.map((kind) => kind.mapped((object: KubeObject, lister: Lister) => budgetsIn(object.metadata.namespace, lister))),
  ],
  outputs: [podDisruptionBudgets.status],
  async reconcile(key, context) {
    const budget = context.get(podDisruptionBudgets, parseKey(key));
    if (!budget) return;
    const selector = selectorOf(budget.spec.selector);
    const own = context.list(pods, budget.metadata.namespace).filter(({ metadata }) => selector.matches(metadata.labels));
    const wanted = await wantedOrFailure(context, budget, own);
    tell(context, budget, own, wanted);
    const { status, recheck_ms } =
      wanted instanceof UnknownScale ? failedStatus(context, budget, wanted) : statusOf(context, budget, own, wanted);
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

async function wantedOrFailure(
  context: ReconcileContext,
  budget: PodDisruptionBudget,
  own: readonly Pod[],
): Promise<Wanted | UnknownScale> {
  try {
    return await wantedOf(context, budget, own);
  } catch (error) {
    if (error instanceof UnknownScale) return error;
    throw error;
  }
}

function tell({ events }: ReconcileContext, budget: PodDisruptionBudget, own: readonly Pod[], wanted: Wanted | UnknownScale): void {
  if (own.length === 0) events.event(budget, 'Normal', 'NoPods', 'No matching pods found');
  if (wanted instanceof UnknownScale) {
    const why = `Failed to calculate the number of expected pods: ${wanted.message}`;
    events.event(budget, 'Warning', 'CalculateExpectedPodCountFailed', why);
  } else if (wanted.unmanaged.length > 0) {
    const which = `Pods selected by this PodDisruptionBudget (selector: ${selectorOf(budget.spec.selector)}) were found`;
    events.event(budget, 'Warning', 'UnmanagedPods', `${which} ${UNMANAGED}`);
  }
}

interface Judged {
  readonly status: PodDisruptionBudgetStatus;
  readonly recheck_ms: number | undefined;
}

function statusOf(context: ReconcileContext, budget: PodDisruptionBudget, own: readonly Pod[], wanted: Wanted): Judged {
  const now_ms = context.clock.now();
  const { expectedPods, desiredHealthy } = wanted;
  const disrupted = disruptedPods(context, budget, own);
  const currentHealthy = own.filter((pod) => isPodReady(pod) && !isBeingDeleted(pod) && disrupted[pod.metadata.name] === undefined).length;
  const disruptionsAllowed = expectedPods > 0 ? Math.max(0, currentHealthy - desiredHealthy) : 0;
  const [oldest] = Object.values(disrupted)
    .map((time) => Date.parse(time))
    .sort((a, b) => a - b);
  const reason = disruptionsAllowed > 0 ? 'SufficientPods' : 'InsufficientPods';
  return {
    status: {
      observedGeneration: budget.metadata.generation ?? 0,
      ...(Object.keys(disrupted).length > 0 ? { disruptedPods: disrupted } : {}),
      disruptionsAllowed,
      currentHealthy,
      desiredHealthy,
      expectedPods,
      conditions: [condition(budget, { reason, message: '', observedGeneration: budget.metadata.generation ?? 0 }, now_ms)],
    },
    recheck_ms: oldest === undefined ? undefined : Math.max(0, oldest + DELETION_TIMEOUT_MS - now_ms),
  };
}

/** Nothing may be evicted as long as nobody knows how many pods there should be. */
function failedStatus({ clock }: ReconcileContext, budget: PodDisruptionBudget, { message }: UnknownScale): Judged {
  const { observedGeneration } = budget.status;
  const failed = { reason: 'SyncFailed', message, ...(observedGeneration !== undefined && { observedGeneration }) };
  return {
    status: { ...budget.status, disruptionsAllowed: 0, conditions: [condition(budget, failed, clock.now())] },
    recheck_ms: undefined,
  };
}

/** Evictions that were granted and are still to be seen through; an event tells of a pod of which nothing came. */
function disruptedPods({ clock, events }: ReconcileContext, budget: PodDisruptionBudget, own: readonly Pod[]): { [pod: string]: string } {
  const entries = Object.entries(budget.status.disruptedPods ?? {}).filter(([name, time]) => {
    const pod = own.find(({ metadata }) => metadata.name === name);
    if (!pod || isBeingDeleted(pod)) return false;
    const isDue = Date.parse(time) + DELETION_TIMEOUT_MS > clock.now();
    const lost = `Pod was expected by PDB ${objectKey(budget)} to be deleted but it wasn't`;
    if (!isDue) events.event(pod, 'Warning', 'NotDeleted', lost);
    return isDue;
  });
  return Object.fromEntries(entries);
}

interface Reason {
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration?: number;
}

function condition({ status }: PodDisruptionBudget, { reason, message, observedGeneration }: Reason, now_ms: number) {
  const known = status.conditions?.find(({ type }) => type === 'DisruptionAllowed');
  const value = reason === 'SufficientPods' ? 'True' : 'False';
  return {
    type: 'DisruptionAllowed',
    status: value,
    ...(observedGeneration !== undefined && { observedGeneration }),
    lastTransitionTime: known?.status === value ? known.lastTransitionTime : rfc3339(now_ms),
    reason,
    message,
  };
}
