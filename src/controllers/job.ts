// Watches Jobs and their pods: makes pods until enough have succeeded or too many have failed, and counts each of them once.
import { isDeepStrictEqual } from 'node:util';
import { rfc3339 } from '../apimachinery/clock.js';
import { isBeingDeleted, parseKey } from '../apimachinery/object.js';
import { jobs } from '../kinds/batch/job.js';
import { pods } from '../kinds/core/pod.js';
import { isPodReady } from '../kinds/core/podutil.js';
import type { Job, JobStatus } from '../kinds/types/batch_v1.js';
import type { Pod } from '../kinds/types/core_v1.js';
import { defineController, type ReconcileContext, type ReconcileResult } from './define.js';
import { type BackoffRecord, NO_FAILURES, recordEnded } from './job-backoff.js';
import { countEnded, isAllCounted, settle } from './job-counting.js';
import { type Memory, memoryOf } from './job-memory.js';
import { completed, deadlineLeft_ms, isFinished, isSuspended, type Outcome, outcomeOf, withCondition } from './job-outcome.js';
import { planPods } from './job-plan.js';
import {
  couldAdopt,
  createJobPods,
  freeOrphans,
  isManagedElsewhere,
  orphanKeys,
  podsOf,
  release,
  removeJobPods,
} from './job-pod-control.js';
import { hasFailed } from './job-pods.js';
import { type JobView, jobView } from './job-view.js';
import { deletePod, isNamespaceTerminating } from './pod-control.js';

export const job = defineController({
  name: 'job',
  inputs: [jobs, pods.ownedBy(jobs), pods.mapped(couldAdopt), pods.mapped(orphanKeys)],
  outputs: [pods, jobs.status],
  async reconcile(key, context) {
    const name = parseKey(key);
    await freeOrphans(context, name.namespace!);
    const object = context.get(jobs, name);
    const memory = memoryOf(context);
    if (!object || isFinished(object)) memory.delete(key);
    if (!object || isFinished(object) || isManagedElsewhere(object)) return;
    const known = memory.get(key);
    const ours = known?.uid === object.metadata.uid ? known : undefined;
    const own = await podsOf(context, object, ours);
    const sync = new JobSync(context, object, jobView(object, own), ours);
    try {
      return await sync.run();
    } finally {
      if (sync.memory) memory.set(key, sync.memory);
    }
  },
});

/** One pass over one Job: its pods, then what has ended, then its status. */
class JobSync {
  /** The newest that this pass has stored. */
  #stored: Job;
  #active: number;
  #ready: number;
  #terminating: number;
  readonly #removed = new Set<Pod>();
  /** Pods that were to go have changed or gone since they were seen. */
  #hasChangedPods = false;
  #conditions: NonNullable<JobStatus['conditions']>;
  #startTime: string | undefined;
  #waits: number[] = [];
  #failure: unknown;
  readonly #backoff: BackoffRecord;
  /** Undefined while nothing has been stored that there is to know about. */
  memory: Memory | undefined;

  constructor(
    private readonly context: ReconcileContext,
    private readonly job: Job,
    private readonly view: JobView,
    known: Memory | undefined,
  ) {
    this.#stored = job;
    this.#active = view.active.length;
    this.#ready = view.ready;
    this.#terminating = view.terminating;
    this.#conditions = job.status.conditions ?? [];
    this.#startTime = job.status.startTime ?? (isSuspended(job) ? undefined : this.#now());
    this.#backoff = backoffOf(view, known);
    this.memory = known;
  }

