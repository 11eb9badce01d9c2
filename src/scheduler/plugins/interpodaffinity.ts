// InterPodAffinity: pods that must, or must not, share a topology (a host, a zone) with other pods; preferences score.
import type { Pod } from '../../kinds/types/core_v1.js';
import { bool, int, object } from '../config-fields.js';
import { definePlugin, type FilterResult, type NodeInfo, type Refusal, type Snapshot } from '../define.js';
import { interPodAffinityHints } from '../event-hints.js';
import { type Term, termsOf } from '../pod-affinity.js';
import { type Add, type DomainSums, Sums, Tallies, Tally } from '../tally.js';
import { MAX_SCORE } from './normalize.js';

export interface InterPodAffinityArgs {
  /** What the required company of a pod that is there counts for in the scores of those that it wants. */
  readonly hardPodAffinityWeight: number;
  /** What pods that are there prefer does not count, unless the pod itself prefers some company. */
  readonly ignorePreferredTermsOfExistingPods: boolean;
}

/** Topology key -> domain -> pods there, of three sorts. */
interface State {
  readonly pod: Pod;
  /** Pods that all required terms mean. */
  readonly company: Sums;
  /** Pods that a term against company means. */
  readonly unwanted: Sums;
  /** Pods that want none like this one. */
  readonly repelling: Sums;
  /** Of the last two, in the order in which they are told, where any are: thousands of nodes are asked for them. */
  readonly against: readonly Against[];
}

interface Against {
  readonly topologyKey: string;
  readonly domains: DomainSums;
  readonly refusal: Refusal;
}

interface ScoreState {
  readonly tally: Tally;
  readonly keys: readonly string[];
}

const NO_COMPANY = { reasons: ["node(s) didn't match pod affinity rules"], unresolvable: true };
const UNWANTED = { reasons: ["node(s) didn't match pod anti-affinity rules"] };
const REPELLING = { reasons: ["node(s) didn't satisfy existing pods anti-affinity rules"] };

export const interPodAffinity = definePlugin<State, ScoreState, InterPodAffinityArgs>({
  name: 'InterPodAffinity',
  weight: 2,
  args: object({
    hardPodAffinityWeight: int(1, { min: 0, max: 100, otherwise: 'not in valid range [0, 100]' }),
    ignorePreferredTermsOfExistingPods: bool(false),
  }),
  make(args) {
    const tallies = new Tallies();
    return {
      events: interPodAffinityHints,
      preFilter(pod, snapshot) {
        const { affinity, antiAffinity } = termsOf(pod);
        // Pods that are nominated somewhere may bring what no node has yet.
        const alone = affinity.length + antiAffinity.length === 0 && !snapshot.nominated.repel;
        if (alone && snapshot.withRequiredAntiAffinity.length === 0) return { skip: true };
        const repelling = repellingPods(pod, tallies, snapshot);
        if (alone && repelling.keys.length === 0) return { skip: true };
        const company = affinity.length === 0 ? NOBODY : ownPods('company', countCompany, pod, tallies, snapshot);
        const unwanted = antiAffinity.length === 0 ? NOBODY : ownPods('unwanted', countUnwanted, pod, tallies, snapshot);
        return { state: { pod, company, unwanted, repelling, against: againstOf(pod, unwanted, repelling) } };
      },
      filter: (pod, { node }, state, snapshot) => refusal(pod, node.metadata.labels ?? {}, state, snapshot),
      withPod: (state, other, node, snapshot) => changed(state, 1, other, node, snapshot),
      withoutPod: (state, other, node, snapshot) => changed(state, -1, other, node, snapshot),
      preScore(pod, _, snapshot) {
        const tally = preferences(pod, args, tallies, snapshot);
        return tally && tally.keys.length > 0 ? { tally, keys: tally.keys } : 'skip';
      },
      score(_, { node }, { tally, keys }) {
        const labels = node.metadata.labels ?? {};
        let score = 0;
        for (const key of keys) if (labels[key] !== undefined) score += tally.domains(key).get(labels[key])?.amount ?? 0;
        return score;
      },
      normalize(scores) {
        let [lowest, highest] = [scores[0]!, scores[0]!];
        for (const score of scores) {
          if (score < lowest) lowest = score;
          if (score > highest) highest = score;
        }
        const range = highest - lowest;
        for (let i = 0; i < scores.length; i++) scores[i] = range === 0 ? 0 : Math.floor((MAX_SCORE * (scores[i]! - lowest)) / range);
      },
    };
  },
});

type Labels = { readonly [key: string]: string };
type CountPod = (pod: Pod, other: Pod, labels: Labels, add: Add, snapshot: Snapshot) => void;

const NOBODY = new Sums(new Tally(() => {}));

function refusal(pod: Pod, labels: Labels, { company, against }: State, snapshot: Snapshot): FilterResult {
  const { affinity } = termsOf(pod);
  if (affinity.length > 0 && lacksCompany(pod, affinity, labels, company, snapshot)) return NO_COMPANY;
  for (let i = 0; i < against.length; i++) {
    const { topologyKey, domains, refusal } = against[i]!;
    const domain = labels[topologyKey];
    if (domain !== undefined && domains.get(domain) > 0) return refusal;
  }
  return undefined;
}

