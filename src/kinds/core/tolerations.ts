// Whether a toleration puts up with a taint: asked by the scheduler, by eviction and by the kubelet.
import type { Taint, Toleration } from '../types/core_v1.js';

/** An empty key with Exists, and an empty effect, mean any. */
export function tolerates(toleration: Toleration, taint: Taint): boolean {
  if (toleration.effect && toleration.effect !== taint.effect) return false;
  if (toleration.key && toleration.key !== taint.key) return false;
  if (toleration.operator === 'Exists') return true;
  return Boolean(toleration.key) && (toleration.value ?? '') === (taint.value ?? '');
}
