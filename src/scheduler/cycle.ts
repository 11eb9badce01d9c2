// One scheduling cycle: find nodes that fit, score them, take the best; returns all of its reasoning. Pure.
import type { Random } from '../apimachinery/clock.js';
import type { Pod } from '../kinds/types/core_v1.js';
import type { Decision, Filters, NodeInfo, Profile, Refusal, SchedulerPlugin, ScoreColumn, Snapshot } from './define.js';
import { attempt, PluginError, preFilter, refusalOf } from './filters.js';
import { failureMessage } from './messages.js';
import { type Answers, answersTo, nominatedBeside } from './remembered.js';

/** Upstream's bounds of the search: in small clusters all nodes are looked at, in large ones a share that shrinks with the size. */
const MIN_FEASIBLE_NODES = 100;
const MIN_PERCENTAGE = 5;

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
  const found = onNominated(filters, start) ?? search(filters, restrictedBy?.nodes, profile, start);
  const so = { ...found, ...(restrictedBy ? { restrictedBy } : {}) };
  if (found.feasible.length === 0) {
    const message = failureMessage(snapshot.nodes.length, so);
    return { ...NONE, ...so, message, filters };
  }
  if (found.feasible.length === 1) return { ...so, node: found.feasible[0], scores: [], totals: [], best: 1, message: '' };
  const scores = scoreAll(pod, found.feasible, snapshot, profile);
  const totals = totalsOf(scores, found.feasible.length);
  return { ...so, ...pick(found.feasible, totals, random), scores, totals, message: '' };
}

type Found = Pick<Decision, 'feasible' | 'refused' | 'refusedBy' | 'refusals' | 'nextStart'>;

/** Room was made for the pod on one node: that is all to look at where it still fits there. */
function onNominated(filters: Filters, start: number): Found | undefined {
  const node = filters.snapshot.byName.get(filters.pod.status?.nominatedNodeName ?? '');
  return node && !refused(filters, node) ? { feasible: [node], refused: [], refusedBy: [], refusals: [], nextStart: start } : undefined;
}

/** Goes round all nodes from `start` until as many fit as are wanted. */
function search(filters: Filters, only: ReadonlySet<string> | undefined, profile: Profile, start: number): Found {
  const { nodes, byName } = filters.snapshot;
  const among = only ? [...only].flatMap((name) => byName.get(name) ?? []) : nodes;
  const wanted = profile.score.length === 0 ? 1 : feasibleNodesToFind(among.length, profile.percentageOfNodesToScore);
  const feasible: NodeInfo[] = [];
  const refusedNodes: NodeInfo[] = [];
  const refusedBy: SchedulerPlugin[] = [];
  const refusals: Refusal[] = [];
  const answers = only ? undefined : answersTo(filters, profile);
  let at = among.length === 0 ? 0 : start % among.length;
  for (let tried = 0; tried < among.length && feasible.length < wanted; tried++) {
    const node = among[at]!;
    const no = answers ? remembered(answers, at, filters, node) : refused(filters, node);
    at = at + 1 === among.length ? 0 : at + 1;
    if (!no) feasible.push(node);
    else {
      refusedNodes.push(node);
      refusedBy.push(no.plugin);
      refusals.push(no.refusal);
    }
  }
  return { feasible, refused: refusedNodes, refusedBy, refusals, nextStart: only ? start : at };
}

function remembered(answers: Answers, at: number, filters: Filters, node: NodeInfo) {
  const nominated = nominatedBeside(filters, node);
  if (nominated === false) return refused(filters, node);
  if (answers.knows(at, node, nominated)) return answers.answer(at);
  return answers.remember(at, node, nominated, refused(filters, node));
}

function refused(filters: Filters, node: NodeInfo) {
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

function scoreAll(pod: Pod, nodes: readonly NodeInfo[], snapshot: Snapshot, profile: Profile): readonly ScoreColumn[] {
  const states = new Map(
    profile.preScore.map((plugin) => [plugin, attempt('PreScore', plugin, () => plugin.preScore!(pod, nodes, snapshot))]),
  );
  const columns: ScoreColumn[] = [];
  for (const { plugin, weight } of profile.score) {
    const state = states.get(plugin);
    if (state === 'skip') continue;
    columns.push(attempt('Score', plugin, () => column(plugin, weight, state, pod, nodes, snapshot)));
  }
  return columns;
}

function column(
  plugin: SchedulerPlugin,
  weight: number,
  state: unknown,
  pod: Pod,
  nodes: readonly NodeInfo[],
  snapshot: Snapshot,
): ScoreColumn {
  const raw: number[] = [];
  for (let i = 0; i < nodes.length; i++) raw.push(plugin.score!(pod, nodes[i]!, state, snapshot));
  if (!plugin.normalize) return { plugin, weight, raw, normalized: raw };
  const normalized = raw.slice();
  plugin.normalize(normalized, nodes, state);
  return { plugin, weight, raw, normalized };
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
