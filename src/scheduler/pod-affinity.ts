// The terms of pod affinity: which other pods one means. Pure; read once for each pod object.
import { selectorOf } from '../apimachinery/labels.js';
import type { Pod, PodAffinityTerm } from '../kinds/types/core_v1.js';
import type { Snapshot } from './define.js';

export interface Term {
  readonly topologyKey: string;
  /** Of a preference, negative where it is one against company; 0 of what is required. */
  readonly weight: number;
  /** Whether `other` is one of the pods that it means. */
  matches(other: Pod, snapshot: Pick<Snapshot, 'namespaceLabels'>): boolean;
}

export interface Terms {
  readonly affinity: readonly Term[];
  readonly antiAffinity: readonly Term[];
  readonly preferred: readonly Term[];
  /** Terms of the same signature mean the same pods; undefined where that depends on the labels of namespaces too. */
  readonly signature: string | undefined;
}

const NONE: Terms = { affinity: [], antiAffinity: [], preferred: [], signature: '' };
const known = new WeakMap<Pod, Terms>();

export function termsOf(pod: Pod): Terms {
  const { podAffinity, podAntiAffinity } = pod.spec.affinity ?? {};
  if (!podAffinity && !podAntiAffinity) return NONE;
  let terms = known.get(pod);
  if (!terms) known.set(pod, (terms = read(pod, podAffinity, podAntiAffinity)));
  return terms;
}

type Affinity = NonNullable<Pod['spec']['affinity']>;

function read(pod: Pod, together: Affinity['podAffinity'], apart: Affinity['podAntiAffinity']): Terms {
  const required = together?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
  const forbidden = apart?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
  const liked = together?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  const disliked = apart?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  return {
    affinity: required.map((term) => termOf(term, pod, 0)),
    antiAffinity: forbidden.map((term) => termOf(term, pod, 0)),
    preferred: [
      ...liked.map(({ podAffinityTerm, weight }) => termOf(podAffinityTerm, pod, weight)),
      ...disliked.map(({ podAffinityTerm, weight }) => termOf(podAffinityTerm, pod, -weight)),
    ],
    signature: signatureOf(pod, [...required, ...forbidden, ...[...liked, ...disliked].map(({ podAffinityTerm }) => podAffinityTerm)]),
  };
}

function signatureOf({ metadata, spec }: Pod, all: readonly PodAffinityTerm[]): string | undefined {
  if (all.some(({ namespaceSelector }) => namespaceSelector && !selectorOf(namespaceSelector).empty)) return undefined;
  const compares = all.some(({ matchLabelKeys, mismatchLabelKeys }) => matchLabelKeys ?? mismatchLabelKeys);
  return JSON.stringify([metadata.namespace, spec.affinity?.podAffinity, spec.affinity?.podAntiAffinity, compares && metadata.labels]);
}

function termOf(term: PodAffinityTerm, { metadata }: Pod, weight: number): Term {
  const { topologyKey, namespaces = [], namespaceSelector, matchLabelKeys = [], mismatchLabelKeys = [] } = term;
  const selector = selectorOf(term.labelSelector);
  const has = (key: string) => metadata.labels?.[key] !== undefined;
  const same = matchLabelKeys.filter(has);
  const different = mismatchLabelKeys.filter(has);
  // The owner's own namespace, unless the term names others or selects them by their labels.
  const named = new Set(namespaces.length === 0 && !namespaceSelector ? [metadata.namespace ?? ''] : namespaces);
  const byLabels = namespaceSelector && selectorOf(namespaceSelector);
  return {
    topologyKey,
    weight,
    matches({ metadata: other }, snapshot) {
      const namespace = other.namespace ?? '';
      if (!named.has(namespace) && !byLabels?.matches(snapshot.namespaceLabels(namespace))) return false;
      if (!selector.matches(other.labels)) return false;
      return (
        same.every((key) => other.labels?.[key] === metadata.labels?.[key]) &&
        different.every((key) => other.labels?.[key] !== metadata.labels?.[key])
      );
    },
  };
}
