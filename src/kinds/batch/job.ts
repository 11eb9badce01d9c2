// The kind Job of batch/v1.

import { durationBetween } from '../../apimachinery/table.js';
import { MAX_INT32 } from '../checks.js';
import { formatLabelSelector, selectorColumn, templateColumns } from '../columns.js';
import { workloadWarnings } from '../core/pod-warnings.js';
import { defaultPodSpec } from '../core/podspec-defaults.js';
import { type Column, defineKind, type Mutable } from '../define.js';
import type { Job } from '../types/batch_v1.js';
import { isConditionTrue, validateJobStatus } from './job-status-validation.js';
import { validateJobUpdate } from './job-update.js';
import { CONTROLLER_UID_LABELS, JOB_NAME_LABELS, validateJob } from './job-validation.js';

const BACKOFF_LIMIT = 6;

/** The first of these that the job has is its state, and none means that it runs. */
const ENDED = ['Complete', 'Failed'];
const UNDER_WAY = ['Suspended', 'FailureTarget', 'SuccessCriteriaMet'];

const columns: readonly Column<Job>[] = [
  { name: 'Status', type: 'string', description: 'Whether it runs or how it ended', cell: statusOf },
  { name: 'Completions', type: 'string', description: 'How many of its pods have succeeded, of how many', cell: completionsOf },
  {
    name: 'Duration',
    type: 'string',
    description: 'How long it has run, or ran',
    cell: ({ status: { startTime, completionTime } }, now_ms) => (startTime ? durationBetween(startTime, completionTime, now_ms) : ''),
  },
];

export const jobs = defineKind<Job>({
  group: 'batch',
  version: 'v1',
  kind: 'Job',
  plural: 'jobs',
  categories: ['all'],
  namespaced: true,
  schema: 'batch.v1.Job',
  warnings: workloadWarnings,
  columns: [
    ...columns,
    ...templateColumns<Job>(({ spec }) => spec.template),
    selectorColumn(({ spec }) => formatLabelSelector(spec.selector)),
  ],
  defaults,
  validate: (job, old) => (old ? validateJobUpdate(job, old) : validateJob(job)),
  validateStatus: validateJobStatus,
  prepareForCreate(job) {
    job.status = {};
  },
  named: generateSelector,
  selectableFields: { 'status.successful': ({ status }) => String(status.succeeded ?? 0) },
  subresources: { status: true },
});

function defaults(job: Mutable<Job>): void {
  const { metadata, spec } = job;
  if (spec.completions === undefined && spec.parallelism === undefined) spec.completions = 1;
  spec.parallelism ??= 1;
  spec.backoffLimit ??= spec.backoffLimitPerIndex === undefined ? BACKOFF_LIMIT : MAX_INT32;
  spec.completionMode ??= 'NonIndexed';
  spec.suspend ??= false;
  spec.manualSelector ??= false;
  spec.podReplacementPolicy ??= spec.podFailurePolicy ? 'Failed' : 'TerminatingOrFailed';
  for (const rule of spec.podFailurePolicy?.rules ?? []) for (const pattern of rule.onPodConditions ?? []) pattern.status ||= 'True';
  if (isEmpty(metadata.labels) && !isEmpty(spec.template.metadata?.labels)) metadata.labels = { ...spec.template.metadata.labels };
  defaultPodSpec(spec.template.spec);
}

const isEmpty = (labels: object | undefined) => !labels || Object.keys(labels).length === 0;

/**
 * Its pods are told from all others by its UID, and by its name for people. What the user has set of it is left for validation to
 * judge; what is from a name that was taken is not the user's.
 */
function generateSelector({ metadata, spec }: Mutable<Job>, taken: string | undefined): void {
  if (spec.manualSelector) return;
  spec.template.metadata ??= {} as (typeof spec.template)['metadata'];
  const labels = (spec.template.metadata.labels ??= {});
  for (const label of JOB_NAME_LABELS) {
    if (labels[label] === undefined || labels[label] === taken) labels[label] = metadata.name;
  }
  for (const label of CONTROLLER_UID_LABELS) labels[label] ??= metadata.uid;
  const selector = (spec.selector ??= {});
  selector.matchLabels = { [CONTROLLER_UID_LABELS[0]]: metadata.uid, ...selector.matchLabels };
  const ours = taken !== undefined && metadata.labels?.[JOB_NAME_LABELS[0]] === taken;
  if (ours || isEmpty(metadata.labels)) metadata.labels = { ...labels };
}

function statusOf({ metadata, status }: Job): string {
  const has = (type: string) => isConditionTrue(status, type);
  const ended = ENDED.find(has);
  return ended ?? (metadata.deletionTimestamp ? 'Terminating' : (UNDER_WAY.find(has) ?? 'Running'));
}

function completionsOf({ spec, status }: Job): string {
  const succeeded = status.succeeded ?? 0;
  if (spec.completions !== undefined) return `${succeeded}/${spec.completions}`;
  return (spec.parallelism ?? 0) > 1 ? `${succeeded}/1 of ${spec.parallelism}` : `${succeeded}/1`;
}
