// Which pods of a node have to go for another: as few as will do, the least important ones, and none that a budget protects if that can be. Pure.
import type { Pod } from '../../kinds/types/core_v1.js';
import type { Victims } from '../define.js';
import type { Budgets } from './preemption-budgets.js';

/** A node to try things on: what is on it in thought. */
export interface DryRun {
  remove(pod: Pod): void;
  add(pod: Pod): void;
  /** Whether the preemptor fits beside what is left. */
  fits(): boolean;
}

/** undefined: nothing of less priority is there; false: not even without all of that would it fit. */
export function selectVictims(pod: Pod, others: readonly Pod[], budgets: Budgets, node: DryRun): Victims | undefined | false {
  const priority = priorityOf(pod);
  const lower = others.filter((other) => priorityOf(other) < priority);
  if (lower.length === 0) return undefined;
  for (const other of lower) node.remove(other);
  if (!node.fits()) return false;
  const { violating, others: free } = budgets.split(lower.sort(byImportance));
  const reprieve = (candidates: readonly Pod[]) =>
    candidates.filter((other) => {
      node.add(other);
      if (node.fits()) return false;
      node.remove(other);
      return true;
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
