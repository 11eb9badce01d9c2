// TaintToleration: taints keep pods off unless they tolerate them; PreferNoSchedule only makes a node less liked.

import { tolerates } from '../../kinds/core/tolerations.js';
import type { Taint, Toleration } from '../../kinds/types/core_v1.js';
import { definePlugin } from '../define.js';
import { taintTolerationHints } from '../event-hints.js';
import { byHighest } from './normalize.js';

export const taintToleration = definePlugin<undefined, readonly Toleration[]>({
  name: 'TaintToleration',
  weight: 3,
  make: () => ({
    events: taintTolerationHints,
    signature: ({ spec }) => JSON.stringify(spec.tolerations ?? []),
    filter({ spec }, { node }) {
      const { taints } = node.spec;
      return !taints || taints.every((taint) => taint.effect === 'PreferNoSchedule' || isTolerated(taint, spec.tolerations))
        ? undefined
        : REFUSAL;
    },
    /** Only tolerations that could be meant for such taints count. */
    preScore: ({ spec }) => (spec.tolerations ?? []).filter(({ effect }) => !effect || effect === 'PreferNoSchedule'),
    score(_, { node }, tolerations) {
      const { taints } = node.spec;
      return taints ? taints.filter((taint) => taint.effect === 'PreferNoSchedule' && !isTolerated(taint, tolerations)).length : 0;
    },
    normalize: (scores) => byHighest(scores, true),
  }),
});

const REFUSAL = { reasons: ['node(s) had untolerated taint(s)'], unresolvable: true };

const isTolerated = (taint: Taint, tolerations: readonly Toleration[] = []): boolean =>
  tolerations.some((toleration) => tolerates(toleration, taint));
