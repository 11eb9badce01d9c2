// One scheduling cycle: find nodes that fit, score them, take the best; returns all of its reasoning. Pure.
import type { Random } from '../apimachinery/clock.js';
import type { Pod } from '../kinds/types/core_v1.js';
import type { Decision, Filters, NodeInfo, Profile, Refusal, SchedulerPlugin, ScoreColumn, Snapshot } from './define.js';
import { attempt, PluginError, preFilter, refusalOf, type Verdict } from './filters.js';
import { failureMessage } from './messages.js';
import { memoFor, NOWHERE, type NodeMemo, ownNode, splitFilters } from './remembered.js';

/** Upstream's bounds of the search: in small clusters all nodes are looked at, in large ones a share that shrinks with the size. */
const MIN_FEASIBLE_NODES = 100;
const MIN_PERCENTAGE = 5;
/** Where no more nodes than these may fit, they are asked before all are gone round. */
const OPEN_FEW = 64;

const NONE = { node: undefined, refused: [], refusedBy: [], refusals: [], feasible: [], scores: [], totals: [], best: 0 } as const;

/** Chooses a node for `pod`; the search begins at node `start`, and `random` only decides between equally good ones. */
export function schedule(pod: Pod, snapshot: Snapshot, profile: Profile, random: Random, start = 0): Decision {
  const about = { pod, profile, total: snapshot.nodes.length };
  try {
    return { ...about, ...decide(pod, snapshot, profile, random, start) };
  } catch (error) {
    if (!(error instanceof PluginError)) throw error;
    return { ...about, ...NONE, nextStart: start, message: error.message, failed: true };
  }
}

function decide(
  pod: Pod,
  snapshot: Snapshot,
  profile: Profile,
  random: Random,
  start: number,
): Omit<Decision, 'pod' | 'profile' | 'total'> {
  if (snapshot.nodes.length === 0) return { ...NONE, nextStart: 0, message: failureMessage(0, {}) };
  const prepared = preFilter(pod, snapshot, profile);
  if ('refusedAll' in prepared) {
    return { ...NONE, ...prepared, nextStart: start, message: failureMessage(snapshot.nodes.length, prepared) };
  }
  const { filters, restrictedBy } = prepared;
  const memo = memoFor(pod, profile).update(snapshot);
  const found =
    onNominated(filters, start) ?? (restrictedBy ? among(filters, restrictedBy.nodes, start) : search(filters, profile, start, memo));
  const so = { ...found, ...(restrictedBy ? { restrictedBy } : {}) };
  if (found.feasible.length === 0) {
    const message = failureMessage(snapshot.nodes.length, so);
    return { ...NONE, ...so, message, filters };
  }
  if (found.feasible.length === 1) return { ...so, node: found.feasible[0], scores: [], totals: [], best: 1, message: '' };
  const scores = scoreAll(pod, found, snapshot, profile, memo);
  const totals = totalsOf(scores, found.feasible.length);
  return { ...so, ...pick(found.feasible, totals, random), scores, totals, message: '' };
}

class Found {
  readonly feasible: NodeInfo[] = [];
  /** Of `feasible`, in `Snapshot.nodes`; NOWHERE: nothing that is remembered holds for the node, nor is to be remembered of it. */
  readonly at: number[] = [];

  constructor(
    public nextStart: number,
    readonly refused: NodeInfo[] = [],
    readonly refusedBy: SchedulerPlugin[] = [],
    readonly refusals: Refusal[] = [],
  ) {}

  add(node: NodeInfo, no: Verdict | undefined, at: number): void {
    if (!no) {
      this.feasible.push(node);
      this.at.push(at);
    } else {
      this.refused.push(node);
      this.refusedBy.push(no.plugin);
      this.refusals.push(no.refusal);
    }
  }
}

/** Room was made for the pod on one node: that is all to look at where it still fits there. */
function onNominated(filters: Filters, start: number): Found | undefined {
  const node = filters.snapshot.byName.get(filters.pod.status?.nominatedNodeName ?? '');
  if (!node || refused(filters, node)) return undefined;
  const found = new Found(start);
  found.add(node, undefined, NOWHERE);
  return found;
}

/** Only nodes that can be meant; they are few. */
function among(filters: Filters, names: ReadonlySet<string>, start: number): Found {
  const found = new Found(start);
  for (const name of names) {
    const node = filters.snapshot.byName.get(name);
    if (node) found.add(node, refused(filters, node), NOWHERE);
  }
  return found;
}

type AskNode = (at: number) => Verdict | undefined;

/** Goes round all nodes from `start` until as many fit as are wanted. */
function search(filters: Filters, profile: Profile, start: number, memo: NodeMemo): Found {
  const { nodes } = filters.snapshot;
  const { known, rest } = splitFilters(filters, profile);
  const own = ownNode(filters);
  const askKnown = (node: NodeInfo) => refused(known, node);
  const ask: AskNode = (at) => {
    const node = nodes[at]!;
    if (at === own) return refused(filters, node);
    return memo.verdict(at, node, askKnown) ?? (rest.plugins.length > 0 ? refused(rest, node) : undefined);
  };
  let at = start % nodes.length;
  const nobody = memo.open <= OPEN_FEW ? allRefused(nodes, at, own, memo, ask) : undefined;
  if (nobody) return nobody;
  const wanted = profile.score.length === 0 ? 1 : feasibleNodesToFind(nodes.length, profile.percentageOfNodesToScore);
  const found = new Found(at);
  for (let tried = 0; tried < nodes.length && found.feasible.length < wanted; tried++) {
    found.add(nodes[at]!, ask(at), at === own ? NOWHERE : at);
    at = at + 1 === nodes.length ? 0 : at + 1;
  }
  found.nextStart = at;
  return found;
}

