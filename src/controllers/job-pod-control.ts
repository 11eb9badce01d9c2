// The Job controller's pods in the API: which are a Job's, making and removing them, and letting go of those that nobody counts any more.
import { selectorOf } from '../apimachinery/labels.js';
import { controllerOf, keyOf, objectKey } from '../apimachinery/object.js';
import { isStatus } from '../apimachinery/status.js';
import { jobs } from '../kinds/batch/job.js';
import { JOB_NAME_LABELS } from '../kinds/batch/job-validation.js';
import { pods } from '../kinds/core/pod.js';
import type { Lister } from '../kinds/define.js';
import type { Job } from '../kinds/types/batch_v1.js';
import type { Pod } from '../kinds/types/core_v1.js';
import { claim } from './controller-ref.js';
import type { ReconcileContext } from './define.js';
import { findLive } from './find-live.js';
import type { Memory } from './job-memory.js';
import { isFinished } from './job-outcome.js';
import { FINALIZER_TRACKING, hasFailed, isTracked } from './job-pods.js';
import { indexedGenerateName, indexedTemplate, trackedTemplate } from './job-template.js';
import { type JobView, uncountedOf } from './job-view.js';
import { createPod, deletePod, slowStart } from './pod-control.js';

/** What `spec.managedBy` says of this controller; whoever else it names looks after the Job alone. */
const CONTROLLER = 'kubernetes.io/job-controller';

export const isManagedElsewhere = ({ spec }: Job): boolean => spec.managedBy !== undefined && spec.managedBy !== CONTROLLER;

/** Keys of the Jobs that would adopt a pod that nobody controls. */
export function couldAdopt(pod: Pod, lister: Lister): readonly string[] {
  if (controllerOf(pod)) return [];
  const all = lister.list(jobs, pod.metadata.namespace);
  return all.filter((job) => selectorOf(job.spec.selector).matches(pod.metadata.labels)).map(objectKey);
}

/** A tracked pod without a Job concerns whichever key of its namespace: each lets go of all such pods. */
export function orphanKeys(pod: Pod): readonly string[] {
  if (!isTracked(pod) || controllerOf(pod)?.kind === jobs.kind) return [];
  const { namespace, name, labels = {} } = pod.metadata;
  return [keyOf({ namespace, name: labels[JOB_NAME_LABELS[0]] ?? name })];
}

/** Lets go of pods whose Job is over, gone, or theirs no more. */
export async function freeOrphans(context: ReconcileContext, namespace: string): Promise<void> {
  const orphans = context.list(pods, namespace).filter((pod) => isTracked(pod) && !isCounted(context, pod));
  if (orphans.length === 0) return;
  const gone = new Set<Pod>();
  for (const pod of orphans) if (!(await isCountedLive(context, pod))) gone.add(pod);
  const { failure } = await release(context, [...gone]);
  if (failure !== undefined) throw failure;
}

function isCounted({ get }: ReconcileContext, pod: Pod): boolean {
  const ref = controllerOf(pod);
  if (ref?.kind !== jobs.kind) return false;
  return countsPods(get(jobs, { namespace: pod.metadata.namespace, name: ref.name }), ref.uid);
}

/** Asked live: to a cache that lags behind, a new Job's pod would look as if it had none. */
async function isCountedLive({ client }: ReconcileContext, pod: Pod): Promise<boolean> {
  const ref = controllerOf(pod);
  if (ref?.kind !== jobs.kind) return false;
  return countsPods(await findLive(client, jobs, { namespace: pod.metadata.namespace, name: ref.name }), ref.uid);
}

function countsPods(job: Job | undefined, uid: string): boolean {
  return job !== undefined && job.metadata.uid === uid && (isManagedElsewhere(job) || !isFinished(job));
}

/**
 * All pods of the Job. A cache that shows less of the pods than the Job has counted already would have it count them again: where
 * somebody else wrote the Job last, pods that are to be counted are asked for live.
 */
export async function podsOf(context: ReconcileContext, job: Job, memory: Memory | undefined): Promise<readonly Pod[]> {
  const { namespace } = job.metadata;
  const selector = selectorOf(job.spec.selector);
  const cached = context.claimable(pods, job);
  const isOwnWrite = memory?.version === job.metadata.resourceVersion;
  const live = !isOwnWrite && hasCounted(job) && (uncountedOf(job).size > 0 || cached.some((pod) => isToBeCounted(job, pod)));
  const candidates = live ? (await context.client.list(pods, { namespace, labelSelector: selector.toString() })).items : cached;
  return claim(context, { kind: jobs, object: job, selector, finalizer: FINALIZER_TRACKING }, pods, candidates);
}

function hasCounted(job: Job): boolean {
  const { succeeded = 0, failed = 0 } = job.status;
  return succeeded + failed + uncountedOf(job).size > 0;
}

function isToBeCounted(job: Job, pod: Pod): boolean {
  const isOver = pod.status.phase === 'Succeeded' || hasFailed(pod, job);
  return isOver && isTracked(pod) && controllerOf(pod)?.uid === job.metadata.uid;
}

/** Makes one pod for each of `indexes`; `made` is called for each. */
export async function createJobPods(
  context: ReconcileContext,
  { job, toReplace }: JobView,
  indexes: readonly (number | undefined)[],
  made: () => void,
): Promise<void> {
  let next = 0;
  await slowStart(indexes.length, async () => {
    const index = indexes[next++];
    if (index === undefined) await createPod(context, jobs, job, trackedTemplate(job));
    else await createPod(context, jobs, job, indexedTemplate(job, index, toReplace.get(index)), indexedGenerateName(job, index));
    made();
  });
}

/** Removes pods that do not count: they are let go first. `removed` is called for each that was there as it was seen. */
export async function removeJobPods(
  context: ReconcileContext,
  job: Job,
  surplus: readonly Pod[],
  removed: (pod: Pod) => void,
): Promise<void> {
  const results = await Promise.allSettled(
    surplus.map(async (pod) => {
      const free = isTracked(pod) ? await letGo(context, pod) : pod;
      const isOurs = free && controllerOf(free)?.uid === job.metadata.uid;
      if (isOurs && (await deletePod(context, job, free))) removed(pod);
    }),
  );
  const failed = results.find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
}

/** Lets all of them go; tells which are, and the first failure. */
export async function release(
  context: ReconcileContext,
  ended: readonly Pod[],
): Promise<{ readonly released: ReadonlySet<Pod>; readonly failure: unknown }> {
  const results = await Promise.allSettled(ended.map((pod) => letGo(context, pod)));
  const failed = results.find((result) => result.status === 'rejected');
  return { released: new Set(ended.filter((_, i) => results[i]!.status === 'fulfilled')), failure: failed?.reason };
}

/** Gives what became of it; undefined: it is gone. The uid in the patch refuses a namesake made since. */
async function letGo({ client }: ReconcileContext, { metadata }: Pod): Promise<Pod | undefined> {
  const patch = { metadata: { uid: metadata.uid, '$deleteFromPrimitiveList/finalizers': [FINALIZER_TRACKING] } };
  try {
    return await client.patch(pods, metadata, 'application/strategic-merge-patch+json', patch);
  } catch (error) {
    if (!isStatus(error, 'NotFound') && !isStatus(error, 'Conflict')) throw error;
  }
}
