// Decision records: what a cycle decided, as data that a person can read. Made of the cycle's Decision when somebody asks.
import { rfc3339Micro } from '../apimachinery/clock.js';
import type {
  DecisionRecord,
  PluginScore,
  PreemptionRecord,
  ReasonCount,
  RefusedNode,
  ScoredNode,
  TieBreak,
  WaitsFor,
} from '../client/pod-decisions.js';
import type { Pod } from '../kinds/types/core_v1.js';
import type { Decision, PostFilterResult, Refusal, SchedulerPlugin, ScoreColumn } from './define.js';
import type { Candidate } from './plugins/preemption-pick.js';
import { priorityOf } from './plugins/preemption-victims.js';

/** Of nodes that a thinned record still has scores of. */
const BEST_FEW = 5;
/** Of names in a draw: there may be thousands. */
const DRAW_MAX = 20;

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

/** What is kept of an attempt: names for nodes, whose state in that cycle is not held on to. */
export interface KeptDecision extends Omit<Attempt, 'decision'> {
  readonly pod: Pod;
  readonly scheduler: string;
  readonly total: number;
  readonly node: string | undefined;
  readonly refusedAll: Decision['refusedAll'];
  readonly restrictedBy: readonly SchedulerPlugin[];
  readonly refused: readonly string[];
  readonly refusedBy: readonly SchedulerPlugin[];
  readonly refusals: readonly Refusal[];
  readonly feasible: readonly string[];
  readonly scores: readonly ScoreColumn[];
  readonly totals: readonly number[];
  readonly best: number;
  readonly message: string;
}

export function keptDecision({ decision, postFilter, ...attempt }: Attempt): KeptDecision {
  const { pod, profile, total, node, refusedAll, restrictedBy, refused, refusedBy, refusals, feasible, scores, totals, best } = decision;
  const message = [decision.message, postFilter?.message].filter(Boolean).join(' ');
  return {
    ...attempt,
    pod,
    scheduler: profile.schedulerName,
    total,
    node: node?.name,
    refusedAll,
    restrictedBy: restrictedBy?.plugins ?? [],
    refused: namesOf(refused),
    refusedBy,
    refusals,
    feasible: namesOf(feasible),
    scores,
    totals,
    best,
    message,
    // How it is carried out holds on to the whole cycle.
    postFilter: postFilter && { ...postFilter, carryOut: undefined },
  };
}

const namesOf = (nodes: Decision['feasible']): readonly string[] => nodes.map(({ name }) => name);

/** Roughly: the arrays, which are all that grows. */
export function bytesOf({ refused, feasible, scores, postFilter }: KeptDecision): number {
  const victims = postFilter?.preemption?.candidates.reduce((sum, { victims }) => sum + victims.pods.length, 0) ?? 0;
  return BASE_BYTES + 8 * (3 * refused.length + feasible.length * (2 + 2 * scores.length)) + VICTIM_BYTES * victims;
}
const BASE_BYTES = 800;
/** A victim's pod may be gone from everywhere else. */
const VICTIM_BYTES = 2000;

/** The whole record, or with `thin` what a summary keeps of it. */
export function recordOf(kept: KeptDecision, thin = false): DecisionRecord {
  const { pod, scheduler, attempt, at_ms, duration_ms, total, node, refused, feasible, message, postFilter } = kept;
  const { namespace = '', name, uid } = pod.metadata;
  const preemption = postFilter?.preemption && preemptionOf(postFilter.preemption, thin);
  const tieBreak = tieBreakOf(kept);
  const scores = scoresOf(kept, thin ? BEST_FEW : Number.POSITIVE_INFINITY);
  return {
    pod: { namespace, name, ...(uid && { uid }) },
    scheduler,
    attempt,
    time: rfc3339Micro(at_ms),
    duration_us: Math.round(duration_ms * 1000),
    nodes: { total, evaluated: refused.length + feasible.length, feasible: feasible.length },
    ...(node !== undefined && { node }),
    reasons: reasonsOf(kept),
    ...(thin ? {} : { refused: refusedOf(kept) }),
    scores,
    ...(tieBreak && { tieBreak }),
    ...(preemption && { preemption }),
    ...(postFilter?.nominatedNode && { nominatedNode: postFilter.nominatedNode }),
    waitsFor: node === undefined ? waitsForOf(kept) : [],
    message,
    thinned: thin,
  };
}