  async run(): Promise<ReconcileResult> {
    const now_ms = this.context.clock.now();
    const started = this.#startTime === undefined ? this.job : { ...this.job, status: { ...this.job.status, startTime: this.#startTime } };
    let outcome = outcomeOf({ ...this.view, job: started }, now_ms);
    if (outcome) {
      await this.#attempt(() => this.#endActive());
      // Nothing is said to be over while pods may still be running.
      if (this.#failure !== undefined) outcome = undefined;
    } else {
      const isManaged = !isBeingDeleted(this.job);
      if (isManaged) await this.#attempt(() => this.#managePods(now_ms));
      outcome = completed(this.view, this.#active);
      if (!outcome && isManaged) this.#tellSuspension();
      const left_ms = deadlineLeft_ms(started, now_ms);
      if (left_ms !== undefined) this.#waits.push(left_ms);
    }
    // Else the counts would be wrong, and another manager's right: what has changed brings the Job back.
    if (!this.#hasChangedPods) await this.#count(outcome);
    if (this.#failure !== undefined && !isNamespaceTerminating(this.#failure)) throw this.#failure;
    return this.#waits.length > 0 ? { requeueAfter_ms: Math.min(...this.#waits) } : {};
  }

  /** What has been made or removed until something fails is told in the status all the same. */
  async #attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#failure = error;
    }
  }

  async #endActive(): Promise<void> {
    const { context, job, view } = this;
    const results = await Promise.allSettled(view.active.map((pod) => deletePod(context, job, pod)));
    const failed = results.find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
    results.forEach((result, i) => {
      if (result.status === 'fulfilled' && result.value) this.#leaves(view.active[i]!);
      else this.#hasChangedPods = true;
    });
  }

  async #managePods(now_ms: number): Promise<void> {
    const { context, job, view } = this;
    const { remove, create, wait_ms } = planPods(view, this.#backoff, now_ms);
    if (wait_ms !== undefined) this.#waits.push(wait_ms);
    await removeJobPods(context, job, remove, (pod) => {
      this.#removed.add(pod);
      this.#leaves(pod);
    });
    this.#hasChangedPods = this.#removed.size < remove.length;
    await createJobPods(context, view, create, () => void this.#active++);
  }

  #leaves(pod: Pod): void {
    this.#active--;
    this.#terminating++;
    if (isPodReady(pod)) this.#ready--;
  }

  #tellSuspension(): void {
    const { context, job } = this;
    const suspended = isSuspended(job);
    const what = suspended ? { reason: 'JobSuspended', message: 'Job suspended' } : { reason: 'JobResumed', message: 'Job resumed' };
    const next = withCondition(this.#conditions, 'Suspended', suspended ? 'True' : 'False', what, this.#now());
    if (next === this.#conditions) return;
    this.#conditions = next;
    context.events.event(job, 'Normal', suspended ? 'Suspended' : 'Resumed', what.message);
    // The time it may take starts anew.
    if (!suspended) this.#startTime = this.#now();
  }

  async #count(outcome: Outcome | undefined): Promise<void> {
    const { context, job, view } = this;
    const replaces = !isSuspended(job) && !isNamespaceTerminating(this.#failure);
    const { status, release: ended, all } = countEnded(view, outcome !== undefined, this.#removed, replaces);
    if (outcome) this.#conditions = withCondition(this.#conditions, outcome.type, 'True', outcome, this.#now());
    if (ended.length > 0) await this.#store(status);
    const { released, failure } = await release(context, ended);
    this.#failure ??= failure;
    const held = view.pods.filter((pod) => !released.has(pod)).map(({ metadata }) => metadata.uid);
    const counted = settle(ended.length > 0 ? this.#stored.status : status, new Set(held));
    const isOver = outcome !== undefined && all && isAllCounted(counted) && this.#terminating === 0;
    if (isOver) {
      // One that is suspended has none, and may be over all the same, by pods that ended while they were told to go.
      this.#startTime ??= this.#now();
      const type = outcome.type === 'FailureTarget' ? 'Failed' : 'Complete';
      this.#conditions = withCondition(this.#conditions, type, 'True', outcome, this.#now());
    }
    await this.#store(isOver && outcome.type === 'SuccessCriteriaMet' ? { ...counted, completionTime: this.#endTime() } : counted);
    if (isOver) this.#tellEnd(job, outcome);
    else if (!all) this.#waits.push(0);
  }

  #tellEnd(job: Job, outcome: Outcome): void {
    const { events } = this.context;
    if (outcome.type === 'FailureTarget') events.event(job, 'Warning', outcome.reason, outcome.message);
    else {
      if (job.spec.completions !== undefined && this.view.succeeded > job.spec.completions) {
        events.event(job, 'Warning', 'TooManySucceededPods', 'Too many succeeded pods running after completion count reached');
      }
      events.event(job, 'Normal', 'Completed', 'Job completed');
    }
  }

  /** Refused where anybody else has written the Job meanwhile: counting is done on what is stored, or not at all. */
  async #store(counts: JobStatus): Promise<void> {
    const status: JobStatus = {
      ...counts,
      ...(this.#conditions.length > 0 ? { conditions: this.#conditions } : {}),
      ...(this.#startTime === undefined ? {} : { startTime: this.#startTime }),
      active: this.#active,
      ready: this.#ready,
      terminating: this.#terminating,
    };
    if (isDeepStrictEqual(normal(status), normal(this.#stored.status))) return;
    this.#stored = await this.context.client.update(jobs, { ...this.#stored, status }, 'status');
    // From here on what has ended is on record, and is not new again.
    this.memory = { uid: this.job.metadata.uid, version: this.#stored.metadata.resourceVersion!, backoff: this.#backoff };
  }

  /** Not before its start, which is refused: the clock may have been set back, or be another manager's. */
  #endTime(): string {
    return rfc3339(Math.max(this.context.clock.now(), Date.parse(this.#startTime!)));
  }

  #now(): string {
    return rfc3339(this.context.clock.now());
  }
}

/** A manager that has just begun goes by all pods there are. */
function backoffOf({ job, pods: all, newSucceeded, newFailed }: JobView, known: Memory | undefined): BackoffRecord {
  if (known) return recordEnded(known.backoff, newSucceeded, newFailed);
  const succeeded = all.filter(({ status }) => status.phase === 'Succeeded');
  return recordEnded(
    NO_FAILURES,
    succeeded,
    all.filter((pod) => hasFailed(pod, job)),
  );
}

/** Without the zeros and empty lists that storage may leave out. */
function normal(status: JobStatus): object {
  const { uncountedTerminatedPods = {}, ...rest } = status;
  const fields = Object.entries({ ...rest, ...uncountedTerminatedPods });
  return Object.fromEntries(
    fields.filter(([, value]) => value !== 0 && value !== '' && value !== undefined && !(Array.isArray(value) && value.length === 0)),
  );
}
