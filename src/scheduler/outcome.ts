// What is told of an attempt that placed nobody: an event, and the pod's condition PodScheduled.
import { type Clock, rfc3339 } from '../apimachinery/clock.js';
import type { Logger } from '../apimachinery/logger.js';
import { objectKey } from '../apimachinery/object.js';
import { StatusError } from '../apimachinery/status.js';
import type { Client } from '../client/client.js';
import type { EventRecorder } from '../client/events.js';
import { pods } from '../kinds/core/pod.js';
import { podCondition } from '../kinds/core/podutil.js';
import type { Pod } from '../kinds/types/core_v1.js';

export interface Teller {
  readonly client: Client;
  readonly clock: Clock;
  readonly events: EventRecorder;
  readonly log: Logger;
}

export interface Failure {
  readonly reason: 'Unschedulable' | 'SchedulerError';
  readonly message: string;
  /** Where room is made for it; empty: nowhere any more. */
  readonly nominatedNode?: string | undefined;
  /** Only of the pod as it was: it may have got a node by somebody else. */
  readonly ifUnchanged?: boolean;
}

const STRATEGIC_MERGE = 'application/strategic-merge-patch+json';

export async function tellFailure(pod: Pod, { reason, message, nominatedNode, ifUnchanged }: Failure, teller: Teller): Promise<void> {
  const { client, clock, events, log } = teller;
  events.event(pod, 'Warning', 'FailedScheduling', message);
  const before = podCondition(pod, 'PodScheduled');
  const nominates = nominatedNode !== undefined && nominatedNode !== (pod.status.nominatedNodeName ?? '');
  if (before?.status === 'False' && before.reason === reason && before.message === message && !nominates) return;
  const now = rfc3339(clock.now());
  const lastTransitionTime = before?.status === 'False' ? (before.lastTransitionTime ?? now) : now;
  const { uid, resourceVersion } = pod.metadata;
  const patch = {
    metadata: { uid, ...(ifUnchanged && { resourceVersion }) },
    status: {
      conditions: [{ type: 'PodScheduled', status: 'False', reason, message, lastTransitionTime }],
      ...(nominates && { nominatedNodeName: nominatedNode || null }),
    },
  };
  try {
    await client.patch(pods, pod.metadata, STRATEGIC_MERGE, patch, 'status');
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    // The event has told of it, and the next try tells again.
    if (error.reason !== 'NotFound' && error.reason !== 'Conflict')
      log.warn({ pod: objectKey(pod), reason: error.reason }, `condition not written: ${error.message}`);
  }
}
