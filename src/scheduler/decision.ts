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
import type { Candidate, Decision, NodeInfo, PostFilterResult, ScoreColumn } from './define.js';
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

/** All that a record tells of a node. */
type Named = Pick<NodeInfo, 'name'>;

/** What is kept of an attempt: the cycle's own arrays, but not what it asked its filters with. */
export interface KeptDecision
  extends Omit<Attempt, 'decision'>,
    Omit<Decision, 'pod' | 'node' | 'refused' | 'feasible' | 'filters' | 'profile' | 'nextStart'> {
  readonly pod: { readonly metadata: Pick<Pod['metadata'], 'namespace' | 'name' | 'uid'> };
  readonly scheduler: string;
  readonly node: Named | undefined;
  readonly refused: readonly Named[];
  readonly feasible: readonly Named[];
  /** Of one whose arrays have been thinned: what they told. */
  readonly told?: Told;
}

type Told = Pick<DecisionRecord, 'nodes' | 'reasons' | 'tieBreak' | 'preemption' | 'nominatedNode' | 'waitsFor'>;

/** Copies nothing: this is done in every cycle. */
export function keptDecision({ decision, postFilter, attempt, at_ms, duration_ms }: Attempt): KeptDecision {
  const { pod, profile, total, node, refusedAll, restrictedBy, refused, refusedBy, refusals, feasible, scores, totals, best } = decision;
  const message = postFilter?.message ? `${decision.message} ${postFilter.message}` : decision.message;
  return {
    pod,
    scheduler: profile.schedulerName,
    attempt,
    at_ms,
    duration_ms,
    total,
    node,
    ...(refusedAll && { refusedAll }),
    ...(restrictedBy && { restrictedBy }),
    refused,
    refusedBy,
    refusals,
    feasible,
    scores,
    totals,
    best,
    message,
    // How it is carried out holds on to the whole cycle.
    ...(postFilter && { postFilter: { ...postFilter, carryOut: undefined } }),
  };
}

/** Roughly: the arrays, which are all that grows. */
export function bytesOf({ refused, feasible, scores, postFilter }: KeptDecision): number {
  const victims = postFilter?.preemption?.candidates.reduce((sum, { victims }) => sum + victims.pods.length, 0) ?? 0;
  return BASE_BYTES + 8 * (3 * refused.length + feasible.length * (2 + 2 * scores.length)) + VICTIM_BYTES * victims;
}
/** With the state of one node, which is another after most cycles, and lives on for the record only. */
const BASE_BYTES = 3000;
/** A victim's pod may be gone from everywhere else. */
const VICTIM_BYTES = 2000;

/** What stays of one that there is no room for any more. Nothing is made for showing yet: most are never asked for. */
export function thinned(kept: KeptDecision): KeptDecision {
  const { pod, node, postFilter, feasible, scores, totals, scheduler, attempt, at_ms, duration_ms, total, message } = kept;
  const { namespace, name, uid } = pod.metadata;
  const best = bestFirst(kept, BEST_FEW);
  const chosen = postFilter?.preemption?.candidates.filter((each) => each === postFilter.preemption?.chosen);
  const few = chosen ? { ...kept, postFilter: { ...postFilter!, preemption: { ...postFilter!.preemption!, candidates: chosen } } } : kept;
  return {
    scheduler,
    attempt,
    at_ms,
    duration_ms,
    total,
    message,
    best: kept.best,
    pod: { metadata: { name, uid, ...(namespace && { namespace }) } },
    node: node && { name: node.name },
    refused: [],
    refusedBy: [],
    refusals: [],
    feasible: best.map((i) => ({ name: feasible[i]!.name })),
    totals: best.map((i) => totals[i]!),
    scores: scores.map(({ plugin, weight, raw, normalized }) => ({
      plugin,
      weight,
      raw: best.map((i) => raw[i]!),
      normalized: best.map((i) => normalized[i]!),
    })),
    told: toldBy(few),
  };
}

/** The record that a person reads. */
export function recordOf(kept: KeptDecision): DecisionRecord {
  const { pod, scheduler, attempt, at_ms, duration_ms, node, message, told } = kept;
  const { namespace = '', name, uid } = pod.metadata;
  return {
    pod: { namespace, name, ...(uid && { uid }) },
    scheduler,
    attempt,
    time: rfc3339Micro(at_ms),
    duration_us: Math.round(duration_ms * 1000),
    ...(node && { node: node.name }),
    ...(told ? {} : { refused: refusedOf(kept) }),
    scores: scoresOf(kept),
    ...(told ?? toldBy(kept)),
    message,
    thinned: told !== undefined,
  };
}

