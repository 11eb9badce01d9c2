// What is kept of a cycle's Decision: a few names and numbers, and where the rest was written. Pure.
import type { PreemptionCandidate } from '../client/pod-decisions.js';
import { candidateOf, FITS, type Scores, type Written } from './decision-ring.js';
import type { Decision, PostFilterResult, Profile, Refusal, SchedulerPlugin } from './define.js';

/** One attempt at a pod. */
export interface Attempt {
  readonly decision: Decision;
  /** Absent where a node was found. */
  readonly postFilter?: PostFilterResult | undefined;
  readonly attempt: number;
  /** When the cycle began. */
  readonly at_ms: number;
  readonly duration_ms: number;
}

/** Holds on to nothing of the cluster: only to plugins and their words. */
export interface KeptDecision {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly profile: Profile;
  readonly attempt: number;
  readonly at_ms: number;
  readonly duration_ms: number;
  readonly total: number;
  readonly feasible: number;
  readonly node: string | undefined;
  readonly refusedAll: Decision['refusedAll'] | undefined;
  readonly restrictedBy: readonly SchedulerPlugin[] | undefined;
  readonly verdicts: readonly Verdict[];
  /** A bit for each of `profile.score` that scored. */
  readonly scored: number;
  readonly bestFew: Scores;
  /** How many were equally the best. */
  readonly best: number;
  readonly preemption: KeptPreemption | undefined;
  readonly nominatedNode: string | undefined;
  readonly message: string;
  readonly written: Written | undefined;
}

/** What a plugin said of so many nodes. */
export interface Verdict {
  readonly plugin: SchedulerPlugin;
  readonly refusal: Refusal;
  nodes: number;
}

interface KeptPreemption {
  readonly message: string;
  readonly chosen: PreemptionCandidate | undefined;
}

/** What only decisions have that are more than a choice between nodes that all fit. */
export type Special = Pick<KeptDecision, 'refusedAll' | 'restrictedBy' | 'verdicts' | 'preemption' | 'nominatedNode' | 'message'>;

export const NOTHING_SPECIAL: Special = {
  refusedAll: undefined,
  restrictedBy: undefined,
  verdicts: [],
  preemption: undefined,
  nominatedNode: undefined,
  message: '',
};

export function specialOf({ decision, postFilter }: Attempt, verdicts: readonly Verdict[]): Special {
  const { refusedAll, restrictedBy, message } = decision;
  if (!refusedAll && !restrictedBy && verdicts.length === 0 && !postFilter && !message) return NOTHING_SPECIAL;
  const preemption = postFilter?.preemption;
  return {
    refusedAll,
    restrictedBy: restrictedBy?.plugins,
    verdicts,
    preemption: preemption && { message: preemption.message, chosen: preemption.chosen && candidateOf(preemption.chosen) },
    nominatedNode: postFilter?.nominatedNode || undefined,
    message: postFilter?.message ? `${message} ${postFilter.message}` : message,
  };
}

/** What the nodes of each run were told: an index in `verdicts`, or that they fit. */
interface Told {
  readonly verdicts: readonly Verdict[];
  readonly told: readonly number[];
}

/** Nodes mostly refuse with the same few objects. */
export function toldTo({ runs, refused }: Decision): Told {
  if (refused.length === 0) return { verdicts: [], told: runs.map(() => FITS) };
  const verdicts: Verdict[] = [];
  const known = new Map<string, number>();
  const told = runs.map(({ refusedBy, refusal, count }) => {
    if (!refusedBy || !refusal) return FITS;
    let which = verdicts.findIndex((verdict) => verdict.refusal === refusal && verdict.plugin === refusedBy);
    if (which === -1) {
      const text = `${refusedBy.name} ${refusal.unresolvable === true} ${refusal.reasons.join()}`;
      which = known.get(text) ?? verdicts.push({ plugin: refusedBy, refusal, nodes: 0 }) - 1;
      known.set(text, which);
    }
    verdicts[which]!.nodes += count;
    return which;
  });
  return { verdicts, told };
}

/** A bit for each of `profile.score` that scored. */
export function scoredIn({ profile, scores }: Decision): number {
  let bits = 0;
  for (let i = 0, column = 0; column < scores.length; i++) {
    if (profile.score[i]!.plugin !== scores[column]!.plugin) continue;
    bits |= 1 << i;
    column++;
  }
  return bits;
}

/** Indices of the best `count`; `chosen`, than which none is better, comes first. */
export function bestFew({ totals, chosen }: Decision, count: number): readonly number[] {
  if (totals.length === 0 || count < 1) return [];
  const best = [chosen];
  /** What is to be exceeded. */
  let least = count === 1 ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
  for (let i = 0; i < totals.length; i++) {
    const total = totals[i]!;
    if (total <= least || i === chosen) continue;
    let at = best.length;
    while (totals[best[at - 1]!]! < total) at--;
    best.splice(at, 0, i);
    if (best.length > count) best.pop();
    if (best.length === count) least = totals[best[count - 1]!]!;
  }
  return best;
}
