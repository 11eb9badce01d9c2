// What a Job does next with pods: how many there should be, which go, and for which indexes new ones are made. Pure.
import type { Pod } from '../kinds/types/core_v1.js';
import { type BackoffRecord, indexRemaining_ms, remaining_ms } from './job-backoff.js';
import { isSuspended } from './job-outcome.js';
import { indexOf, isIndexed, isTerminating, onlyReplacesFailed } from './job-pods.js';
import { hasLimitPerIndex, type JobView } from './job-view.js';
import { rankForDeletion } from './pod-ranking.js';

/** Upstream's: most pods made or deleted at a time. */
const BURST = 500;

export interface PodPlan {
  readonly remove: readonly Pod[];
  /** For which indexes pods are made; undefined is a pod of a Job that has none. */
  readonly create: readonly (number | undefined)[];
  /** Until the next back-off is over, where that keeps pods from being made. */
  readonly wait_ms?: number;
}

const plan = (parts: Partial<PodPlan>): PodPlan => ({ remove: [], create: [], ...parts });

/** Either some are removed or some are made: what is removed shows first what is missing. */
export function planPods(view: JobView, backoff: BackoffRecord, now_ms: number): PodPlan {
  const { job, active } = view;
  if (isSuspended(job)) return plan({ remove: active.slice(0, BURST) });
  const wanted = wantedActive(view);
  const remove = surplus(view, Math.max(0, active.length - wanted)).slice(0, BURST);
  if (remove.length > 0) return plan({ remove });
  const missing = Math.min(BURST, wanted - active.length - (onlyReplacesFailed(job) ? view.terminating : 0));
  return missing > 0 ? planCreation(view, backoff, missing, now_ms) : plan({});
}

function wantedActive({ job: { spec }, active, succeeded }: JobView): number {
  const parallelism = spec.parallelism ?? 1;
  // Pods of a work queue: the first that succeeds says that the queue is empty, the others finish what they have.
  if (spec.completions === undefined) return succeeded > 0 ? active.length : parallelism;
  return Math.max(0, Math.min(parallelism, spec.completions - succeeded));
}

/** At least `least` pods, and all of an index that has another one or that the Job does not have. */
function surplus({ job, active }: JobView, least: number): readonly Pod[] {
  const ranked = rankForDeletion(active);
  if (!isIndexed(job)) return ranked.slice(0, least);
  const kept = new Set<number>();
  const remove: Pod[] = [];
  // From the last to go: the first of an index stays.
  for (const pod of [...ranked].reverse()) {
    const index = indexOf(pod, job);
    if (index === undefined || kept.has(index)) remove.push(pod);
    else kept.add(index);
  }
  const gone = new Set(remove);
  return [...remove, ...ranked.filter((pod) => !gone.has(pod)).slice(0, Math.max(0, least - remove.length))];
}

function planCreation(view: JobView, backoff: BackoffRecord, missing: number, now_ms: number): PodPlan {
  const { job, toReplace } = view;
  if (!hasLimitPerIndex(job)) {
    const wait_ms = remaining_ms(backoff, now_ms);
    if (wait_ms > 0) return plan({ wait_ms });
  }
  if (!isIndexed(job)) return plan({ create: Array.from({ length: missing }, () => undefined) });
  const indexes = pendingIndexes(view, missing);
  if (!hasLimitPerIndex(job)) return plan({ create: indexes });
  const waits = indexes.map((index) => indexRemaining_ms(toReplace.get(index), now_ms));
  const create = indexes.filter((_, i) => waits[i] === 0);
  const waiting = waits.filter((wait_ms) => wait_ms > 0);
  return plan({ create, ...(waiting.length > 0 ? { wait_ms: Math.min(...waiting) } : {}) });
}

/** The first that are neither done nor under way. */
function pendingIndexes({ job, pods, active, succeededIndexes, failedIndexes }: JobView, count: number): readonly number[] {
  const { completions = 0 } = job.spec;
  const under = onlyReplacesFailed(job) ? [...active, ...pods.filter(isTerminating)] : active;
  const taken = under.map((pod) => indexOf(pod, job)).filter((index): index is number => index !== undefined);
  return succeededIndexes.union(failedIndexes).with(taken).missing(count, completions);
}
