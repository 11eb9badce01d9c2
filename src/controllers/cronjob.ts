// Watches CronJobs and their Jobs: makes a Job when the schedule is due, keeps the list of those that run, and removes old ones.
import { rfc3339 } from '../apimachinery/clock.js';
import { controllerOf, isBeingDeleted, parseKey } from '../apimachinery/object.js';
import { isStatus, StatusError } from '../apimachinery/status.js';
import { CronError, parseCronSchedule } from '../kinds/batch/cron-schedule.js';
import { cronJobs } from '../kinds/batch/cronjob.js';
import { jobs } from '../kinds/batch/job.js';
import { isConditionTrue } from '../kinds/batch/job-status-validation.js';
import { sameJson } from '../kinds/checks.js';
import type { CronJob, CronJobStatus, Job } from '../kinds/types/batch_v1.js';
import type { ObjectReference } from '../kinds/types/core_v1.js';
import { controllerRef } from './controller-ref.js';
import { missedTimes, nextTime, type Schedule } from './cron-times.js';
import { defineController, type ReconcileContext, type ReconcileResult } from './define.js';
import { findLive } from './find-live.js';
import { isFinished } from './job-outcome.js';
import { isNamespaceTerminating } from './pod-control.js';
import { rfc3339In, wallTime } from './time-zone.js';

const ANNOTATION_SCHEDULED = 'batch.kubernetes.io/cronjob-scheduled-timestamp';
/** Upstream's: so long after the time it is looked at, so that it is past. */
const NEXT_DELTA_ms = 100;

export const cronJob = defineController({
  name: 'cronjob',
  inputs: [cronJobs, jobs.ownedBy(cronJobs)],
  outputs: [jobs, cronJobs.status],
  async reconcile(key, context) {
    const object = context.get(cronJobs, parseKey(key));
    if (!object) return;
    const own = context.claimable(jobs, object).filter((job) => controllerOf(job)?.uid === object.metadata.uid);
    return new CronSync(context, object, own).run();
  },
});

/** One pass over one CronJob. */
class CronSync {
  #active: readonly ObjectReference[];
  #lastScheduleTime: string | undefined;
  #lastSuccessfulTime: string | undefined;
  readonly #now_ms: number;

  constructor(
    private readonly context: ReconcileContext,
    private readonly cronJob: CronJob,
    private readonly own: readonly Job[],
  ) {
    const { active = [], lastScheduleTime, lastSuccessfulTime } = cronJob.status;
    this.#active = active;
    this.#lastScheduleTime = lastScheduleTime;
    this.#lastSuccessfulTime = lastSuccessfulTime;
    this.#now_ms = context.clock.now();
  }

  async run(): Promise<ReconcileResult> {
    await this.#follow();
    await this.#removeOld();
    try {
      return await this.#schedule();
    } finally {
      await this.#writeStatus();
    }
  }

