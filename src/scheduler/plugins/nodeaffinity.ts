// NodeAffinity: nodeSelector and required node affinity filter, preferred node affinity scores; so does what the configuration adds for every pod.
import { matchesRequired, matchesTerm } from '../../kinds/core/node-selector.js';
import { validateNodeAffinity } from '../../kinds/core/scheduling-validation.js';
import type { NodeAffinity, Pod, PreferredSchedulingTerm } from '../../kinds/types/core_v1.js';
import { checked, int, listOf, object, optional, type Reader, text } from '../config-fields.js';
import { definePlugin } from '../define.js';
import { nodeAffinityHints } from '../event-hints.js';
import { byHighest } from './normalize.js';

interface Args {
  /** Asked of each node besides what the pod asks. */
  readonly addedAffinity: NodeAffinity | undefined;
}

const REFUSAL = { reasons: ["node(s) didn't match Pod's node affinity/selector"], unresolvable: true };
const NOT_ADDED = { reasons: ["node(s) didn't match scheduler-enforced node affinity"], unresolvable: true };
const CONFLICT = 'pod affinity terms conflict';

const requirements = listOf(object({ key: text(), operator: text(), values: listOf(text()) }));
const term = object({ matchExpressions: requirements, matchFields: requirements });
const affinity = object({
  requiredDuringSchedulingIgnoredDuringExecution: optional(object({ nodeSelectorTerms: listOf(term) })),
  preferredDuringSchedulingIgnoredDuringExecution: listOf(object({ weight: int(0), preference: term })),
});

const args: Reader<Args> = checked(object({ addedAffinity: optional(affinity as Reader<NodeAffinity>) }), ({ addedAffinity }, path) =>
  validateNodeAffinity(`${path}.addedAffinity`, addedAffinity),
);

export const nodeAffinity = definePlugin<undefined, readonly PreferredSchedulingTerm[], Args>({
  name: 'NodeAffinity',
  weight: 2,
  args,
  make({ addedAffinity }) {
    // As if it were a pod's, which asks for nothing else.
    const added = { spec: { affinity: { nodeAffinity: addedAffinity } } } as unknown as Pod;
    const addsRequired = requiredOf(added) !== undefined;
    return {
      events: nodeAffinityHints,
      signature: ({ spec }) => JSON.stringify([spec.nodeSelector, spec.affinity?.nodeAffinity]),
      preFilter(pod) {
        const own = pod.spec.nodeSelector || requiredOf(pod);
        if (!own && !addsRequired) return { skip: true };
        const nodes = namedNodes(pod);
        if (nodes?.size === 0) return { refused: CONFLICT, unresolvable: true };
        return nodes ? { nodes } : {};
      },
      filter(pod, { node }) {
        if (addsRequired && !matchesRequired(added, node)) return NOT_ADDED;
        return matchesRequired(pod, node) ? undefined : REFUSAL;
      },
      preScore(pod) {
        const preferred = [...preferredOf(added), ...preferredOf(pod)];
        return preferred.length === 0 ? 'skip' : preferred;
      },
      score: (_, { node }, preferred) =>
        preferred.reduce((sum, { preference, weight }) => (matchesTerm(preference, node) ? sum + weight : sum), 0),
      normalize: (scores) => byHighest(scores),
    };
  },
});

const requiredOf = ({ spec }: Pod) => spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
const preferredOf = ({ spec }: Pod) => spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];

/** Where every term names its nodes (as a DaemonSet's pods do), no others need be looked at. */
function namedNodes(pod: Pod): ReadonlySet<string> | undefined {
  const terms = requiredOf(pod)?.nodeSelectorTerms ?? [];
  const named = terms.map(({ matchFields = [] }) =>
    matchFields.filter(({ key, operator }) => key === 'metadata.name' && operator === 'In'),
  );
  if (named.length === 0 || named.some((fields) => fields.length === 0)) return undefined;
  const all = named.flatMap(([first, ...others]) =>
    (first!.values ?? []).filter((name) => others.every(({ values = [] }) => values.includes(name))),
  );
  return new Set(all);
}
