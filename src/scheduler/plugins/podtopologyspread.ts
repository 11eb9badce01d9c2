// PodTopologySpread: spreads like pods over zones and hosts, by the pod's own constraints or else by the cluster's defaults.
import type { Node, Pod } from '../../kinds/types/core_v1.js';
import { LABEL_HOSTNAME } from '../../kinds/wellknown.js';
import { definePlugin, type FilterResult, type NodeInfo, type Snapshot } from '../define.js';
import { podTopologySpreadHints } from '../event-hints.js';
import { type PodTopologySpreadArgs, podTopologySpreadArgs } from '../spread-args.js';
import { type Constraint, type Constraints, constraintsOf, SYSTEM_DEFAULTS } from '../spread-constraints.js';
import { type Add, type Domains, Tallies, type Tally } from '../tally.js';
import { MAX_SCORE } from './normalize.js';

/** Of each constraint that must hold, at its index. */
interface State {
  readonly pod: Pod;
  readonly constraints: readonly Constraint[];
  readonly spreads: readonly Spread[];
}

interface ScoreState {
  readonly constraints: readonly Constraint[];
  readonly tally: Tally;
  /** By constraint: many domains hold few pods each; weighted, so that hosts and zones count alike. */
  readonly weights: readonly number[];
  /** Nodes without a label of a constraint score nothing. */
  readonly needsAll: boolean;
}

const MISMATCH = "node(s) didn't match pod topology spread constraints";
const UNEVEN = { reasons: [MISMATCH] };
const NO_LABEL = { reasons: [`${MISMATCH} (missing required label)`], unresolvable: true };

