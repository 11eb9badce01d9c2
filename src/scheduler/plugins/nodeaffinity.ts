// NodeAffinity: nodeSelector and required node affinity filter, preferred node affinity scores.
import { matchesRequired, matchesTerm } from '../../kinds/core/node-selector.js';
import type { Pod, PreferredSchedulingTerm } from '../../kinds/types/core_v1.js';
import { definePlugin } from '../define.js';
import { byHighest } from './normalize.js';

export const nodeAffinity = definePlugin<undefined, readonly PreferredSchedulingTerm[]>({
  name: 'NodeAffinity',
  weight: 2,
  make: () => ({
    events: [{ event: 'NodeAdd' }, { event: 'NodeUpdate' }],
    preFilter(pod) {
      if (!pod.spec.nodeSelector && !pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution) return { skip: true };
      const nodes = namedNodes(pod);
      return nodes ? { nodes } : {};
    },
    filter: (pod, { node }) => (matchesRequired(pod, node) ? undefined : REFUSAL),
    preScore(pod) {
      const preferred = pod.spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
      return preferred.length === 0 ? 'skip' : preferred;
    },
    score: (_, { node }, preferred) =>
      preferred.reduce((sum, { preference, weight }) => (matchesTerm(preference, node) ? sum + weight : sum), 0),
    normalize: (scores) => byHighest(scores),
  }),
});

const REFUSAL = { reasons: ["node(s) didn't match Pod's node affinity/selector"], unresolvable: true };

/** Where every term names its nodes (as a DaemonSet's pods do), no others need be looked at. */
function namedNodes({ spec }: Pod): ReadonlySet<string> | undefined {
  const terms = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  const named = terms.map(({ matchFields = [] }) =>
    matchFields.filter(({ key, operator }) => key === 'metadata.name' && operator === 'In'),
  );
  if (named.length === 0 || named.some((fields) => fields.length === 0)) return undefined;
  const all = named.flatMap(([first, ...others]) =>
    (first!.values ?? []).filter((name) => others.every(({ values = [] }) => values.includes(name))),
  );
  return new Set(all);
}
