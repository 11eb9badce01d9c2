// Validation of a Job's spec, also as the template of a CronJob has it.
import { type FieldError, invalid, notSupported, required } from '../../apimachinery/field.js';
import type { Json } from '../../apimachinery/json.js';
import { type Labels, selectorOf, validateLabelSelector } from '../../apimachinery/labels.js';
import { isDns1123Label } from '../../apimachinery/names.js';
import { checkDomainPrefixedPath, checkLength, checkNonNegative } from '../checks.js';
import { validatePlainTemplate } from '../core/podspec-validation.js';
import type { Job, JobSpec } from '../types/batch_v1.js';
import { checkMatches } from '../workload.js';
import { validatePodFailurePolicy } from './pod-failure-policy.js';
import { validateSuccessPolicy } from './success-policy.js';

/** What tells a Job's pods from others; the names without a domain are the older ones. */
export const CONTROLLER_UID_LABELS = ['batch.kubernetes.io/controller-uid', 'controller-uid'] as const;
export const JOB_NAME_LABELS = ['batch.kubernetes.io/job-name', 'job-name'] as const;

const MAX_MANAGED_BY_bytes = 63;
/** Upstream's bounds, by which the status of an indexed Job stays a size that etcd takes. */
const MAX_INDEXED_PARALLELISM = 100_000;
const MAX_FAILED_INDEXES = 100_000;
const MANY_COMPLETIONS = 100_000;
const MAX_WITH_MANY = 10_000;

const NON_NEGATIVE = [
  'parallelism',
  'completions',
  'activeDeadlineSeconds',
  'backoffLimit',
  'ttlSecondsAfterFinished',
  'backoffLimitPerIndex',
  'maxFailedIndexes',
] as const satisfies readonly (keyof JobSpec)[];

export function validateJob(job: Job): FieldError[] {
  const { metadata, spec } = job;
  const errors = [...validateGeneratedSelector(job), ...validateWholeSpec(spec)];
  if (spec.completionMode === 'Indexed' && (spec.completions ?? 0) > 0) {
    const hostname = `${metadata.name}-${spec.completions! - 1}`;
    if (isDns1123Label(hostname).length > 0) {
      errors.push(invalid('metadata.name', metadata.name, `will not able to create pod with invalid DNS label: ${hostname}`));
    }
  }
  return errors;
}

/** The spec of a Job that exists, with its selector. */
export function validateWholeSpec(spec: JobSpec): FieldError[] {
  const errors = validateJobSpec('spec', spec);
  if (!spec.selector) errors.push(required('spec.selector'));
  else errors.push(...validateLabelSelector(spec.selector, 'spec.selector'));
  errors.push(...checkMatches(spec.template, selectorOf(spec.selector).matches(spec.template.metadata?.labels)));
  return errors;
}

/** Labels that the user set may have kept the generated ones out. */
function validateGeneratedSelector({ metadata, spec }: Job): FieldError[] {
  if (spec.manualSelector || !spec.selector) return [];
  const labels = spec.template.metadata?.labels ?? {};
  const expected: Labels = Object.fromEntries([
    ...CONTROLLER_UID_LABELS.map((label) => [label, metadata.uid]),
    ...JOB_NAME_LABELS.map((label) => [label, metadata.name]),
  ]);
  const errors = Object.entries(expected).flatMap(([label, value]) => checkLabel(labels, label, value));
  if (!selectorOf(spec.selector).matches(expected)) {
    errors.push(invalid('spec.selector', spec.selector as Json, '`selector` not auto-generated'));
  }
  return errors;
}

function checkLabel(labels: Labels, label: string, value: string): FieldError[] {
  const field = `spec.template.metadata.labels[${label}]`;
  const why = `must be '${value}'`;
  if (labels[label] === undefined) return [required(field, why)];
  return labels[label] === value ? [] : [invalid(field, labels, why)];
}

