// Whether a Job is over and why, and its conditions: upstream's types, reasons and words. Pure.
import { isConditionTrue } from '../kinds/batch/job-status-validation.js';
import type { Job, JobCondition, SuccessPolicyRule } from '../kinds/types/batch_v1.js';
import type { Pod } from '../kinds/types/core_v1.js';
import { failureVerdict } from './job-failure-policy.js';
import { IndexList } from './job-indexes.js';
import { hasFailed } from './job-pods.js';
import { hasLimitPerIndex, type JobView } from './job-view.js';

/** What a Job is about to end with: pods are ended first, then it is Failed or Complete for the same reason. */
export interface Outcome {
  readonly type: 'FailureTarget' | 'SuccessCriteriaMet';
  readonly reason: string;
  readonly message: string;
}

export const isFinished = ({ status }: Job): boolean => isConditionTrue(status, 'Complete') || isConditionTrue(status, 'Failed');
export const isSuspended = ({ spec }: Job): boolean => spec.suspend === true;

const failure = (reason: string, message: string): Outcome => ({ type: 'FailureTarget', reason, message });

/** Undefined while there may be work to do; a Job whose work is done ends by `completed`. */
export function outcomeOf(view: JobView, now_ms: number): Outcome | undefined {
  const { job, failed, succeededIndexes, failedIndexes } = view;
  const { spec, status } = job;
  const decided = status.conditions?.find(
    ({ type, status }) => (type === 'SuccessCriteriaMet' || type === 'FailureTarget') && status === 'True',
  );
  if (decided) return decidedBefore(decided);
  const fatal = failJobMessage(view);
  if (fatal !== undefined) return failure('PodFailurePolicy', fatal);
  if (failed > spec.backoffLimit! || restartsTooOften(job, view.pods)) {
    return failure('BackoffLimitExceeded', 'Job has reached the specified backoff limit');
  }
  if (deadlineLeft_ms(job, now_ms) === 0) return failure('DeadlineExceeded', 'Job was active longer than specified deadline');
  if (hasLimitPerIndex(job)) {
    if (failedIndexes.size > (spec.maxFailedIndexes ?? Number.POSITIVE_INFINITY)) {
      return failure('MaxFailedIndexesExceeded', 'Job has exceeded the specified maximal number of failed indexes');
    }
    if (failedIndexes.size > 0 && failedIndexes.size + succeededIndexes.size >= spec.completions!) {
      return failure('FailedIndexes', 'Job has failed indexes');
    }
  }
  const rule = (spec.successPolicy?.rules ?? []).findIndex((each) => isMet(each, spec.completions!, succeededIndexes));
  return rule < 0 ? undefined : { type: 'SuccessCriteriaMet', reason: 'SuccessPolicy', message: `Matched rules at index ${rule}` };
}

/** All that was to be done is; a Job without a number of completions is over when its pods are, one having succeeded. */
export function completed({ job: { spec }, succeeded }: JobView, active: number): Outcome | undefined {
  const isOver = spec.completions === undefined ? succeeded > 0 && active === 0 : succeeded >= spec.completions;
  if (!isOver) return undefined;
  return { type: 'SuccessCriteriaMet', reason: 'CompletionsReached', message: 'Reached expected number of succeeded pods' };
}

/** How long it may still run; undefined where that is not limited now. */
export function deadlineLeft_ms(job: Job, now_ms: number): number | undefined {
  const { spec, status } = job;
  if (spec.activeDeadlineSeconds === undefined || !status.startTime || isSuspended(job)) return undefined;
  return Math.max(0, Date.parse(status.startTime) + spec.activeDeadlineSeconds * 1000 - now_ms);
}

const decidedBefore = ({ type, reason = '', message = '' }: JobCondition): Outcome => ({ type: type as Outcome['type'], reason, message });

function failJobMessage({ job, pods }: JobView): string | undefined {
  if (!job.spec.podFailurePolicy) return undefined;
  for (const pod of pods) {
    const message = hasFailed(pod, job) ? failureVerdict(job, pod).message : undefined;
    if (message !== undefined) return message;
  }
}

/** Containers that are restarted in their pods are failures without failed pods. */
function restartsTooOften({ spec }: Job, pods: readonly Pod[]): boolean {
  if (spec.template.spec.restartPolicy !== 'OnFailure') return false;
  let restarts = 0;
  for (const { status } of pods) {
    if (status.phase !== 'Running' && status.phase !== 'Pending') continue;
    for (const { restartCount } of [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])]) restarts += restartCount;
  }
  return spec.backoffLimit === 0 ? restarts > 0 : restarts >= spec.backoffLimit!;
}

function isMet({ succeededIndexes, succeededCount }: SuccessPolicyRule, completions: number, succeeded: IndexList): boolean {
  if (succeededIndexes === undefined) return succeeded.size >= (succeededCount ?? 0);
  const wanted = IndexList.parse(succeededIndexes, completions);
  return wanted.shared(succeeded) >= (succeededCount ?? wanted.size);
}

export type Conditions = readonly JobCondition[];

/** `conditions` with this one; the very same where it is there already, or would say that something never was. */
export function withCondition(
  conditions: Conditions,
  type: string,
  status: 'True' | 'False',
  { reason, message }: { readonly reason: string; readonly message: string },
  now: string,
): Conditions {
  const known = conditions.find((condition) => condition.type === type);
  if (!known && status === 'False') return conditions;
  if (known?.status === status && known.reason === reason && known.message === message) return conditions;
  const condition = { type, status, lastProbeTime: now, lastTransitionTime: now, reason, message };
  return known ? conditions.map((each) => (each === known ? condition : each)) : [...conditions, condition];
}
