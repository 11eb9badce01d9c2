// InterPodAffinity: pods that must, or must not, share a topology (a host, a zone) with other pods; preferences score.
import type { Pod, PodAffinityTerm } from '../../kinds/types/core_v1.js';
import { definePlugin, type NodeInfo, type Snapshot } from '../define.js';
import { matchesPodTerm, requiredTerms } from '../pod-affinity.js';
import { MAX_SCORE } from './normalize.js';

export const interPodAffinity = definePlugin<State, State>({
  name: 'InterPodAffinity',
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
      const state = stateOf(pod, snapshot);
      return state.affinity.length + state.antiAffinity.length + state.repelled.size === 0 ? { skip: true } : { state };
    },
    filter(_, { node }, state) {
      const labels = node.metadata.labels ?? {};
      const inDomain = ({ topologyKey }: PodAffinityTerm, domains: ReadonlySet<string>) =>
        labels[topologyKey] !== undefined && domains.has(labels[topologyKey]);
      if (state.affinity.some(({ term, domains, first }) => (first ? labels[term.topologyKey] === undefined : !inDomain(term, domains)))) {
        return { reasons: ["node(s) didn't match pod affinity rules"], unresolvable: true };
      }
      if (state.antiAffinity.some(({ term, domains }) => inDomain(term, domains))) {
        return { reasons: ["node(s) didn't match pod anti-affinity rules"] };
      }
      const keepsOff = [...state.repelled].some(([key, domains]) => labels[key] !== undefined && domains.has(labels[key]));
      return keepsOff ? { reasons: ["node(s) didn't satisfy existing pods anti-affinity rules"] } : undefined;
    },
    preScore(pod, _, snapshot) {
      const state = stateOf(pod, snapshot);
      return state.preferred.length === 0 ? 'skip' : state;
    },
    score(_, { node }, state) {
      const labels = node.metadata.labels ?? {};
      return state.preferred.reduce((sum, { term, weight, counts }) => {
        const domain = labels[term.topologyKey];
        return domain === undefined ? sum : sum + weight * (counts.get(domain) ?? 0);
      }, 0);
    },
    normalize(scores) {
      const lowest = Math.min(...scores);
      const range = Math.max(...scores) - lowest;
      for (let i = 0; i < scores.length; i++) scores[i] = range === 0 ? 0 : Math.floor((MAX_SCORE * (scores[i]! - lowest)) / range);
    },
  }),
});

interface TermState {
  readonly term: PodAffinityTerm;
  /** Domains that hold a pod of the term. */
  readonly domains: ReadonlySet<string>;
  /** No pod anywhere is of the term but this one itself: the first of its kind may go anywhere. */
  readonly first: boolean;
}

interface State {
  readonly affinity: readonly TermState[];
  readonly antiAffinity: readonly TermState[];
  /** Topology key -> domains from which pods that are there keep this one off. */
  readonly repelled: ReadonlyMap<string, ReadonlySet<string>>;
  readonly preferred: readonly { readonly term: PodAffinityTerm; readonly weight: number; readonly counts: ReadonlyMap<string, number> }[];
}

function stateOf(pod: Pod, snapshot: Snapshot): State {
  const { podAffinity, podAntiAffinity } = pod.spec.affinity ?? {};
  const weighted = [
    ...(podAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((each) => ({ each, sign: 1 })),
    ...(podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((each) => ({ each, sign: -1 })),
  ];
  return {
    affinity: requiredTerms(podAffinity).map((term) => termState(term, pod, snapshot)),
    antiAffinity: requiredTerms(podAntiAffinity).map((term) => termState(term, pod, snapshot)),
    repelled: repelledFrom(pod, snapshot),
    preferred: weighted.map(({ each, sign }) => ({
      term: each.podAffinityTerm,
      weight: each.weight * sign,
      counts: countDomains(each.podAffinityTerm, pod, snapshot),
    })),
  };
}

function termState(term: PodAffinityTerm, pod: Pod, snapshot: Snapshot): TermState {
  const domains = new Set(countDomains(term, pod, snapshot).keys());
  return { term, domains, first: domains.size === 0 && matchesPodTerm(term, pod, pod, snapshot) };
}

function countDomains(term: PodAffinityTerm, pod: Pod, snapshot: Snapshot): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { node, pods } of snapshot.nodes) {
    const domain = node.metadata.labels?.[term.topologyKey];
    const count = domain === undefined ? 0 : pods.filter((other) => matchesPodTerm(term, pod, other, snapshot)).length;
    if (count > 0) counts.set(domain!, (counts.get(domain!) ?? 0) + count);
  }
  return counts;
}

function repelledFrom(pod: Pod, snapshot: Snapshot): ReadonlyMap<string, ReadonlySet<string>> {
  const repelled = new Map<string, Set<string>>();
  for (const info of snapshot.withRequiredAntiAffinity) {
    for (const { topologyKey } of termsAgainst(pod, info, snapshot)) {
      const domain = info.node.metadata.labels?.[topologyKey];
      if (domain === undefined) continue;
      const domains = repelled.get(topologyKey) ?? new Set();
      repelled.set(topologyKey, domains.add(domain));
    }
  }
  return repelled;
}

function termsAgainst(pod: Pod, { pods }: NodeInfo, snapshot: Snapshot): readonly PodAffinityTerm[] {
  return pods.flatMap((other) =>
    other.spec.affinity?.podAntiAffinity
      ? requiredTerms(other.spec.affinity.podAntiAffinity).filter((term) => matchesPodTerm(term, other, pod, snapshot))
      : [],
  );
}
