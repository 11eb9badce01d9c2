// What a Job's pods amount to: which are under way, which have ended and are not counted yet, which indexes are done. Pure.
import { isPodActive, isPodReady } from '../kinds/core/podutil.js';
import type { Job } from '../kinds/types/batch_v1.js';
import type { Pod } from '../kinds/types/core_v1.js';
import { failureVerdict } from './job-failure-policy.js';
import { IndexList } from './job-indexes.js';
import { failuresBefore, hasFailed, indexOf, isIndexed, isTerminating, isTracked } from './job-pods.js';

export interface JobView {
  readonly job: Job;
  /** All that are the Job's. */
  readonly pods: readonly Pod[];
  readonly active: readonly Pod[];
  readonly terminating: number;
  readonly ready: number;
  /** Have ended since the Job last counted. */
  readonly newSucceeded: readonly Pod[];
  readonly newFailed: readonly Pod[];
  /** With those that are still to be counted. */
  readonly succeeded: number;
  readonly failed: number;
  readonly succeededIndexes: IndexList;
  /** Only of a Job that counts failures by index. */
  readonly failedIndexes: IndexList;
  /** By index: the pod that failed and is neither replaced yet nor the last that may be. It keeps what is known of the failures. */
  readonly toReplace: ReadonlyMap<number, Pod>;
}

export function jobView(job: Job, pods: readonly Pod[]): JobView {
  const { status } = job;
  const uncounted = uncountedOf(job);
  const isNew = (pod: Pod) => isTracked(pod) && !uncounted.has(pod.metadata.uid) && (!isIndexed(job) || indexOf(pod, job) !== undefined);
  const active = pods.filter(isPodActive);
  const newSucceeded = pods.filter((pod) => pod.status.phase === 'Succeeded' && isNew(pod));
  const newFailed = pods.filter((pod) => hasFailed(pod, job) && isNew(pod));
  const succeededIndexes = isIndexed(job) ? indexesWith(job, newSucceeded) : IndexList.NONE;
  const failedIndexes = hasLimitPerIndex(job) ? failedIndexesOf(job, pods, succeededIndexes) : IndexList.NONE;
  const { succeeded = [], failed = [] } = status.uncountedTerminatedPods ?? {};
  return {
    job,
    pods,
    active,
    terminating: pods.filter(isTerminating).length,
    ready: active.filter(isPodReady).length,
    newSucceeded,
    newFailed,
    succeeded: isIndexed(job) ? succeededIndexes.size : (status.succeeded ?? 0) + succeeded.length + newSucceeded.length,
    failed: (status.failed ?? 0) + failed.length + newFailed.filter((pod) => countsAsFailure(job, pod)).length,
    succeededIndexes,
    failedIndexes,
    toReplace: hasLimitPerIndex(job) ? failedToReplace(job, pods, active, succeededIndexes, failedIndexes) : new Map(),
  };
}

export const hasLimitPerIndex = ({ spec }: Job): boolean => spec.backoffLimitPerIndex !== undefined;
export const countsAsFailure = (job: Job, pod: Pod): boolean => failureVerdict(job, pod).action !== 'Ignore';

export function uncountedOf({ status: { uncountedTerminatedPods: pods } }: Job): ReadonlySet<string> {
  return new Set([...(pods?.succeeded ?? []), ...(pods?.failed ?? [])]);
}

function indexesWith(job: Job, succeeded: readonly Pod[]): IndexList {
  const known = IndexList.parse(job.status.completedIndexes, job.spec.completions ?? 0);
  return known.with(succeeded.map((pod) => indexOf(pod, job)!));
}

function failedIndexesOf(job: Job, pods: readonly Pod[], succeeded: IndexList): IndexList {
  const known = IndexList.parse(job.status.failedIndexes, job.spec.completions ?? 0);
  const indexes = pods.filter((pod) => hasFailedItsIndex(job, pod)).map((pod) => indexOf(pod, job));
  return known.with(indexes.filter((index) => index !== undefined && !succeeded.has(index)) as number[]);
}

function hasFailedItsIndex(job: Job, pod: Pod): boolean {
  if (!isTracked(pod) || !hasFailed(pod, job)) return false;
  const { action } = failureVerdict(job, pod);
  return action === 'FailIndex' || (action !== 'Ignore' && failuresBefore(pod).counted >= job.spec.backoffLimitPerIndex!);
}

function failedToReplace(job: Job, pods: readonly Pod[], active: readonly Pod[], ...done: readonly IndexList[]): Map<number, Pod> {
  const taken = new Set(active.map((pod) => indexOf(pod, job)));
  const latest = new Map<number, Pod>();
  for (const pod of pods) {
    const index = indexOf(pod, job);
    if (index === undefined || !isTracked(pod) || !hasFailed(pod, job)) continue;
    if (taken.has(index) || done.some((list) => list.has(index))) continue;
    const other = latest.get(index);
    if (!other || failuresOf(pod) > failuresOf(other)) latest.set(index, pod);
  }
  return latest;
}

function failuresOf(pod: Pod): number {
  const { counted, ignored } = failuresBefore(pod);
  return counted + ignored;
}