function reasonsOf({
  total,
  refusedAll,
  restrictedBy,
  refused,
  refusedBy,
  refusals,
  feasible,
  node,
}: KeptDecision): readonly ReasonCount[] {
  if (refusedAll) return [{ plugin: refusedAll.plugin.name, reason: refusedAll.refused, nodes: total }];
  const counts = new Map<string, { plugin: string; reason: string; nodes: number }>();
  for (let i = 0; i < refused.length; i++) {
    for (const reason of refusals[i]!.reasons) {
      const plugin = refusedBy[i]!.name;
      const count = counts.get(`${plugin} ${reason}`);
      if (count) count.nodes++;
      else counts.set(`${plugin} ${reason}`, { plugin, reason, nodes: 1 });
    }
  }
  const leftOut = restrictedBy.length > 0 && node === undefined ? total - refused.length - feasible.length : 0;
  if (leftOut > 0) {
    const plugin = restrictedBy.map(({ name }) => name).join(' ');
    counts.set('', { plugin, reason: `node(s) didn't satisfy plugin(s) [${plugin}]`, nodes: leftOut });
  }
  return [...counts.values()].sort((a, b) => b.nodes - a.nodes);
}

const refusedOf = ({ refused, refusedBy, refusals }: KeptDecision): readonly RefusedNode[] =>
  refused.map((node, i) => {
    const { reasons, unresolvable = false } = refusals[i]!;
    return { node, plugin: refusedBy[i]!.name, reasons, unresolvable };
  });

function scoresOf({ feasible, scores, totals, node }: KeptDecision, max: number): readonly ScoredNode[] {
  const before = (a: number, b: number) => totals[b]! - totals[a]! || Number(feasible[b] === node) - Number(feasible[a] === node);
  const all = totals.map((_, i) => i);
  const shown = all.length > max ? bestOf(all, max, before) : all.sort(before);
  return shown.map((i) => ({ node: feasible[i]!, total: totals[i]!, plugins: scores.map((column) => pluginScore(column, i)) }));
}

/** Without sorting thousands for a few. */
function bestOf(all: readonly number[], max: number, before: (a: number, b: number) => number): readonly number[] {
  const best: number[] = [];
  for (const one of all) {
    if (best.length === max && before(one, best[max - 1]!) >= 0) continue;
    best.push(one);
    best.sort(before);
    best.length = Math.min(best.length, max);
  }
  return best;
}

function pluginScore({ plugin, weight, raw, normalized }: ScoreColumn, i: number): PluginScore {
  return { plugin: plugin.name, raw: raw[i]!, normalized: normalized[i]!, weight, weighted: normalized[i]! * weight };
}

function tieBreakOf({ best, totals, feasible }: KeptDecision): TieBreak | undefined {
  if (best < 2) return undefined;
  const total = totals.reduce((a, b) => Math.max(a, b));
  return {
    total,
    among: feasible.filter((_, i) => totals[i] === total).slice(0, DRAW_MAX),
    by: `lot, one of ${best} that are equally good`,
  };
}

function preemptionOf({ candidates, chosen, message }: NonNullable<PostFilterResult['preemption']>, thin: boolean): PreemptionRecord {
  const shown = thin ? candidates.filter((each) => each === chosen) : candidates;
  return { candidates: shown.map(candidateOf), ...(chosen && { chosen: chosen.node }), message };
}

const candidateOf = ({ node, victims: { pods, violations } }: Candidate) => ({
  node,
  victims: pods.map((pod) => {
    const { namespace = '', name, uid } = pod.metadata;
    return { namespace, name, uid, priority: priorityOf(pod) };
  }),
  pdbViolations: violations,
});

/** Each plugin that stands in the way, and the events that it would look again after. */
export function waitsForOf(
  kept: Pick<KeptDecision, 'refusedAll' | 'restrictedBy' | 'refusedBy' | 'total' | 'postFilter'>,
): readonly WaitsFor[] {
  const { refusedAll, restrictedBy, refusedBy, total, postFilter } = kept;
  const victims = postFilter?.nominatedNode ? [{ plugin: 'DefaultPreemption', events: ['AssignedPodDelete'] }] : [];
  if (total === 0) return [{ plugin: '', events: ['NodeAdd'] }];
  const plugins = new Set([...(refusedAll ? [refusedAll.plugin] : []), ...restrictedBy, ...refusedBy]);
  return [...victims, ...[...plugins].map(({ name, events }) => ({ plugin: name, events: events?.map(({ event }) => event) ?? ['any'] }))];
}
