// Which of several nodes preemption does the least harm on: one criterion after the other, until one node is left. Pure.
import type { Candidate, Victims } from '../define.js';
import { byImportance, priorityOf, startOf } from './preemption-victims.js';

/** Each is to be as small as can be, and decides among those that all before it left alike. */
const CRITERIA: readonly { readonly text: string; readonly of: (victims: Victims) => number }[] = [
  { text: 'fewest violated disruption budgets', of: ({ violations }) => violations },
  { text: 'lowest priority of the most important victim', of: ({ pods }) => priorityOf(pods[0]!) },
  { text: 'smallest sum of the priorities', of: ({ pods }) => pods.reduce((sum, pod) => sum + priorityOf(pod) + PRIORITY_SHIFT, 0) },
  { text: 'fewest victims', of: ({ pods }) => pods.length },
  { text: 'most important victims that run the shortest', of: ({ pods }) => -earliestStart(pods) },
];
/** Makes every priority positive, so that more victims weigh more also where theirs are negative. */
const PRIORITY_SHIFT = 2 ** 31;

export interface Picked {
  readonly candidate: Candidate;
  /** The criterion that left this one only. */
  readonly by: string;
}

/** By criterion; a candidate that is remembered is often one of many again. */
const harms = new WeakMap<Victims, readonly number[]>();

function harmOf(victims: Victims): readonly number[] {
  let known = harms.get(victims);
  if (!known) harms.set(victims, (known = CRITERIA.map(({ of }) => of(victims))));
  return known;
}

/** There is at least one candidate, and each has a victim. */
export function pickOneNode(candidates: readonly Candidate[]): Picked {
  let best = candidates.map((candidate) => ({ candidate, harm: harmOf(candidate.victims) }));
  for (const [i, { text }] of CRITERIA.entries()) {
    if (best.length === 1) break;
    const least = best.reduce((lowest, { harm }) => Math.min(lowest, harm[i]!), Number.POSITIVE_INFINITY);
    if (best.some(({ harm }) => harm[i] !== least)) best = best.filter(({ harm }) => harm[i] === least);
    if (best.length === 1) return { candidate: best[0]!.candidate, by: text };
  }
  return { candidate: best[0]!.candidate, by: candidates.length === 1 ? 'the only one' : 'the first of those that are alike in all' };
}

/** Of the most important victims, when the one that runs the longest began. */
function earliestStart(pods: Victims['pods']): number {
  const highest = priorityOf([...pods].sort(byImportance)[0]!);
  return Math.min(...pods.filter((pod) => priorityOf(pod) === highest).map(startOf));
}
