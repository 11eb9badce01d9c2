// The condition that tells why the cluster itself, and not the pod's owner, ended a pod.
import type { PodCondition } from '../kinds/types/core_v1.js';

export function disruptionTarget(reason: string, message: string, now: string): PodCondition {
  return { type: 'DisruptionTarget', status: 'True', reason, message, lastTransitionTime: now };
}