function toldBy(kept: KeptDecision): Told {
  const { total, node, refused, feasible, postFilter } = kept;
  const tieBreak = tieBreakOf(kept);
  return {
    nodes: { total, evaluated: refused.length + feasible.length, feasible: feasible.length },
    reasons: reasonsOf(kept),
    ...(tieBreak && { tieBreak }),
    ...(postFilter?.preemption && { preemption: preemptionOf(postFilter.preemption) }),
    ...(postFilter?.nominatedNode && { nominatedNode: postFilter.nominatedNode }),
    waitsFor: node ? [] : waitsForOf(kept),
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
  for (let i = 0; i < refused.length; ) {
    const [from, refusal, plugin] = [i, refusals[i]!, refusedBy[i]!];
    while (i < refused.length && refusals[i] === refusal && refusedBy[i] === plugin) i++;
    for (const reason of refusal.reasons) {
      const count = counts.get(`${plugin.name} ${reason}`);
      if (count) count.nodes += i - from;
      else counts.set(`${plugin.name} ${reason}`, { plugin: plugin.name, reason, nodes: i - from });
    }
  }
  const leftOut = restrictedBy && !node ? total - refused.length - feasible.length : 0;
  if (restrictedBy && leftOut > 0) {
    const plugin = restrictedBy.plugins.map(({ name }) => name).join(' ');
    counts.set('', { plugin, reason: `node(s) didn't satisfy plugin(s) [${plugin}]`, nodes: leftOut });
  }
  return [...counts.values()].sort((a, b) => b.nodes - a.nodes);
}

const refusedOf = ({ refused, refusedBy, refusals }: KeptDecision): readonly RefusedNode[] =>
  refused.map(({ name }, i) => {
    const { reasons, unresolvable = false } = refusals[i]!;
    return { node: name, plugin: refusedBy[i]!.name, reasons, unresolvable };
  });

function scoresOf(kept: KeptDecision): readonly ScoredNode[] {
  const { feasible, scores, totals } = kept;
  const shown = bestFirst(kept, totals.length);
  return shown.map((i) => ({ node: feasible[i]!.name, total: totals[i]!, plugins: scores.map((column) => pluginScore(column, i)) }));
}

/** Indices of the best `max` nodes; of equals the chosen one first. */
function bestFirst({ feasible, totals, node }: KeptDecision, max: number): readonly number[] {
  // Not there in one that is thinned, which has them in order.
  const chosen = node ? feasible.indexOf(node) : -1;
  return bestOf(totals, max, (a, b) => totals[b]! - totals[a]! || Number(b === chosen) - Number(a === chosen));
}

/** Indices of `totals`; a few of thousands without sorting them all. */
function bestOf(totals: readonly number[], max: number, before: (a: number, b: number) => number): readonly number[] {
  if (totals.length <= max) return totals.map((_, i) => i).sort(before);
  const best: number[] = [];
  for (let i = 0; i < totals.length; i++) {
    if (best.length === max && before(i, best[max - 1]!) >= 0) continue;
    if (best.length === max) best.pop();
    best.push(i);
    best.sort(before);
  }
  return best;
}

function pluginScore({ plugin, weight, raw, normalized }: ScoreColumn, i: number): PluginScore {
  return { plugin: plugin.name, raw: raw[i]!, normalized: normalized[i]!, weight, weighted: normalized[i]! * weight };
}

function tieBreakOf({ best, totals, feasible }: KeptDecision): TieBreak | undefined {
  if (best < 2 || totals.length === 0) return undefined;
  const total = Math.max(...totals);
  const among: string[] = [];
  for (let i = 0; i < totals.length && among.length < DRAW_MAX; i++) if (totals[i] === total) among.push(feasible[i]!.name);
  return { total, among, by: `lot, one of ${best} that are equally good` };
}

function preemptionOf({ candidates, chosen, message }: NonNullable<PostFilterResult['preemption']>): PreemptionRecord {
  return { candidates: candidates.map(candidateOf), ...(chosen && { chosen: chosen.node }), message };
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
  const plugins = new Set([...(refusedAll ? [refusedAll.plugin] : []), ...(restrictedBy?.plugins ?? [])]);
  for (const plugin of refusedBy) plugins.add(plugin);
  return [...victims, ...[...plugins].map(({ name, events }) => ({ plugin: name, events: events?.map(({ event }) => event) ?? ['any'] }))];
}