/** A node must have the label of each term, even for the first pod of a group, which finds no company yet. */
function lacksCompany(pod: Pod, affinity: readonly Term[], labels: Labels, company: Sums, snapshot: Snapshot): boolean {
  if (affinity.some(({ topologyKey }) => labels[topologyKey] === undefined)) return true;
  if (affinity.every(({ topologyKey }) => company.get(topologyKey, labels[topologyKey]!) > 0)) return false;
  const first = company.empty && affinity.every((term) => term.matches(pod, snapshot));
  return !first;
}

function againstOf(pod: Pod, unwanted: Sums, repelling: Sums): readonly Against[] {
  const own = new Set(termsOf(pod).antiAffinity.map(({ topologyKey }) => topologyKey));
  const of = (sums: Sums, refusal: Refusal) => (topologyKey: string) => ({ topologyKey, domains: sums.of(topologyKey), refusal });
  return [...[...own].map(of(unwanted, UNWANTED)), ...repelling.keys.map(of(repelling, REPELLING))];
}

function changed(state: State, sign: 1 | -1, other: Pod, { node }: NodeInfo, snapshot: Snapshot): State {
  const count = (sums: Sums, countPod: CountPod) =>
    sums.with(sign, (add) => countPod(state.pod, other, node.metadata.labels ?? {}, add, snapshot));
  const [unwanted, repelling] = [count(state.unwanted, countUnwanted), count(state.repelling, countRepelling)];
  const isSame = unwanted === state.unwanted && repelling === state.repelling;
  const against = isSame ? state.against : againstOf(state.pod, unwanted, repelling);
  return { ...state, company: count(state.company, countCompany), unwanted, repelling, against };
}

/** A pod counts as company only if every term means it. */
const countCompany: CountPod = (pod, other, labels, add, snapshot) => {
  const { affinity } = termsOf(pod);
  if (!affinity.every((term) => term.matches(other, snapshot))) return;
  for (const { topologyKey } of affinity) addTo(add, labels, topologyKey, 1);
};

const countUnwanted: CountPod = (pod, other, labels, add, snapshot) => {
  for (const term of termsOf(pod).antiAffinity) if (term.matches(other, snapshot)) addTo(add, labels, term.topologyKey, 1);
};

const countRepelling: CountPod = (pod, other, labels, add, snapshot) => {
  for (const term of termsOf(other).antiAffinity) if (term.matches(pod, snapshot)) addTo(add, labels, term.topologyKey, 1);
};

function addTo(add: Add, labels: Labels, key: string, amount: number): void {
  const domain = labels[key];
  if (domain !== undefined) add(key, domain, amount);
}

function ownPods(what: string, countPod: CountPod, pod: Pod, tallies: Tallies, snapshot: Snapshot): Sums {
  const { signature } = termsOf(pod);
  const count = ({ node, pods }: NodeInfo, add: Add, at: Snapshot) => {
    for (const other of pods) countPod(pod, other, node.metadata.labels ?? {}, add, at);
  };
  return new Sums(tallies.of(signature === undefined ? undefined : `${what} ${signature}`, count, snapshot));
}

function repellingPods(pod: Pod, tallies: Tallies, snapshot: Snapshot): Sums {
  const count = ({ node, podsWithRequiredAntiAffinity }: NodeInfo, add: Add, at: Snapshot) => {
    for (const other of podsWithRequiredAntiAffinity) countRepelling(pod, other, node.metadata.labels ?? {}, add, at);
  };
  return new Sums(tallies.of(`repelling ${asSeenByOthers(pod, snapshot)}`, count, snapshot));
}

/** All that others' terms go by. */
const asSeenByOthers = ({ metadata }: Pod, snapshot: Snapshot): string =>
  JSON.stringify([metadata.namespace, metadata.labels, snapshot.namespaceLabels(metadata.namespace ?? '')]);

/** What the pod prefers of others and they of it; undefined where nobody prefers anything. */
function preferences(pod: Pod, args: InterPodAffinityArgs, tallies: Tallies, snapshot: Snapshot): Tally | undefined {
  const { preferred, signature } = termsOf(pod);
  const own = preferred.length > 0;
  if (!own && (args.ignorePreferredTermsOfExistingPods || snapshot.withAffinity.length === 0)) return undefined;
  const count = ({ node, pods, podsWithAffinity }: NodeInfo, add: Add, at: Snapshot) => {
    const labels = node.metadata.labels ?? {};
    for (const other of own ? pods : podsWithAffinity) countPreferred(pod, other, args, labels, add, at);
  };
  const seen = own ? signature : '';
  return tallies.of(seen === undefined ? undefined : `preferred ${seen} ${asSeenByOthers(pod, snapshot)}`, count, snapshot);
}

function countPreferred(pod: Pod, other: Pod, args: InterPodAffinityArgs, labels: Labels, add: Add, snapshot: Snapshot): void {
  for (const term of termsOf(pod).preferred) if (term.matches(other, snapshot)) addTo(add, labels, term.topologyKey, term.weight);
  const theirs = termsOf(other);
  for (const term of theirs.preferred) if (term.matches(pod, snapshot)) addTo(add, labels, term.topologyKey, term.weight);
  if (args.hardPodAffinityWeight === 0) return;
  for (const term of theirs.affinity) {
    if (term.matches(pod, snapshot)) addTo(add, labels, term.topologyKey, args.hardPodAffinityWeight);
  }
}