export const podTopologySpread = definePlugin<State, ScoreState, PodTopologySpreadArgs>({
  name: 'PodTopologySpread',
  weight: 2,
  args: podTopologySpreadArgs,
  make({ defaultingType, defaultConstraints }) {
    const defaults = defaultingType === 'System' ? SYSTEM_DEFAULTS : defaultConstraints;
    const tallies = new Tallies();
    return {
      events: podTopologySpreadHints,
      preFilter(pod, snapshot) {
        const found = constraintsOf(pod, 'DoNotSchedule', snapshot.services, defaults);
        const { constraints } = found;
        if (constraints.length === 0) return { skip: true };
        const tally = tallyOf('filter', found, true, pod, tallies, snapshot);
        return { state: { pod, constraints, spreads: constraints.map((one, i) => new Spread(one, tally.domains(String(i)))) } };
      },
      filter: (pod, { node }, { constraints, spreads }) => refusal(pod, node, constraints, spreads),
      withPod: (state, other, info) => changed(state, 1, other, info),
      withoutPod: (state, other, info) => changed(state, -1, other, info),
      preScore(pod, nodes, snapshot) {
        const found = constraintsOf(pod, 'ScheduleAnyway', snapshot.services, defaults);
        const { constraints } = found;
        if (constraints.length === 0) return 'skip';
        // Clusters without zones are to be spread by the system's defaults all the same.
        const needsAll = !found.byDefault || defaultingType !== 'System';
        const tally = tallyOf('score', found, needsAll, pod, tallies, snapshot);
        const among = needsAll ? nodes.filter(({ node }) => hasAll(node, constraints)) : nodes;
        const weights = constraints.map(({ topologyKey }) => Math.log(domainsAmong(among, topologyKey) + 2));
        return { constraints, tally, weights, needsAll };
      },
      /** The fewer like pods in the node's zone and on it, the lower. */
      score(_, info, state) {
        const { constraints, tally, weights, needsAll } = state;
        if (needsAll && !hasAll(info.node, constraints)) return 0;
        let score = 0;
        for (let i = 0; i < constraints.length; i++) {
          const { topologyKey, maxSkew } = constraints[i]!;
          const domain = domainOf(info, topologyKey);
          if (domain === undefined) continue;
          score += (tally.domains(String(i)).get(domain)?.amount ?? 0) * weights[i]! + maxSkew - 1;
        }
        return Math.round(score);
      },
      normalize(scores, nodes, { needsAll, constraints }) {
        const ignored = (i: number) => needsAll && !hasAll(nodes[i]!.node, constraints);
        let [lowest, highest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
        for (let i = 0; i < scores.length; i++) {
          if (ignored(i)) continue;
          lowest = Math.min(lowest, scores[i]!);
          highest = Math.max(highest, scores[i]!);
        }
        for (let i = 0; i < scores.length; i++) {
          if (ignored(i)) scores[i] = 0;
          else scores[i] = highest === 0 ? MAX_SCORE : Math.floor((MAX_SCORE * (highest + lowest - scores[i]!)) / highest);
        }
      },
    };
  },
});

function refusal(pod: Pod, { metadata }: Node, constraints: readonly Constraint[], spreads: readonly Spread[]): FilterResult {
  for (let i = 0; i < constraints.length; i++) {
    const constraint = constraints[i]!;
    const domain = metadata.labels?.[constraint.topologyKey];
    if (domain === undefined) return NO_LABEL;
    const self = constraint.selects(pod) ? 1 : 0;
    if (spreads[i]!.count(domain) + self - spreads[i]!.least > constraint.maxSkew) return UNEVEN;
  }
  return undefined;
}

/** How many like pods each domain of a constraint has, and the least of all; `with` tells how it would be with one more or fewer. */
class Spread {
  #least: number | undefined;

  constructor(
    private readonly constraint: Constraint,
    private readonly domains: Domains,
    private readonly changes: ReadonlyMap<string, number> = new Map(),
    /** Count -> domains that have it, before the changes; made once, for those that ask what if. */
    private readonly levels: { made?: ReadonlyMap<number, number> } = {},
  ) {}

  count(domain: string): number {
    return (this.domains.get(domain)?.amount ?? 0) + (this.changes.get(domain) ?? 0);
  }

  /** 0 where there are fewer domains than are wanted. */
  get least(): number {
    return (this.#least ??= this.domains.size < this.constraint.minDomains ? 0 : this.#lowest());
  }

  with(domain: string, by: number): Spread {
    const changes = new Map(this.changes).set(domain, (this.changes.get(domain) ?? 0) + by);
    return new Spread(this.constraint, this.domains, changes, this.levels);
  }

  #lowest(): number {
    let lowest = Number.POSITIVE_INFINITY;
    if (this.changes.size === 0) for (const { amount } of this.domains.values()) lowest = Math.min(lowest, amount);
    else for (const [count, domains] of this.#changedLevels()) if (domains > 0) lowest = Math.min(lowest, count);
    return Number.isFinite(lowest) ? lowest : 0;
  }

  #changedLevels(): ReadonlyMap<number, number> {
    this.levels.made ??= levelsOf(this.domains);
    const levels = new Map(this.levels.made);
    for (const domain of this.changes.keys()) {
      const before = this.domains.get(domain)?.amount;
      if (before !== undefined) levels.set(before, levels.get(before)! - 1);
      const now = this.count(domain);
      levels.set(now, (levels.get(now) ?? 0) + 1);
    }
    return levels;
  }
}

function levelsOf(domains: Domains): ReadonlyMap<number, number> {
  const levels = new Map<number, number>();
  for (const { amount } of domains.values()) levels.set(amount, (levels.get(amount) ?? 0) + 1);
  return levels;
}

function changed(state: State, by: 1 | -1, other: Pod, { node }: NodeInfo): State {
  const { pod, constraints } = state;
  if (!isLike(pod, other) || !hasAll(node, constraints)) return state;
  const spreads = state.spreads.map((spread, i) => {
    const constraint = constraints[i]!;
    return constraint.selects(other) && constraint.counts(node) ? spread.with(node.metadata.labels![constraint.topologyKey]!, by) : spread;
  });
  return { ...state, spreads };
}

/** Whether it can count at all; pods that are going do not. */
const isLike = (pod: Pod, { metadata }: Pod): boolean =>
  metadata.namespace === pod.metadata.namespace && metadata.deletionTimestamp === undefined;

const hasAll = ({ metadata }: Node, constraints: readonly Constraint[]): boolean =>
  constraints.every(({ topologyKey }) => metadata.labels?.[topologyKey] !== undefined);

/** A host is the node itself, whatever its label says. */
const domainOf = ({ name, node }: NodeInfo, topologyKey: string): string | undefined => {
  const label = node.metadata.labels?.[topologyKey];
  return label !== undefined && topologyKey === LABEL_HOSTNAME ? name : label;
};

/** To be in none counts as one more, as upstream's. */
function domainsAmong(nodes: readonly NodeInfo[], topologyKey: string): number {
  if (topologyKey === LABEL_HOSTNAME) return nodes.length;
  const domains = new Set<string | undefined>();
  for (const { node } of nodes) domains.add(node.metadata.labels?.[topologyKey]);
  return domains.size;
}

/** Like pods by constraint (its index is the key) and domain; every domain that counts is there. */
function tallyOf(what: 'filter' | 'score', found: Constraints, needsAll: boolean, pod: Pod, tallies: Tallies, snapshot: Snapshot): Tally {
  const { constraints } = found;
  const count = (info: NodeInfo, add: Add) => {
    if (needsAll && !hasAll(info.node, constraints)) return;
    constraints.forEach((constraint, i) => {
      const domain = what === 'score' ? domainOf(info, constraint.topologyKey) : info.node.metadata.labels?.[constraint.topologyKey];
      if (domain === undefined || !constraint.counts(info.node)) return;
      let likes = 0;
      for (const other of info.pods) if (isLike(pod, other) && constraint.selects(other)) likes++;
      add(String(i), domain, likes);
    });
  };
  return tallies.of(`${what} ${found.signature}`, count, snapshot);
}
