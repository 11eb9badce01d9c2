// Questions that the Job controller asks of a pod: which index it is for, whether it failed, when it ended. Pure.
import { isBeingDeleted } from '../apimachinery/object.js';
import { isPodTerminal, podCondition } from '../kinds/core/podutil.js';
import type { Job } from '../kinds/types/batch_v1.js';
import type { Pod } from '../kinds/types/core_v1.js';

/** Keeps a pod that has ended until its Job has counted it. */
export const FINALIZER_TRACKING = 'batch.kubernetes.io/job-tracking';
/** An annotation and a label. */
export const COMPLETION_INDEX = 'batch.kubernetes.io/job-completion-index';
/** How often the pods before this one failed for its index, and how often that did not count. */
export const ANNOTATION_INDEX_FAILURES = 'batch.kubernetes.io/job-index-failure-count';
export const ANNOTATION_INDEX_IGNORED = 'batch.kubernetes.io/job-index-ignored-failure-count';

export const isTracked = ({ metadata }: Pod): boolean => metadata.finalizers?.includes(FINALIZER_TRACKING) ?? false;
export const isIndexed = ({ spec }: Job): boolean => spec.completionMode === 'Indexed';
export const onlyReplacesFailed = ({ spec }: Job): boolean => spec.podReplacementPolicy === 'Failed';
export const isTerminating = (pod: Pod): boolean => isBeingDeleted(pod) && !isPodTerminal(pod);

/** The index that the pod is for; undefined where it says none that its Job has. */
export function indexOf({ metadata }: Pod, { spec }: Job): number | undefined {
  const index = countIn(metadata.annotations, COMPLETION_INDEX);
  return index !== undefined && index < (spec.completions ?? 0) ? index : undefined;
}

/** A pod that goes counts as failed, unless its Job waits for its end: it may never get to say how it went. */
export function hasFailed(pod: Pod, job: Job): boolean {
  if (pod.status.phase === 'Failed') return true;
  return !onlyReplacesFailed(job) && isBeingDeleted(pod) && pod.status.phase !== 'Succeeded';
}

/** When its last container ended, or what comes closest to that. */
export function endedAt_ms(pod: Pod): number {
  const { metadata, status } = pod;
  const ends = (status.containerStatuses ?? []).map(({ state }) => state?.terminated?.finishedAt);
  if (ends.length > 0 && ends.every((end) => end !== undefined)) return Math.max(...ends.map((end) => Date.parse(end!)));
  const ready = podCondition(pod, 'Ready');
  if (ready?.status === 'False' && ready.lastTransitionTime) return Date.parse(ready.lastTransitionTime);
  const { deletionTimestamp, deletionGracePeriodSeconds: grace_s = 0 } = metadata;
  if (deletionTimestamp) return Date.parse(deletionTimestamp) - grace_s * 1000;
  return Date.parse(metadata.creationTimestamp);
}

export interface IndexFailures {
  readonly counted: number;
  readonly ignored: number;
}

/** What the pods before this one have left of its index's failures. */
export function failuresBefore({ metadata: { annotations } }: Pod): IndexFailures {
  return { counted: countIn(annotations, ANNOTATION_INDEX_FAILURES) ?? 0, ignored: countIn(annotations, ANNOTATION_INDEX_IGNORED) ?? 0 };
}

function countIn(annotations: Pod['metadata']['annotations'], name: string): number | undefined {
  const text = annotations?.[name];
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}
