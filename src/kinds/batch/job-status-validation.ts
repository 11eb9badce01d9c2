// Validation of a Job's status, by which a controller's mistakes cannot make a Job say what contradicts itself.
import { duplicate, type FieldError, invalid, invalidWhole, required } from '../../apimachinery/field.js';
import { checkNonNegative, sameJson } from '../checks.js';
import type { Job, JobStatus } from '../types/batch_v1.js';
import { parseIndexes } from './success-policy.js';

const COUNTS = ['active', 'succeeded', 'failed', 'ready', 'terminating'] as const satisfies readonly (keyof JobStatus)[];
const TERMINAL = ['Failed', 'Complete', 'FailureTarget', 'SuccessCriteriaMet'] as const;
const CONDITIONS = 'status.conditions';

export const isConditionTrue = ({ conditions = [] }: JobStatus, type: string): boolean =>
  conditions.some((condition) => condition.type === type && condition.status === 'True');

export function validateJobStatus(job: Job, old: Job): FieldError[] {
  const { status } = job;
  const errors = COUNTS.flatMap((count) => checkNonNegative(`status.${count}`, status[count]));
  errors.push(...validateUncounted(status));
  // What is as it was has been looked at.
  if (!sameJson(status, old.status)) {
    errors.push(...validateConditions(status), ...validateTimes(status), ...validateFinished(status), ...validateIndexes(job));
  }
  errors.push(...validateProgress(job, old));
  return errors;
}

function validateUncounted({ uncountedTerminatedPods: pods }: JobStatus): FieldError[] {
  const seen = new Set<string>();
  return (['succeeded', 'failed'] as const).flatMap((part) =>
    (pods?.[part] ?? []).flatMap((uid, i) => {
      const field = `status.uncountedTerminatedPods.${part}[${i}]`;
      if (uid === '') return [invalid(field, uid, 'must not be empty')];
      if (seen.has(uid)) return [duplicate(field, uid)];
      seen.add(uid);
      return [];
    }),
  );
}

/** Which conditions exclude or need one another. */
function validateConditions(status: JobStatus): FieldError[] {
  const [complete, failed, failure, success] = ['Complete', 'Failed', 'FailureTarget', 'SuccessCriteriaMet'].map((type) =>
    isConditionTrue(status, type),
  );
  const rules: readonly [boolean | undefined, string][] = [
    [complete && failed, 'cannot set Complete=True and Failed=true conditions'],
    [complete && failure, 'cannot set Complete=True and FailureTarget=true conditions'],
    [failed && !failure, 'cannot set Failed=True condition without the FailureTarget=true condition'],
    [complete && !success, 'cannot set Complete=True condition without the SuccessCriteriaMet=true condition'],
    [success && failed, 'cannot set SuccessCriteriaMet=True and Failed=true conditions'],
    [success && failure, 'cannot set SuccessCriteriaMet=True and FailureTarget=true conditions'],
  ];
  return rules.filter(([broken]) => broken).map(([, why]) => invalidWhole(CONDITIONS, why));
}

function validateTimes(status: JobStatus): FieldError[] {
  const { startTime, completionTime } = status;
  const complete = isConditionTrue(status, 'Complete');
  const field = 'status.completionTime';
  if (completionTime === undefined) return complete ? [required(field, 'completionTime is required for Complete jobs')] : [];
  const errors: FieldError[] = [];
  if (!complete) errors.push(invalid(field, completionTime, 'cannot set completionTime when there is no Complete=True condition'));
  if (startTime && Date.parse(completionTime) < Date.parse(startTime)) {
    errors.push(invalid(field, completionTime, 'completionTime cannot be set before startTime'));
  }
  return errors;
}