  /** What has become of the Jobs that were said to run. */
  async #follow(): Promise<void> {
    for (const job of this.own) {
      const isListed = this.#active.some(({ uid }) => uid === job.metadata.uid);
      if (isListed && isFinished(job)) {
        this.#drop(job.metadata.uid);
        const how = isConditionTrue(job.status, 'Complete') ? 'Complete' : 'Failed';
        this.#tell('Normal', 'SawCompletedJob', `Saw completed job: ${job.metadata.name}, condition: ${how}`);
      } else if (!isListed && !isFinished(job)) {
        this.#tell('Warning', 'UnexpectedJob', `Saw a job that the controller did not create or forgot: ${job.metadata.name}`);
      }
      const { completionTime } = job.status;
      if (
        isConditionTrue(job.status, 'Complete') &&
        completionTime &&
        !(Date.parse(completionTime) <= Date.parse(this.#lastSuccessfulTime ?? ''))
      ) {
        this.#lastSuccessfulTime = completionTime;
      }
    }
    const known = new Set(this.own.map(({ metadata }) => metadata.uid));
    for (const { name = '', uid = '' } of this.#active) {
      if (known.has(uid) || (await this.#find(name))?.metadata.uid === uid) continue;
      this.#tell('Normal', 'MissingJob', `Active job went missing: ${name}`);
      this.#drop(uid);
    }
  }

  async #removeOld(): Promise<void> {
    const { successfulJobsHistoryLimit: keptSuccessful, failedJobsHistoryLimit: keptFailed } = this.cronJob.spec;
    const byStart = [...this.own].sort((a, b) => startOf(a) - startOf(b) || (a.metadata.name < b.metadata.name ? -1 : 1));
    for (const [type, kept] of [
      ['Complete', keptSuccessful],
      ['Failed', keptFailed],
    ] as const) {
      if (kept === undefined) continue;
      const over = byStart.filter((job) => isConditionTrue(job.status, type) && !isBeingDeleted(job));
      for (const job of over.slice(0, Math.max(0, over.length - kept))) await this.#delete(job);
    }
  }

  async #schedule(): Promise<ReconcileResult> {
    const { cronJob } = this;
    const { spec } = cronJob;
    if (isBeingDeleted(cronJob) || spec.suspend) return {};
    const schedule = this.#parse();
    if (!schedule) return {};
    const due_ms = this.#due(schedule);
    if (due_ms === 'never') return {};
    if (due_ms !== undefined && !(await this.#start(due_ms))) return {};
    return this.#whenNext(schedule);
  }

  /** Undefined, and told of, where it makes no sense. */
  #parse(): Schedule | undefined {
    const { schedule, timeZone } = this.cronJob.spec;
    try {
      if (timeZone !== undefined) wallTime(this.#now_ms, timeZone);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.#tell('Warning', 'UnknownTimeZone', `invalid timeZone: ${JSON.stringify(timeZone)}: unknown time zone ${timeZone}`);
      return undefined;
    }
    try {
      return parseCronSchedule(schedule);
    } catch (error) {
      if (!(error instanceof CronError)) throw error;
      this.#tell('Warning', 'UnparseableSchedule', `unparseable schedule: ${JSON.stringify(schedule)} : ${error.message}`);
      return undefined;
    }
  }

  /** The time for which a Job is still to be made, if any. */
  #due(schedule: Schedule): number | 'never' | undefined {
    const { spec } = this.cronJob;
    const deadline_ms = spec.startingDeadlineSeconds === undefined ? undefined : this.#now_ms - spec.startingDeadlineSeconds * 1000;
    const since_ms = Math.max(this.#since_ms(), deadline_ms ?? Number.NEGATIVE_INFINITY);
    try {
      const { latest_ms, many } = missedTimes(schedule, since_ms, this.#now_ms, spec.timeZone);
      if (many) {
        const why = 'too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew';
        this.#tell('Warning', 'TooManyMissedTimes', why);
      }
      return latest_ms;
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.#tell('Warning', 'InvalidSchedule', `invalid schedule: ${spec.schedule} : ${error.message}`);
      return 'never';
    }
  }

  #since_ms(): number {
    return Date.parse(this.#lastScheduleTime ?? this.cronJob.metadata.creationTimestamp);
  }

  /** False where the CronJob need not be looked at again until something changes. */
  async #start(due_ms: number): Promise<boolean> {
    const { cronJob, context } = this;
    const { concurrencyPolicy } = cronJob.spec;
    const name = `${cronJob.metadata.name}-${Math.floor(due_ms / 60_000)}`;
    if (this.#active.some((ref) => ref.name === name) || this.#since_ms() === due_ms) return true;
    if (concurrencyPolicy === 'Forbid' && this.#active.length > 0) {
      const why = 'Not starting job because prior execution is running and concurrency policy is Forbid';
      this.#tell('Normal', 'JobAlreadyActive', why);
      return true;
    }
    if (concurrencyPolicy === 'Replace') for (const { name: running = '' } of this.#active) await this.#replace(running);
    try {
      const made = await this.#create(name, due_ms);
      if (!made) return true;
      if (!isFinished(made)) this.#active = [...this.#active, refOf(made)];
      this.#lastScheduleTime = rfc3339(due_ms);
      return true;
    } catch (error) {
      if (isNamespaceTerminating(error)) return false;
      if (error instanceof StatusError) context.events.event(cronJob, 'Warning', 'FailedCreate', `Error creating job: ${error.message}`);
      throw error;
    }
  }

  /** The Job of that time; one that was made before and forgotten is as good as a new one. */
  async #create(name: string, due_ms: number): Promise<Job | undefined> {
    const { cronJob, context } = this;
    const { metadata, spec } = cronJob.spec.jobTemplate;
    const scheduled = rfc3339In(due_ms, cronJob.spec.timeZone ?? 'UTC');
    try {
      const made = await context.client.create(jobs, {
        metadata: {
          name,
          namespace: cronJob.metadata.namespace!,
          ...(metadata?.labels ? { labels: metadata.labels } : {}),
          annotations: { ...metadata?.annotations, [ANNOTATION_SCHEDULED]: scheduled },
          ownerReferences: [controllerRef(cronJobs, cronJob)],
        },
        spec,
      });
      this.#tell('Normal', 'SuccessfulCreate', `Created job ${name}`);
      return made;
    } catch (error) {
      if (!isStatus(error, 'AlreadyExists')) throw error;
      const there = await this.#find(name);
      if (!there || controllerOf(there)?.uid !== cronJob.metadata.uid) throw error;
      return there;
    }
  }

  async #replace(name: string): Promise<void> {
    const job = await this.#find(name);
    if (job) await this.#delete(job);
  }

  #find(name: string): Promise<Job | undefined> {
    return findLive(this.context.client, jobs, { namespace: this.cronJob.metadata.namespace, name });
  }

  async #delete({ metadata }: Job): Promise<void> {
    try {
      await this.context.client.delete(jobs, metadata, { propagationPolicy: 'Background', preconditions: { uid: metadata.uid } });
    } catch (error) {
      if (isStatus(error, 'NotFound')) return;
      if (error instanceof StatusError) this.#tell('Warning', 'FailedDelete', `Deleted job: ${error.message}`);
      throw error;
    }
    this.#drop(metadata.uid);
    this.#tell('Normal', 'SuccessfulDelete', `Deleted job ${metadata.name}`);
  }

  #whenNext(schedule: Schedule): ReconcileResult {
    const next_ms = nextTime(schedule, this.#now_ms, this.cronJob.spec.timeZone);
    return next_ms === undefined ? {} : { requeueAfter_ms: next_ms + NEXT_DELTA_ms - this.#now_ms };
  }

  async #writeStatus(): Promise<void> {
    const status: CronJobStatus = {
      ...(this.#active.length > 0 ? { active: this.#active } : {}),
      ...(this.#lastScheduleTime ? { lastScheduleTime: this.#lastScheduleTime } : {}),
      ...(this.#lastSuccessfulTime ? { lastSuccessfulTime: this.#lastSuccessfulTime } : {}),
    };
    const { active = [], ...before } = this.cronJob.status;
    if (sameJson(status, active.length > 0 ? { active, ...before } : before)) return;
    await this.context.client.update(cronJobs, { ...this.cronJob, status }, 'status');
  }

  #drop(uid: string): void {
    this.#active = this.#active.filter((ref) => ref.uid !== uid);
  }

  #tell(type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.context.events.event(this.cronJob, type, reason, message);
  }
}

const startOf = ({ status, metadata }: Job) => Date.parse(status.startTime ?? metadata.creationTimestamp);

function refOf({ apiVersion, kind, metadata }: Job): ObjectReference {
  const { name, namespace, uid, resourceVersion } = metadata;
  return { apiVersion, kind, name, namespace: namespace!, uid, resourceVersion: resourceVersion! };
}
