// Counting pods that have ended, each once: first the status names them, then they are let go, then they are counted. Pure.

import { isBeingDeleted } from '../apimachinery/object.js';
import type { JobStatus } from '../kinds/types/batch_v1.js';
import type { Pod } from '../kinds/types/core_v1.js';
import { IndexList } from './job-indexes.js';
import { hasFailed, indexOf, isIndexed, isTracked } from './job-pods.js';
import { countsAsFailure, hasLimitPerIndex, type JobView } from './job-view.js';

/** Upstream's: most pods that a status names at a time, which keeps it a size that is cheap to write. */
const MAX_UNCOUNTED = 500;

export interface Counting {
  /** To be stored before any of `release` is let go. */
  readonly status: JobStatus;
  /** Pods that nothing more is to be learnt from. */
  readonly release: readonly Pod[];
  /** False where there are more than fit at a time. */
  readonly all: boolean;
}

/**
 * `ending`: the Job is about to end, so that every pod that it still has is a failure. Not of `removed`, which go by its own doing.
 * `replaces`: pods are being made in place of those that failed.
 */
export function countEnded(view: JobView, ending: boolean, removed: ReadonlySet<Pod>, replaces: boolean): Counting {
  const { job } = view;
  const { status } = job;
  const tracked = view.pods.filter((pod) => isTracked(pod) && !removed.has(pod));
  const before = settle(status, new Set(tracked.map(({ metadata }) => metadata.uid)));
  const { succeeded: named = [], failed: failedBefore = [] } = before.uncountedTerminatedPods ?? {};
  const [succeeded, failed] = [new Set(named), new Set(failedBefore)];
  const indexes = new Set<number>();
  const release: Pod[] = [];
  let all = true;
  for (const pod of tracked) {
    const { uid } = pod.metadata;
    const isFailure = hasFailed(pod, job);
    if (!(ending || mayRelease(view, pod, isFailure, replaces))) continue;
    if (indexes.size + succeeded.size + failed.size >= MAX_UNCOUNTED) {
      all = false;
      break;
    }
    release.push(pod);
    const index = indexOf(pod, job);
    const isOurs = !isIndexed(job) || index !== undefined;
    if (pod.status.phase === 'Succeeded' && !failed.has(uid)) {
      if (index !== undefined) indexes.add(index);
      else if (!isIndexed(job)) succeeded.add(uid);
    } else if ((isFailure || ending) && isOurs && countsAsFailure(job, pod)) failed.add(uid);
  }
  const uncountedTerminatedPods = uncounted(succeeded, failed);
  return { status: { ...before, ...indexCounts(view, indexes), uncountedTerminatedPods }, release, all };
}

/** `status` with those counted that it names and that are not `held` (by UID) any more. */
export function settle(status: JobStatus, held: ReadonlySet<string>): JobStatus {
  const { succeeded = [], failed = [] } = status.uncountedTerminatedPods ?? {};
  const [keptSucceeded, keptFailed] = [succeeded, failed].map((uids) => uids.filter((uid) => held.has(uid))) as [string[], string[]];
  return {
    ...status,
    succeeded: (status.succeeded ?? 0) + succeeded.length - keptSucceeded.length,
    failed: (status.failed ?? 0) + failed.length - keptFailed.length,
    uncountedTerminatedPods: uncounted(keptSucceeded, keptFailed),
  };
}

export function isAllCounted({ uncountedTerminatedPods: pods }: JobStatus): boolean {
  return !pods?.succeeded?.length && !pods?.failed?.length;
}

function uncounted(succeeded: Iterable<string>, failed: Iterable<string>): NonNullable<JobStatus['uncountedTerminatedPods']> {
  const lists = { succeeded: [...succeeded], failed: [...failed] };
  return { ...(lists.succeeded.length > 0 && { succeeded: lists.succeeded }), ...(lists.failed.length > 0 && { failed: lists.failed }) };
}

/** The last that failed of an index is kept for what its replacement is to know, but not from going where there will be none. */
function mayRelease({ job, toReplace }: JobView, pod: Pod, isFailure: boolean, replaces: boolean): boolean {
  if (isBeingDeleted(job) || pod.status.phase === 'Succeeded') return true;
  return isFailure && (toReplace.get(indexOf(pod, job) ?? -1) !== pod || (isBeingDeleted(pod) && !replaces));
}

/** The index itself tells that a pod has been counted. */
function indexCounts({ job, failedIndexes }: JobView, newlySucceeded: Iterable<number>): Partial<JobStatus> {
  if (!isIndexed(job)) return {};
  const completed = IndexList.parse(job.status.completedIndexes, job.spec.completions ?? 0).with(newlySucceeded);
  return {
    succeeded: completed.size,
    completedIndexes: completed.toString(),
    ...(hasLimitPerIndex(job) ? { failedIndexes: failedIndexes.toString() } : {}),
  };
}
