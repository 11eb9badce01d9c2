// Decision records: what a cycle decided, as data that a person can read. Made of what is kept of it when somebody asks.
import { rfc3339Micro } from '../apimachinery/clock.js';
import type { DecisionRecord, ReasonCount, RefusedNode, ScoredNode, TieBreak, WaitsFor } from '../client/pod-decisions.js';
import type { KeptDecision } from './decision.js';
import type { DecisionRing, Scores, Whole } from './decision-ring.js';

/** Of names in a draw: there may be thousands. */
const DRAW_MAX = 20;

export function recordOf(kept: KeptDecision, ring: DecisionRing): DecisionRecord {
  const { namespace, name, uid, profile, attempt, at_ms, duration_ms, total, feasible, node } = kept;
  const { preemption, nominatedNode, message } = kept;
  const whole = kept.written && ring.read(kept.written);
  const scores = scoredNodes(kept, whole?.scores ?? kept.bestFew);
  const tieBreak = tieBreakOf(kept, scores);
  return {
    pod: { namespace, name, ...(uid && { uid }) },
    scheduler: profile.schedulerName,
    attempt,
    time: rfc3339Micro(at_ms),
    duration_us: Math.round(duration_ms * 1000),
    nodes: { total, evaluated: feasible + refusedOf(kept), feasible },
    ...(node && { node }),
    reasons: reasonsOf(kept),
    ...(whole && { refused: refusedNodes(kept, whole) }),
    scores,
    ...(tieBreak && { tieBreak }),
    ...(preemption && { preemption: preemptionOf(preemption, whole) }),
    ...(nominatedNode && { nominatedNode }),
    waitsFor: node ? [] : waitsForOf(kept),
    message,
    thinned: !whole,
  };
}

const refusedOf = ({ verdicts }: KeptDecision): number => verdicts.reduce((sum, { nodes }) => sum + nodes, 0);

function reasonsOf(kept: KeptDecision): readonly ReasonCount[] {
  const { total, feasible, node, refusedAll, restrictedBy, verdicts } = kept;
  if (refusedAll) return [{ plugin: refusedAll.plugin.name, reason: refusedAll.refused, nodes: total }];
  const counts = new Map<string, { plugin: string; reason: string; nodes: number }>();
  for (const { plugin, refusal, nodes } of verdicts) {
    for (const reason of refusal.reasons) {
      const count = counts.get(`${plugin.name} ${reason}`);
      if (count) count.nodes += nodes;
      else counts.set(`${plugin.name} ${reason}`, { plugin: plugin.name, reason, nodes });
    }
  }
  const leftOut = restrictedBy && !node ? total - refusedOf(kept) - feasible : 0;
  if (restrictedBy && leftOut > 0) {
    const plugin = restrictedBy.map(({ name }) => name).join(' ');
    counts.set('', { plugin, reason: `node(s) didn't satisfy plugin(s) [${plugin}]`, nodes: leftOut });
  }
  return [...counts.values()].sort((a, b) => b.nodes - a.nodes);
}

const refusedNodes = ({ verdicts }: KeptDecision, whole: Whole): readonly RefusedNode[] =>
  whole.refused.map((node, i) => {
    const { plugin, refusal } = verdicts[whole.verdicts[i]!]!;
    return { node, plugin: plugin.name, reasons: refusal.reasons, unresolvable: refusal.unresolvable ?? false };
  });

/** The best first; of equals the chosen one. */
function scoredNodes({ profile, scored: bits, node: chosen }: KeptDecision, { nodes, numbers }: Scores): readonly ScoredNode[] {
  const columns = profile.score.filter((_, i) => bits & (1 << i));
  if (columns.length === 0) return [];
  const scored = nodes.map((node, i) => {
    let at = i;
    const next = () => {
      const number = numbers[at]!;
      at += nodes.length;
      return number;
    };
    const plugins = columns.map(({ plugin, weight }) => {
      const raw = next();
      const normalized = plugin.normalize ? next() : raw;
      return { plugin: plugin.name, raw, normalized, weight, weighted: normalized * weight };
    });
    return { node, total: plugins.reduce((sum, { weighted }) => sum + weighted, 0), plugins };
  });
  return scored.sort((a, b) => b.total - a.total || Number(b.node === chosen) - Number(a.node === chosen));
}

/** In one that is thinned among the best few. */
function tieBreakOf({ best }: KeptDecision, scores: readonly ScoredNode[]): TieBreak | undefined {
  if (best < 2 || scores.length === 0) return undefined;
  const { total } = scores[0]!;
  const among = scores.filter((score) => score.total === total).slice(0, DRAW_MAX);
  return { total, among: among.map(({ node }) => node), by: `lot, one of ${best} that are equally good` };
}

function preemptionOf({ message, chosen }: NonNullable<KeptDecision['preemption']>, whole: Whole | undefined) {
  return { candidates: whole?.candidates ?? (chosen ? [chosen] : []), ...(chosen && { chosen: chosen.node }), message };
}

/** Each plugin that stands in the way, and the events that it would look again after. */
function waitsForOf({ total, nominatedNode, refusedAll, restrictedBy = [], verdicts }: KeptDecision): readonly WaitsFor[] {
  if (total === 0) return [{ plugin: '', events: ['NodeAdd'] }];
  const victims = nominatedNode ? [{ plugin: 'DefaultPreemption', events: ['AssignedPodDelete'] }] : [];
  const plugins = new Set([...(refusedAll ? [refusedAll.plugin] : []), ...restrictedBy, ...verdicts.map(({ plugin }) => plugin)]);
  return [...victims, ...[...plugins].map(({ name, events }) => ({ plugin: name, events: events?.map(({ event }) => event) ?? ['any'] }))];
}