/** What a Job and a template of Jobs have in common. */
export function validateJobSpec(at: string, spec: JobSpec): FieldError[] {
  const errors = NON_NEGATIVE.flatMap((part) => checkNonNegative(`${at}.${part}`, spec[part]));
  if (spec.maxFailedIndexes !== undefined && spec.backoffLimitPerIndex === undefined) {
    errors.push(required(`${at}.backoffLimitPerIndex`, 'when maxFailedIndexes is specified'));
  }
  if (spec.managedBy !== undefined) {
    errors.push(...checkDomainPrefixedPath(`${at}.managedBy`, spec.managedBy));
    errors.push(...checkLength(`${at}.managedBy`, spec.managedBy, MAX_MANAGED_BY_bytes));
  }
  errors.push(...validateCompletionMode(at, spec));
  if (spec.podFailurePolicy) errors.push(...validatePodFailurePolicy(`${at}.podFailurePolicy`, spec.podFailurePolicy, spec));
  if (spec.successPolicy) errors.push(...validateSuccessPolicy(`${at}.successPolicy`, spec.successPolicy, spec));
  errors.push(...validateReplacementPolicy(`${at}.podReplacementPolicy`, spec));
  errors.push(...validatePlainTemplate(`${at}.template`, spec.template));
  errors.push(...validateRestartPolicy(`${at}.template.spec.restartPolicy`, spec));
  return errors;
}

function validateCompletionMode(at: string, spec: JobSpec): FieldError[] {
  const { completionMode: mode } = spec;
  if (mode === 'Indexed') return validateIndexed(at, spec);
  if (mode !== undefined && mode !== 'NonIndexed') return [notSupported(`${at}.completionMode`, mode, ['NonIndexed', 'Indexed'])];
  return (['backoffLimitPerIndex', 'maxFailedIndexes'] as const)
    .filter((part) => spec[part] !== undefined)
    .map((part) => invalid(`${at}.${part}`, spec[part], 'requires indexed completion mode'));
}

function validateIndexed(
  at: string,
  { completions, parallelism = 0, maxFailedIndexes: maxFailed, backoffLimitPerIndex }: JobSpec,
): FieldError[] {
  const errors: FieldError[] = [];
  const [parallelismAt, failedAt] = [`${at}.parallelism`, `${at}.maxFailedIndexes`];
  if (completions === undefined) errors.push(required(`${at}.completions`, 'when completion mode is Indexed'));
  if (parallelism > MAX_INDEXED_PARALLELISM) {
    const why = `must be less than or equal to ${MAX_INDEXED_PARALLELISM} when completion mode is Indexed`;
    errors.push(invalid(parallelismAt, parallelism, why));
  }
  if (completions !== undefined && maxFailed !== undefined && maxFailed > completions) {
    errors.push(invalid(failedAt, maxFailed, 'must be less than or equal to completions'));
  }
  if (maxFailed !== undefined && maxFailed > MAX_FAILED_INDEXES) {
    errors.push(invalid(failedAt, maxFailed, `must be less than or equal to ${MAX_FAILED_INDEXES}`));
  }
  if ((completions ?? 0) <= MANY_COMPLETIONS || backoffLimitPerIndex === undefined) return errors;
  if (maxFailed === undefined) errors.push(required(failedAt, `must be specified when completions is above ${MANY_COMPLETIONS}`));
  const why = `must be less than or equal to ${MAX_WITH_MANY} when completions are above ${MANY_COMPLETIONS} and used with backoff limit per index`;
  if (parallelism > MAX_WITH_MANY) errors.push(invalid(parallelismAt, parallelism, why));
  if ((maxFailed ?? 0) > MAX_WITH_MANY) errors.push(invalid(failedAt, maxFailed, why));
  return errors;
}

function validateReplacementPolicy(at: string, { podReplacementPolicy: policy, podFailurePolicy }: JobSpec): FieldError[] {
  const supported = podFailurePolicy ? ['Failed'] : ['Failed', 'TerminatingOrFailed'];
  return policy === undefined || supported.includes(policy) ? [] : [notSupported(at, policy, supported)];
}

function validateRestartPolicy(at: string, { template, podFailurePolicy }: JobSpec): FieldError[] {
  const policy = template.spec.restartPolicy;
  if (!policy || policy === 'Always') return [required(at, 'valid values: "OnFailure", "Never"')];
  if (policy !== 'OnFailure' && policy !== 'Never') return [notSupported(at, policy, ['OnFailure', 'Never'])];
  if (podFailurePolicy && policy !== 'Never') {
    return [invalid(at, policy, 'only "Never" is supported when podFailurePolicy is specified')];
  }
  return [];
}