/** Asks only nodes of which no refusal is remembered; undefined: one of them fits. */
function allRefused(nodes: readonly NodeInfo[], start: number, own: number, memo: NodeMemo, ask: AskNode): Found | undefined {
  const asked: { readonly at: number; readonly no: Verdict }[] = [];
  const isRefused = (at: number) => {
    const no = ask(at);
    if (no) asked.push({ at, no });
    return no !== undefined;
  };
  if (own !== NOWHERE && !isRefused(own)) return undefined;
  for (let at = memo.nextOpen(0); at !== NOWHERE; at = memo.nextOpen(at + 1)) if (at !== own && !isRefused(at)) return undefined;
  const { refusedBy, refusals } = memo.refusals();
  for (const { at, no } of asked) {
    refusedBy[at] = no.plugin;
    refusals[at] = no.refusal;
  }
  return new Found(start, nodes.slice(), refusedBy, refusals);
}

function refused(filters: Filters, node: NodeInfo): Verdict | undefined {
  try {
    return refusalOf(filters, node);
  } catch (error) {
    throw new PluginError(`running Filter plugins on node ${JSON.stringify(node.name)}: ${(error as Error).message}`);
  }
}

/** How many nodes that fit are enough; upstream's percentageOfNodesToScore. */
export function feasibleNodesToFind(nodes: number, percentage: number): number {
  if (nodes < MIN_FEASIBLE_NODES) return nodes;
  const per_cent = percentage > 0 ? percentage : Math.max(MIN_PERCENTAGE, 50 - Math.floor(nodes / 125));
  return Math.max(MIN_FEASIBLE_NODES, Math.floor((nodes * per_cent) / 100));
}

function scoreAll(pod: Pod, found: Found, snapshot: Snapshot, profile: Profile, memo: NodeMemo): readonly ScoreColumn[] {
  const { feasible } = found;
  const states = new Map(
    profile.preScore.map((plugin) => [plugin, attempt('PreScore', plugin, () => plugin.preScore!(pod, feasible, snapshot))]),
  );
  const columns: ScoreColumn[] = [];
  for (const { plugin, weight } of profile.score) {
    const state = states.get(plugin);
    if (state === 'skip') continue;
    const raw = attempt('Score', plugin, () =>
      plugin.signature
        ? remembered(plugin, state, pod, found, snapshot, memo.scores(plugin))
        : rawScores(plugin, state, pod, feasible, snapshot),
    );
    columns.push(normalized(plugin, weight, raw, state, feasible));
  }
  return columns;
}

function rawScores(plugin: SchedulerPlugin, state: unknown, pod: Pod, nodes: readonly NodeInfo[], snapshot: Snapshot): readonly number[] {
  const raw: number[] = [];
  for (let i = 0; i < nodes.length; i++) raw.push(plugin.score!(pod, nodes[i]!, state, snapshot));
  return raw;
}

function remembered(plugin: SchedulerPlugin, state: unknown, pod: Pod, { feasible, at }: Found, snapshot: Snapshot, memo: number[]) {
  const raw: number[] = [];
  for (let i = 0; i < feasible.length; i++) {
    const index = at[i]!;
    let score = index === NOWHERE ? Number.NaN : memo[index]!;
    if (Number.isNaN(score)) {
      score = plugin.score!(pod, feasible[i]!, state, snapshot);
      if (index !== NOWHERE) memo[index] = score;
    }
    raw.push(score);
  }
  return raw;
}

function normalized(
  plugin: SchedulerPlugin,
  weight: number,
  raw: readonly number[],
  state: unknown,
  nodes: readonly NodeInfo[],
): ScoreColumn {
  if (!plugin.normalize) return { plugin, weight, raw, normalized: raw };
  const scores = raw.slice();
  plugin.normalize(scores, nodes, state);
  return { plugin, weight, raw, normalized: scores };
}

function totalsOf(scores: readonly ScoreColumn[], nodes: number): readonly number[] {
  const totals: number[] = [];
  for (let i = 0; i < nodes; i++) {
    let total = 0;
    for (let j = 0; j < scores.length; j++) total += scores[j]!.normalized[i]! * scores[j]!.weight;
    totals.push(total);
  }
  return totals;
}

/** One of the best, by lot. */
function pick(nodes: readonly NodeInfo[], totals: readonly number[], random: Random): { readonly node: NodeInfo; readonly best: number } {
  let highest = Number.NEGATIVE_INFINITY;
  let best = 0;
  for (const total of totals) {
    if (total > highest) {
      highest = total;
      best = 0;
    }
    if (total === highest) best++;
  }
  let left = Math.floor(random.next() * best);
  for (let i = 0; i < nodes.length; i++) if (totals[i] === highest && left-- === 0) return { node: nodes[i]!, best };
  throw new Error('no node has the highest score');
}
