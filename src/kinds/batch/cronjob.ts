// The kind CronJob of batch/v1.

import { type FieldError, invalid, notSupported, required } from '../../apimachinery/field.js';
import type { Json } from '../../apimachinery/json.js';
import { ageOf } from '../../apimachinery/table.js';
import { checkNonNegative, checkOneOf } from '../checks.js';
import { formatBool, formatLabelSelector, NONE, selectorColumn, templateColumns } from '../columns.js';
import { hostnameWarnings, templateWarnings } from '../core/pod-warnings.js';
import { defaultPodSpec } from '../core/podspec-defaults.js';
import { type Column, defineKind } from '../define.js';
import type { CronJob, CronJobSpec, JobTemplateSpec } from '../types/batch_v1.js';
import { CronError, parseCronSchedule } from './cron-schedule.js';
import { validateJobSpec } from './job-validation.js';

const CONCURRENCY_POLICIES = ['Allow', 'Forbid', 'Replace'];
const KEPT_SUCCESSFUL = 3;
const KEPT_FAILED = 1;
/** A Job's name is its CronJob's and eleven characters, and 63 at most. */
const MAX_NAME = 52;
const TIME_ZONE_PART = /^[A-Za-z.\-_0-9+]{1,14}$/;

const columns: readonly Column<CronJob>[] = [
  { name: 'Schedule', type: 'string', description: 'When it makes a Job, as cron has it', cell: ({ spec }) => spec.schedule },
  { name: 'Timezone', type: 'string', description: 'The time zone of the schedule', cell: ({ spec }) => spec.timeZone ?? NONE },
  { name: 'Suspend', type: 'boolean', description: 'Whether it makes no Jobs for now', cell: ({ spec }) => formatBool(spec.suspend) },
  { name: 'Active', type: 'integer', description: 'How many of its Jobs run', cell: ({ status }) => status.active?.length ?? 0 },
  {
    name: 'Last Schedule',
    type: 'string',
    description: 'How long ago it last made a Job',
    cell: ({ status: { lastScheduleTime } }, now_ms) => (lastScheduleTime ? ageOf(lastScheduleTime, now_ms) : NONE),
  },
];

export const cronJobs = defineKind<CronJob>({
  group: 'batch',
  version: 'v1',
  kind: 'CronJob',
  plural: 'cronjobs',
  shortNames: ['cj'],
  categories: ['all'],
  namespaced: true,
  schema: 'batch.v1.CronJob',
  warnings: (job, old) => [
    ...(old ? [] : hostnameWarnings('Pod names and hostnames', job)),
    ...templateWarnings(job, old, 'spec.jobTemplate.spec.template', job.spec.jobTemplate.spec!.template),
  ],
  columns: [
    ...columns,
    ...templateColumns<CronJob>(({ spec }) => spec.jobTemplate.spec.template),
    selectorColumn(({ spec }) => formatLabelSelector(spec.jobTemplate.spec.selector)),
  ],
  defaults({ spec }) {
    spec.concurrencyPolicy ||= 'Allow';
    spec.suspend ??= false;
    spec.successfulJobsHistoryLimit ??= KEPT_SUCCESSFUL;
    spec.failedJobsHistoryLimit ??= KEPT_FAILED;
    defaultPodSpec(spec.jobTemplate.spec.template.spec);
  },
  validate: ({ metadata, spec }, old) => [
    ...validateSpec(spec, old?.spec),
    ...(!old && metadata.name.length > MAX_NAME
      ? [invalid('metadata.name', metadata.name, `must be no more than ${MAX_NAME} characters`)]
      : []),
  ],
  prepareForCreate(cronJob) {
    cronJob.status = {};
  },
  subresources: { status: true },
});

function validateSpec(spec: CronJobSpec, old: CronJobSpec | undefined): FieldError[] {
  return [
    ...(spec.schedule ? validateSchedule(spec, old?.schedule.includes('TZ') ?? false) : [required('spec.schedule')]),
    ...checkNonNegative('spec.startingDeadlineSeconds', spec.startingDeadlineSeconds),
    ...(spec.timeZone === old?.timeZone ? [] : validateTimeZone('spec.timeZone', spec.timeZone)),
    ...checkOneOf('spec.concurrencyPolicy', spec.concurrencyPolicy, CONCURRENCY_POLICIES),
    ...validateJobTemplate('spec.jobTemplate', spec.jobTemplate),
    ...checkNonNegative('spec.successfulJobsHistoryLimit', spec.successfulJobsHistoryLimit),
    ...checkNonNegative('spec.failedJobsHistoryLimit', spec.failedJobsHistoryLimit),
  ];
}

function validateSchedule({ schedule, timeZone }: CronJobSpec, hadZone: boolean): FieldError[] {
  const errors: FieldError[] = [];
  try {
    parseCronSchedule(schedule);
  } catch (error) {
    if (!(error instanceof CronError)) throw error;
    errors.push(invalid('spec.schedule', schedule, error.message));
  }
  if (!schedule.includes('TZ')) return errors;
  if (!hadZone) {
    errors.push(invalid('spec.schedule', schedule, 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead'));
  } else if (timeZone !== undefined) {
    errors.push(invalid('spec.schedule', schedule, 'cannot use both timeZone field and TZ or CRON_TZ in schedule'));
  }
  return errors;
}

function validateTimeZone(field: string, zone: string | undefined): FieldError[] {
  if (zone === undefined) return [];
  if (zone === '') return [invalid(field, zone, 'timeZone must be nil or non-empty string')];
  const wellFormed = zone.split('/').every((part) => TIME_ZONE_PART.test(part) && !/^(\.{1,2}$|-)/.test(part));
  if (wellFormed && zone.toLowerCase() === 'local') {
    return [invalid(field, zone, 'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones')];
  }
  return wellFormed && isTimeZone(zone) ? [] : [invalid(field, zone, `unknown time zone ${zone}`)];
}

/** By its exact name, as it is a file's: Intl would take any case, and offsets. */
function isTimeZone(zone: string): boolean {
  if (!zone.split('/').every((part) => /^[A-Z]/.test(part))) return false;
  try {
    const { timeZone } = new Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions();
    return timeZone === zone || timeZone.toLowerCase() !== zone.toLowerCase();
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/** The Jobs' selectors are always generated. */
function validateJobTemplate(at: string, { spec }: JobTemplateSpec): FieldError[] {
  const errors = validateJobSpec(`${at}.spec`, spec);
  if (spec.selector) errors.push(invalid(`${at}.spec.selector`, spec.selector as Json, '`selector` will be auto-generated'));
  if (spec.manualSelector) errors.push(notSupported(`${at}.spec.manualSelector`, true, ['nil', 'false']));
  return errors;
}
