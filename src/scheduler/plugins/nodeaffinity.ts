// NodeAffinity: nodeSelector and required node affinity filter, preferred node affinity scores.

import { matchesRequired, matchesTerm } from '../../kinds/core/node-selector.js';
import { definePlugin } from '../define.js';
import { byHighest } from './normalize.js';

export const nodeAffinity = definePlugin({
  name: 'NodeAffinity',
  weight: 2,
  filter(pod, { node }) {
    if (matchesRequired(pod, node)) return undefined;
    return { reasons: ["node(s) didn't match Pod's node affinity/selector"], unresolvable: true };
  },
  score(pod, { node }) {
    const preferred = pod.spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
    const met = preferred.filter(({ preference }) => matchesTerm(preference, node));
    return met.reduce((sum, { weight }) => sum + weight, 0);
  },
  normalize: (scores) => byHighest(scores),
});
