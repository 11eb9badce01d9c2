// The terms of pod affinity: which other pods one means. Pure.
import { selectorOf } from '../apimachinery/labels.js';
import type { Pod, PodAffinityTerm } from '../kinds/types/core_v1.js';
import type { Snapshot } from './define.js';

export function requiredTerms(
  affinity: { readonly requiredDuringSchedulingIgnoredDuringExecution?: readonly PodAffinityTerm[] } | undefined,
): readonly PodAffinityTerm[] {
  return affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
}

/** Whether `other` is one of the pods that a term of `owner` means. */
export function matchesPodTerm(term: PodAffinityTerm, owner: Pod, other: Pod, snapshot: Snapshot): boolean {
  if (!inNamespaces(term, owner, other, snapshot) || !selectorOf(term.labelSelector).matches(other.metadata.labels)) return false;
  const value = (pod: Pod, key: string) => pod.metadata.labels?.[key];
  const has = (key: string) => value(owner, key) !== undefined;
  return (
    (term.matchLabelKeys ?? []).filter(has).every((key) => value(other, key) === value(owner, key)) &&
    (term.mismatchLabelKeys ?? []).filter(has).every((key) => value(other, key) !== value(owner, key))
  );
}

/** The owner's own namespace, unless the term names others or selects them by their labels. */
function inNamespaces({ namespaces = [], namespaceSelector }: PodAffinityTerm, owner: Pod, other: Pod, snapshot: Snapshot): boolean {
  const namespace = other.metadata.namespace ?? '';
  if (namespaces.length === 0 && !namespaceSelector) return namespace === owner.metadata.namespace;
  if (namespaces.includes(namespace)) return true;
  return namespaceSelector !== undefined && selectorOf(namespaceSelector).matches(snapshot.namespaceLabels(namespace));
}
