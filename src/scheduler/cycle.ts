// One scheduling cycle: find nodes that fit, score them, take the best; returns all of its reasoning. Pure.
import type { Random } from '../apimachinery/clock.js';
import type { Pod } from '../kinds/types/core_v1.js';
import type { Decision, Filters, NodeInfo, Profile, Refusal, Run, SchedulerPlugin, Snapshot } from './define.js';
import { PluginError, preFilter, refusalOf, type Verdict } from './filters.js';
import { failureMessage } from './messages.js';
import { type CycleMeter, codeOf } from './meter.js';
import { memoFor, NOWHERE, type NodeMemo, ownNode, splitFilters } from './remembered.js';
import { freshNumbers, NO_SCORES, type NumbersRoom, pick, type Scored, scoreAll } from './scoring.js';

/** Upstream's bounds of the search: in small clusters all nodes are looked at, in large ones a share that shrinks with the size. */
const MIN_FEASIBLE_NODES = 100;
const MIN_PERCENTAGE = 5;
/** Where no more nodes than these may fit, they are asked before all are gone round. */
const OPEN_FEW = 64;

/** Chooses a node for `pod`; the search begins at node `start`, and `random` only decides between equally good ones. */
export function schedule(
  pod: Pod,
  snapshot: Snapshot,
  profile: Profile,
  random: Random,
  start = 0,
  room: NumbersRoom = freshNumbers,
  meter?: CycleMeter,
): Decision {
  try {
    return decide(pod, snapshot, profile, random, start, room, meter);
  } catch (error) {
    if (!(error instanceof PluginError)) throw error;
    meter?.ran(error.point, 'Error');
    return decision(pod, profile, snapshot, new Found(start), { message: error.message, failed: true });
  }
}

function decide(
  pod: Pod,
  snapshot: Snapshot,
  profile: Profile,
  random: Random,
  start: number,
  room: NumbersRoom,
  meter: CycleMeter | undefined,
): Decision {
  const total = snapshot.nodes.length;
  if (total === 0) return decision(pod, profile, snapshot, new Found(0), { message: failureMessage(0, {}) });
  const prepared = preFilter(pod, snapshot, profile, meter);
  meter?.ran('PreFilter', 'refusedAll' in prepared ? codeOf(prepared.refusedAll) : 'Success');
  if ('refusedAll' in prepared) {
    const { refusedAll } = prepared;
    return decision(pod, profile, snapshot, new Found(start), { refusedAll, message: failureMessage(total, prepared) });
  }
  const { filters, restrictedBy } = prepared;
  const memo = memoFor(pod, profile).update(snapshot);
  const found =
    onNominated(filters, start) ?? (restrictedBy ? among(filters, restrictedBy.nodes, start) : search(filters, profile, start, memo));
  meter?.ran('Filter');
  const { feasible, refusals } = found;
  if (feasible.length === 0) {
    const message = failureMessage(total, { restrictedBy, refusals });
    return decision(pod, profile, snapshot, found, { restrictedBy, message, filters });
  }
  const scored = feasible.length === 1 ? undefined : scoreAll(pod, found, snapshot, profile, memo, room, meter);
  const picked = scored ? pick(scored.totals, random) : THE_ONLY;
  return decision(pod, profile, snapshot, found, { restrictedBy, scored, picked });
}

const THE_ONLY = { chosen: 0, best: 1 };

interface Outcome extends Pick<Decision, 'refusedAll' | 'restrictedBy' | 'failed' | 'filters'> {
  /** Absent: no node was found. */
  readonly picked?: Pick<Decision, 'chosen' | 'best'>;
  /** Absent: nothing was to be compared. */
  readonly scored?: Scored | undefined;
  readonly message?: string;
}

/** Of one shape, and put together at once: spreads cost more than some plugins. */
function decision(pod: Pod, profile: Profile, { nodes, order }: Snapshot, found: Found, outcome: Outcome): Decision {
  const { scored = NO_SCORES, picked } = outcome;
  return {
    pod,
    profile,
    node: picked && found.feasible[picked.chosen],
    total: nodes.length,
    order,
    refusedAll: outcome.refusedAll,
    restrictedBy: outcome.restrictedBy,
    runs: found.runs,
    refused: found.refused,
    refusals: found.refusals,
    feasible: found.feasible,
    scores: scored.scores,
    numbers: scored.numbers,
    totals: scored.totals,
    chosen: picked ? picked.chosen : 0,
    best: picked ? picked.best : 0,
    nextStart: found.nextStart,
    message: outcome.message ?? '',
    failed: outcome.failed,
    filters: outcome.filters,
  };
}

class Found {
  readonly runs: Run[] = [];
  readonly feasible: NodeInfo[] = [];

  constructor(
    public nextStart: number,
    readonly refused: NodeInfo[] = [],
    readonly refusals: Refusal[] = [],
  ) {}

  add(node: NodeInfo, no: Verdict | undefined, at: number): void {
    this.addToRuns(at, no?.plugin, no?.refusal);
    if (!no) this.feasible.push(node);
    else {
      this.refused.push(node);
      this.refusals.push(no.refusal);
    }
  }

  addToRuns(at: number, refusedBy: SchedulerPlugin | undefined, refusal: Refusal | undefined): void {
    const last = this.runs[this.runs.length - 1];
    const goesOn = last && last.first + last.count === at && last.refusal === refusal && last.refusedBy === refusedBy;
    if (goesOn) last.count++;
    else this.runs.push({ first: at, count: 1, refusedBy, refusal });
  }
}

/** Room was made for the pod on one node: that is all to look at where it still fits there. */
function onNominated(filters: Filters, start: number): Found | undefined {
  const { nodes, order } = filters.snapshot;
  const at = order.get(filters.pod.status?.nominatedNodeName ?? '');
  if (at === undefined || refused(filters, nodes[at]!)) return undefined;
  const found = new Found(start);
  found.add(nodes[at]!, undefined, at);
  return found;
}

/** Only nodes that can be meant; they are few. */
function among(filters: Filters, names: ReadonlySet<string>, start: number): Found {
  const { nodes, order } = filters.snapshot;
  const found = new Found(start);
  for (const name of names) {
    const at = order.get(name);
    if (at !== undefined) found.add(nodes[at]!, refused(filters, nodes[at]!), at);
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
    found.add(nodes[at]!, ask(at), at);
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
  const found = new Found(start, nodes.slice(), refusals);
  for (let at = 0; at < refusals.length; at++) found.addToRuns(at, refusedBy[at], refusals[at]);
  return found;
}

function refused(filters: Filters, node: NodeInfo): Verdict | undefined {
  try {
    return refusalOf(filters, node);
  } catch (error) {
    throw new PluginError('Filter', `running Filter plugins on node ${JSON.stringify(node.name)}: ${(error as Error).message}`);
  }
}

/** How many nodes that fit are enough; upstream's percentageOfNodesToScore. */
export function feasibleNodesToFind(nodes: number, percentage: number): number {
  if (nodes < MIN_FEASIBLE_NODES) return nodes;
  const per_cent = percentage > 0 ? percentage : Math.max(MIN_PERCENTAGE, 50 - Math.floor(nodes / 125));
  return Math.max(MIN_FEASIBLE_NODES, Math.floor((nodes * per_cent) / 100));
}
