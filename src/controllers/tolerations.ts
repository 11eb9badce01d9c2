// How long a pod may stay on a node with taints: what its tolerations say of them. Pure.
import { tolerates } from '../kinds/core/tolerations.js';
import type { Taint, Toleration } from '../kinds/types/core_v1.js';

/** Milliseconds that a pod may stay: 0 where it must go at once, Infinity where it may stay for good. */
export function tolerated_ms(taints: readonly Taint[], tolerations: readonly Toleration[]): number {
  let shortest_ms = Number.POSITIVE_INFINITY;
  for (const taint of taints) {
    if (taint.effect !== 'NoExecute') continue;
    const matching = tolerations.filter((toleration) => tolerates(toleration, taint));
    if (matching.length === 0) return 0;
    for (const { tolerationSeconds } of matching) {
      if (tolerationSeconds !== undefined) shortest_ms = Math.min(shortest_ms, Math.max(0, tolerationSeconds) * 1000);
    }
  }
  return shortest_ms;
}
