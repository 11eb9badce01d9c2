// Whether a pod has been ready for as long as its owner's minReadySeconds asks. Pure.
import { isPodReady, podCondition } from '../kinds/core/podutil.js';
import type { Pod } from '../kinds/types/core_v1.js';

/** Without a minimum, ready is available: a node's clock that runs ahead must not delay it. */
export function isPodAvailable(pod: Pod, minReadySeconds: number, now_ms: number): boolean {
  return isPodReady(pod) && (minReadySeconds === 0 || readyFor_ms(pod, now_ms) >= minReadySeconds * 1000);
}

/** How long until the next ready pod has been so for long enough; undefined where none is waiting. */
export function untilAvailable_ms(pods: readonly Pod[], minReadySeconds: number, now_ms: number): number | undefined {
  if (minReadySeconds === 0) return undefined;
  const waits = pods.filter(isPodReady).map((pod) => minReadySeconds * 1000 - readyFor_ms(pod, now_ms));
  const waiting = waits.filter((wait_ms) => wait_ms > 0);
  return waiting.length > 0 ? Math.min(...waiting) : undefined;
}

function readyFor_ms(pod: Pod, now_ms: number): number {
  const since = podCondition(pod, 'Ready')?.lastTransitionTime;
  return since ? now_ms - Date.parse(since) : 0;
}
