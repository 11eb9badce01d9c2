// A pod's quality of service: who is killed first when its node runs out of memory.
import { parseQuantity } from '../../apimachinery/quantity.js';
import type { PodSpec } from '../types/core_v1.js';
import { allContainers } from './podutil.js';

export type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort';

/** Only these two count; a node reclaims nothing else by class. */
const COMPUTE = ['cpu', 'memory'] as const;

/** Guaranteed: every container's limits are what it requests. BestEffort: none asks for anything. Burstable: the rest. */
export function qosClassOf(spec: PodSpec): QosClass {
  let asksForAny = false;
  let guaranteed = true;
  // What a pod asks for as a whole decides where it does.
  const whole = COMPUTE.some((resource) => spec.resources?.limits?.[resource] ?? spec.resources?.requests?.[resource]);
  for (const { resources } of whole ? [spec] : allContainers(spec)) {
    for (const resource of COMPUTE) {
      const limit = parseQuantity(resources?.limits?.[resource] ?? 0);
      // A limit stands for the request where there is none.
      const request = parseQuantity(resources?.requests?.[resource] ?? limit);
      if (limit > 0 || request > 0) asksForAny = true;
      if (limit === 0 || request !== limit) guaranteed = false;
    }
  }
  if (!asksForAny) return 'BestEffort';
  return guaranteed ? 'Guaranteed' : 'Burstable';
}