function validateFinished(status: JobStatus): FieldError[] {
  const { active = 0, ready, terminating, startTime, uncountedTerminatedPods: uncounted } = status;
  const errors: FieldError[] = [];
  if (ready !== undefined && ready > active) errors.push(invalid('status.ready', ready, 'cannot set more ready pods than active'));
  if (!isConditionTrue(status, 'Complete') && !isConditionTrue(status, 'Failed')) return errors;
  if (active > 0) errors.push(invalid('status.active', active, 'active>0 is invalid for finished job'));
  if ((terminating ?? 0) > 0) errors.push(invalid('status.terminating', terminating, 'terminating>0 is invalid for finished job'));
  if (startTime === undefined) errors.push(required('status.startTime', 'startTime is required for finished job'));
  if (uncounted && (uncounted.failed?.length ?? 0) + (uncounted.succeeded?.length ?? 0) > 0) {
    const why = 'uncountedTerminatedPods needs to be empty for finished job';
    errors.push(invalid('status.uncountedTerminatedPods', uncounted as never, why));
  }
  return errors;
}

function validateIndexes({ spec, status }: Job): FieldError[] {
  const { completedIndexes = '', failedIndexes } = status;
  const errors: FieldError[] = [];
  const parse = (name: 'completedIndexes' | 'failedIndexes', text: string) => {
    const parsed = parseIndexes(text, spec.completions ?? 0);
    if ('intervals' in parsed) return parsed.intervals;
    errors.push(invalid(`status.${name}`, text, `error parsing ${name}: ${parsed.error}`));
    return [];
  };
  if (completedIndexes !== '' && spec.completionMode !== 'Indexed') {
    const why = 'cannot set non-empty completedIndexes when non-indexed completion mode';
    errors.push(invalid('status.completedIndexes', completedIndexes, why));
  }
  if (failedIndexes !== undefined && spec.backoffLimitPerIndex === undefined) {
    const why = 'cannot set non-null failedIndexes when backoffLimitPerIndex is null';
    errors.push(invalid('status.failedIndexes', failedIndexes, why));
  }
  if (spec.completions === undefined) return errors;
  const completed = parse('completedIndexes', completedIndexes);
  const failed = parse('failedIndexes', failedIndexes ?? '');
  const both = failed.flatMap(([f, l]) =>
    completed.filter(([first, last]) => first <= l && f <= last).map(([first]) => Math.max(first, f)),
  );
  if (both.length > 0) {
    const why = `failedIndexes and completedIndexes overlap at index: ${both[0]}`;
    errors.push(invalid('status.failedIndexes', failedIndexes, why));
  }
  return errors;
}

/** What only goes one way. */
function validateProgress({ spec, status }: Job, { status: old }: Job): FieldError[] {
  const errors = TERMINAL.filter((type) => isConditionTrue(old, type) && !isConditionTrue(status, type)).map((type) =>
    invalidWhole(CONDITIONS, `cannot disable the ${type === 'SuccessCriteriaMet' ? '' : 'terminal '}${type}=True condition`),
  );
  if ((status.failed ?? 0) < (old.failed ?? 0)) {
    errors.push(invalid('status.failed', status.failed ?? 0, 'cannot decrease the failed counter'));
  }
  // Such a Job can have been made smaller.
  const elastic = spec.completionMode === 'Indexed' && spec.completions === spec.parallelism;
  if (!elastic && (status.succeeded ?? 0) < (old.succeeded ?? 0)) {
    errors.push(invalid('status.succeeded', status.succeeded ?? 0, 'cannot decrease the succeeded counter'));
  }
  if (status.completionTime !== undefined && old.completionTime !== undefined && status.completionTime !== old.completionTime) {
    errors.push(invalid('status.completionTime', status.completionTime, 'completionTime cannot be mutated'));
  }
  const isResumed = isConditionTrue(old, 'Suspended') && !isConditionTrue(status, 'Suspended');
  if (old.startTime !== undefined && old.startTime !== status.startTime && !spec.suspend && !isResumed) {
    errors.push(required('status.startTime', 'startTime cannot be removed for unsuspended job'));
  }
  return errors;
}
