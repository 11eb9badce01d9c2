// PodTopologySpread: spreads like pods over zones and hosts, by the pod's own constraints or else by the system's defaults.
import type { Pod } from '../../kinds/types/core_v1.js';
import { definePlugin, type NodeInfo, type Snapshot } from '../define.js';
import { type Constraint, constraintsOf } from '../spread-constraints.js';
import { MAX_SCORE } from './normalize.js';

const MISMATCH = "node(s) didn't match pod topology spread constraints";

export const podTopologySpread = definePlugin<readonly ConstraintState[], readonly ConstraintState[]>({
  name: 'PodTopologySpread',
  weight: 2,
  make: () => ({
    events: [
      { event: 'NodeAdd' },
      { event: 'NodeUpdate' },
      { event: 'AssignedPodAdd' },
      { event: 'AssignedPodUpdate' },
      { event: 'AssignedPodDelete' },
    ],
    preFilter(pod, snapshot) {
      const state = stateOf(pod, snapshot, true);
      return state.length === 0 ? { skip: true } : { state };
    },
    filter(pod, { node }, state) {
      for (const { constraint, counts, min } of state) {
        const domain = node.metadata.labels?.[constraint.topologyKey];
        if (domain === undefined) return { reasons: [`${MISMATCH} (missing required label)`], unresolvable: true };
        const self = constraint.selects(pod) ? 1 : 0;
        if ((counts.get(domain) ?? 0) + self - min > constraint.maxSkew) return { reasons: [MISMATCH] };
      }
      return undefined;
    },
    preScore(pod, _, snapshot) {
      const state = stateOf(pod, snapshot, false);
      return state.length === 0 ? 'skip' : state;
    },
    /** The fewer like pods in the node's zone and on it, the lower. */
    score(_, { node }, state) {
      let score = 0;
      for (const { constraint, counts } of state) {
        const domain = node.metadata.labels?.[constraint.topologyKey];
        if (domain === undefined) continue;
        // Many domains hold few pods each: weighted, so that hosts and zones count alike.
        score += (counts.get(domain) ?? 0) * Math.log(counts.size + 2) + constraint.maxSkew - 1;
      }
      return Math.round(score);
    },
    normalize(scores) {
      const lowest = Math.min(...scores);
      const highest = Math.max(...scores);
      for (let i = 0; i < scores.length; i++) {
        scores[i] = highest === 0 ? MAX_SCORE : Math.floor((MAX_SCORE * (highest + lowest - scores[i]!)) / highest);
      }
    },
  }),
});

interface ConstraintState {
  readonly constraint: Constraint;
  /** Domain (a zone's or host's name) -> like pods in it; every domain that counts is there. */
  readonly counts: ReadonlyMap<string, number>;
  readonly min: number;
}

/** Of the constraints that must hold, or of those that only count in scores. */
function stateOf(pod: Pod, snapshot: Snapshot, hard: boolean): readonly ConstraintState[] {
  const constraints = constraintsOf(pod, snapshot.services).filter((constraint) => constraint.hard === hard);
  const hardKeys = constraints.filter(({ hard }) => hard).map(({ topologyKey }) => topologyKey);
  return constraints.map((constraint) => count(constraint, hardKeys, pod, snapshot));
}

function count(constraint: Constraint, hardKeys: readonly string[], pod: Pod, snapshot: Snapshot): ConstraintState {
  const counts = new Map<string, number>();
  for (const info of snapshot.nodes) {
    const labels = info.node.metadata.labels ?? {};
    const domain = labels[constraint.topologyKey];
    if (domain === undefined || !constraint.counts(pod, info.node)) continue;
    if (constraint.hard && hardKeys.some((key) => labels[key] === undefined)) continue;
    counts.set(domain, (counts.get(domain) ?? 0) + likePods(constraint, pod, info));
  }
  const min = counts.size < constraint.minDomains ? 0 : Math.min(...counts.values());
  return { constraint, counts, min: Number.isFinite(min) ? min : 0 };
}

function likePods(constraint: Constraint, pod: Pod, { pods }: NodeInfo): number {
  let likes = 0;
  for (const other of pods) {
    const counted = other.metadata.namespace === pod.metadata.namespace && other.metadata.deletionTimestamp === undefined;
    if (counted && constraint.selects(other)) likes++;
  }
  return likes;
}
