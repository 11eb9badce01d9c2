// What is kept of a cycle's Decision: a few names and numbers, and where the rest was written. Done in every cycle, so little is made.
import type { PreemptionCandidate } from '../client/pod-decisions.js';
import { candidateOf, type DecisionRing, FITS, type Scores, type Written } from './decision-ring.js';
import type { Decision, PostFilterResult, Profile, Refusal, SchedulerPlugin } from './define.js';

/** Of nodes whose scores are kept for as long as the decision is. */
const BEST_FEW = 5;

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
  /** Changes where what was decided does not come about. */
  message: string;
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

export function keptDecision({ decision, postFilter, attempt, at_ms, duration_ms }: Attempt, ring: DecisionRing): KeptDecision {
  const { pod, profile, total, feasible, node, refusedAll, restrictedBy, best, message } = decision;
  const { namespace = '', name, uid } = pod.metadata;
  const { verdicts, told } = toldTo(decision);
  const preemption = postFilter?.preemption;
  return {
    namespace,
    name,
    uid,
    profile,
    attempt,
    at_ms,
    duration_ms,
    total,
    feasible: feasible.length,
    node: node?.name,
    refusedAll,
    restrictedBy: restrictedBy?.plugins,
    verdicts,
    scored: scoredIn(decision),
    bestFew: bestFewOf(decision),
    best,
    preemption: preemption && { message: preemption.message, chosen: preemption.chosen && candidateOf(preemption.chosen) },
    nominatedNode: postFilter?.nominatedNode || undefined,
    message: postFilter?.message ? `${message} ${postFilter.message}` : message,
    written: ring.write(decision, told, preemption?.candidates ?? []),
  };
}

/** What the nodes of each run were told: an index in `verdicts`, or that they fit. */
interface Told {
  readonly verdicts: readonly Verdict[];
  readonly told: readonly number[];
}

/** Nodes mostly refuse with the same few objects. */
function toldTo({ runs, refused }: Decision): Told {
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

function scoredIn({ profile, scores }: Decision): number {
  let bits = 0;
  for (let i = 0, column = 0; column < scores.length; i++) {
    if (profile.score[i]!.plugin !== scores[column]!.plugin) continue;
    bits |= 1 << i;
    column++;
  }
  return bits;
}

const NOTHING: Scores = { nodes: [], numbers: [] };

function bestFewOf({ feasible, totals, numbers, chosen }: Decision): Scores {
  if (totals.length === 0) return NOTHING;
  const best = bestFew(totals, chosen);
  const columns = numbers.length / feasible.length;
  // As large as it has to be: thousands of them are kept.
  const few = new Array<number>(columns * best.length);
  for (let j = 0, at = 0; j < columns; j++) for (const i of best) few[at++] = numbers[j * feasible.length + i]!;
  return { nodes: best.map((i) => feasible[i]!.name), numbers: few };
}

/** Indices; `chosen`, than which none is better, comes first. */
function bestFew(totals: Float64Array, chosen: number): readonly number[] {
  const best = [chosen];
  /** What is to be exceeded. */
  let least = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < totals.length; i++) {
    const total = totals[i]!;
    if (total <= least || i === chosen) continue;
    let at = best.length;
    while (totals[best[at - 1]!]! < total) at--;
    best.splice(at, 0, i);
    if (best.length > BEST_FEW) best.pop();
    if (best.length === BEST_FEW) least = totals[best[BEST_FEW - 1]!]!;
  }
  return best;
}
