// Which pods of a node have to go for another: as few as will do, the least important ones, and none that a budget protects if that can be. Pure.
import type { Pod } from '../../kinds/types/core_v1.js';
import type { Refusal, Victims } from '../define.js';
import type { Budgets } from './preemption-budgets.js';

/** A node to try things on: what is on it in thought. */
export interface DryRun {
  without(pod: Pod): DryRun;
  with(pod: Pod): DryRun;
  /** Why the preemptor does not fit beside what is there; undefined: it does. */
  refusal(): Refusal | undefined;
}

/** undefined: nothing of less priority is there; a refusal: not even without all of that would it fit. */
export function selectVictims(pod: Pod, others: readonly Pod[], budgets: Budgets, node: DryRun): Victims | Refusal | undefined {
  const priority = priorityOf(pod);
  const lower = others.filter((other) => priorityOf(other) < priority);
  if (lower.length === 0) return undefined;
  let left = lower.reduce((rest, other) => rest.without(other), node);
  const refusal = left.refusal();
  if (refusal) return refusal;
  const { violating, others: free } = budgets.split(lower.sort(byImportance));
  const reprieve = (candidates: readonly Pod[]) =>
    candidates.filter((other) => {
      const more = left.with(other);
      if (more.refusal()) return true;
      left = more;
      return false;
    });
  // Those that a budget protects have their chance to stay first.
  const protectedOnes = reprieve(violating);
  const unprotected = reprieve(free);
  return { pods: [...protectedOnes, ...unprotected].sort(byImportance), violations: protectedOnes.length };
}

export const priorityOf = ({ spec }: Pod): number => spec.priority ?? 0;

/** Those that run longer are the more important of equals; one that has not started is the least. */
export function byImportance(a: Pod, b: Pod): number {
  return priorityOf(b) - priorityOf(a) || startOf(a) - startOf(b) || 0;
}

export function startOf({ status }: Pod): number {
  return status.startTime === undefined ? Number.MAX_SAFE_INTEGER : Date.parse(status.startTime);
}
