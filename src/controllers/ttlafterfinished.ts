// Watches Jobs; deletes those that are over, with their pods, ttlSecondsAfterFinished after that.
import { isBeingDeleted, parseKey } from '../apimachinery/object.js';
import { isStatus } from '../apimachinery/status.js';
import { jobs } from '../kinds/batch/job.js';
import type { Job } from '../kinds/types/batch_v1.js';
import { defineController, type ReconcileContext, type ReconcileResult } from './define.js';

export const ttlAfterFinished = defineController({
  name: 'ttl-after-finished',
  inputs: [jobs],
  outputs: [jobs],
  async reconcile(key, context) {
    const job = context.get(jobs, parseKey(key));
    const left_ms = job && timeLeft_ms(job, context.clock.now());
    if (left_ms === undefined || left_ms > 0) return requeue(left_ms);
    return expire(context, job!);
  },
});

/** Undefined while it is not to be deleted at all. */
function timeLeft_ms(job: Job, now_ms: number): number | undefined {
  const { spec, status } = job;
  const over = status.conditions?.find(({ type, status }) => (type === 'Complete' || type === 'Failed') && status === 'True');
  if (spec.ttlSecondsAfterFinished === undefined || !over?.lastTransitionTime || isBeingDeleted(job)) return undefined;
  return Math.max(0, Date.parse(over.lastTransitionTime) + spec.ttlSecondsAfterFinished * 1000 - now_ms);
}

const requeue = (left_ms: number | undefined): ReconcileResult => (left_ms === undefined ? {} : { requeueAfter_ms: left_ms });

/** Asked live: the time may have been made longer a moment ago, and what is deleted is gone. */
async function expire({ client, clock }: ReconcileContext, { metadata }: Job): Promise<ReconcileResult> {
  try {
    const fresh = await client.get(jobs, metadata);
    const left_ms = fresh.metadata.uid === metadata.uid ? timeLeft_ms(fresh, clock.now()) : undefined;
    if (left_ms !== 0) return requeue(left_ms);
    const { uid, resourceVersion } = fresh.metadata;
    await client.delete(jobs, metadata, { propagationPolicy: 'Foreground', preconditions: { uid, resourceVersion: resourceVersion! } });
  } catch (error) {
    if (!isStatus(error, 'NotFound')) throw error;
  }
  return {};
}
