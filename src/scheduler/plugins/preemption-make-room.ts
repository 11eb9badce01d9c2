// A preemption carried out: each victim gets the condition that says why, is deleted and told of; whom less room was promised there has to look again.
import { rfc3339 } from '../../apimachinery/clock.js';
import { isBeingDeleted, objectKey } from '../../apimachinery/object.js';
import { isStatus } from '../../apimachinery/status.js';
import { pods } from '../../kinds/core/pod.js';
import { podCondition } from '../../kinds/core/podutil.js';
import type { Pod } from '../../kinds/types/core_v1.js';
import type { Candidate, PluginContext } from '../define.js';
import { priorityOf } from './preemption-victims.js';

const CONDITION = 'DisruptionTarget';
const REASON = 'PreemptionByScheduler';
const STRATEGIC_MERGE = 'application/strategic-merge-patch+json';

export function wasPreempted(pod: Pod): boolean {
  const condition = podCondition(pod, CONDITION);
  return condition?.status === 'True' && condition.reason === REASON;
}

/** Rejects with the first error once all were tried; a victim that is gone already is none. */
export async function makeRoom(pod: Pod, { node, victims }: Candidate, scheduler: string, context: PluginContext): Promise<void> {
  const losers = (context.snapshot.nominated.on(node) ?? []).filter((other) => priorityOf(other) < priorityOf(pod));
  const done = await Promise.allSettled([
    ...victims.pods.map((victim) => evict(victim, pod, node, scheduler, context)),
    ...losers.map((loser) => clearNomination(loser, context)),
  ]);
  for (const one of done) if (one.status === 'rejected') throw one.reason;
}

async function evict(victim: Pod, pod: Pod, node: string, scheduler: string, { client, clock, events }: PluginContext): Promise<void> {
  if (isBeingDeleted(victim)) return;
  const { uid } = victim.metadata;
  const condition = {
    type: CONDITION,
    status: 'True',
    reason: REASON,
    message: `${scheduler}: preempting to accommodate a higher priority pod`,
    lastTransitionTime: rfc3339(clock.now()),
  };
  try {
    await client.patch(pods, victim.metadata, STRATEGIC_MERGE, { metadata: { uid }, status: { conditions: [condition] } }, 'status');
    await client.delete(pods, victim.metadata, { preconditions: { uid } });
  } catch (error) {
    if (isGone(error)) return;
    throw new Error(`preempting pod ${objectKey(victim)}: ${(error as Error).message}`, { cause: error });
  }
  events.event(victim, 'Normal', 'Preempted', `Preempted by pod ${pod.metadata.uid} on node ${node}`);
}

async function clearNomination({ metadata }: Pod, { client }: PluginContext): Promise<void> {
  const patch = { metadata: { uid: metadata.uid }, status: { nominatedNodeName: null } };
  try {
    await client.patch(pods, metadata, STRATEGIC_MERGE, patch, 'status');
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

/** It, or one of its name that came after it. */
const isGone = (error: unknown) => isStatus(error, 'NotFound') || isStatus(error, 'Conflict');
