// Disruption budgets as evictions meet them: each takes one from the budget of its pod, or is asked to come back.
import { rfc3339 } from '../apimachinery/clock.js';
import { selectorOf } from '../apimachinery/labels.js';
import { forbiddenRequest, StatusError } from '../apimachinery/status.js';
import type { Condition } from '../apimachinery/types/meta_v1.js';
import { podDisruptionBudgets } from '../kinds/policy/poddisruptionbudget.js';
import type { Pod } from '../kinds/types/core_v1.js';
import type { PodDisruptionBudget } from '../kinds/types/policy_v1.js';
import type { ApiContext } from './context.js';

/** Evictions that the disruption controller has not seen through yet: upstream's bound. */
const MAX_DISRUPTED_PODS = 2000;
const BEHIND_RETRY_S = 10;
/** Of these nobody makes use: they do not count. */
const UNUSED: readonly (string | undefined)[] = ['Succeeded', 'Failed', 'Pending'];

/** Throws StatusError: 429 where the budget has no room for it. */
export async function takeFromBudget(context: ApiContext, pod: Pod, dryRun: boolean): Promise<void> {
  if (UNUSED.includes(pod.status.phase) || pod.metadata.deletionTimestamp !== undefined) return;
  const { cache, storage } = context.resources.of(podDisruptionBudgets);
  await cache.ready();
  const found = cache
    .list(storage.prefixOf(pod.metadata.namespace))
    .map(({ object }) => object as PodDisruptionBudget)
    .filter(({ spec }) => selectorOf(spec.selector).matches(pod.metadata.labels));
  if (found.length === 0) return;
  if (found.length > 1) {
    const why = 'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.';
    throw new StatusError(500, 'InternalError', why);
  }
  const [budget] = found;
  if (isSpared(pod, budget!)) return;
  await storage.change(budget!.metadata, ({ object }) => {
    const current = object as PodDisruptionBudget;
    check(current);
    if (dryRun) return { type: 'keep' };
    return { type: 'put', object: taken(current, pod.metadata.name, context.clock.now()) };
  });
}

/** A pod that does no good anyway is not what the budget is for. */
function isSpared({ status }: Pod, { spec, status: { currentHealthy, desiredHealthy } }: PodDisruptionBudget): boolean {
  if (status.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True')) return false;
  if (spec.unhealthyPodEvictionPolicy === 'AlwaysAllow') return true;
  return currentHealthy >= desiredHealthy && desiredHealthy > 0;
}

function check({ metadata: { name, generation = 0 }, status }: PodDisruptionBudget): void {
  if ((status.observedGeneration ?? 0) < generation) {
    throw wouldViolate(`The disruption budget ${name} is still being processed by the server.`, BEHIND_RETRY_S);
  }
  if (Object.keys(status.disruptedPods ?? {}).length > MAX_DISRUPTED_PODS) {
    const why = 'DisruptedPods map too big - too many evictions not confirmed by PDB controller';
    throw forbiddenRequest(podDisruptionBudgets.groupResource, name, why);
  }
  if (status.disruptionsAllowed <= 0) {
    const { desiredHealthy, currentHealthy } = status;
    throw wouldViolate(`The disruption budget ${name} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`, 0);
  }
}

function wouldViolate(why: string, retryAfterSeconds: number): StatusError {
  return new StatusError(429, 'TooManyRequests', "Cannot evict pod as it would violate the pod's disruption budget.", {
    causes: [{ reason: 'DisruptionBudget', message: why }],
    ...(retryAfterSeconds > 0 ? { retryAfterSeconds } : {}),
  });
}

function taken(budget: PodDisruptionBudget, pod: string, now_ms: number): PodDisruptionBudget {
  const { status } = budget;
  const now = rfc3339(now_ms);
  const disruptionsAllowed = status.disruptionsAllowed - 1;
  const disruptedPods = { ...status.disruptedPods, [pod]: now };
  const conditions =
    disruptionsAllowed === 0 ? exhausted(status.conditions ?? [], budget.metadata.generation ?? 0, now) : status.conditions;
  return { ...budget, status: { ...status, disruptionsAllowed, disruptedPods, ...(conditions && { conditions }) } };
}

/** Says at once that no more may go: the controller would say so only after it has seen this. */
function exhausted(conditions: readonly Condition[], observedGeneration: number, now: string): readonly Condition[] {
  const [type, status, reason] = ['DisruptionAllowed', 'False', 'InsufficientPods'];
  const others = conditions.filter((condition) => condition.type !== type);
  return [...others, { type, status, observedGeneration, lastTransitionTime: now, reason, message: '' }];
}
