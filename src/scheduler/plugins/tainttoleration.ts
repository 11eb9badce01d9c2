// TaintToleration: taints keep pods off unless they tolerate them; PreferNoSchedule only makes a node less liked.

import { tolerates } from '../../kinds/core/tolerations.js';
import { definePlugin } from '../define.js';
import { byHighest } from './normalize.js';

export const taintToleration = definePlugin({
  name: 'TaintToleration',
  weight: 3,
  filter(pod, { node }) {
    const tolerations = pod.spec.tolerations ?? [];
    const forbidding = (node.spec.taints ?? []).filter(({ effect }) => effect === 'NoSchedule' || effect === 'NoExecute');
    if (forbidding.every((taint) => tolerations.some((toleration) => tolerates(toleration, taint)))) return undefined;
    return { reasons: ['node(s) had untolerated taint(s)'], unresolvable: true };
  },
  score(pod, { node }) {
    const tolerations = pod.spec.tolerations ?? [];
    const softTaints = (node.spec.taints ?? []).filter(({ effect }) => effect === 'PreferNoSchedule');
    return softTaints.filter((taint) => !tolerations.some((toleration) => tolerates(toleration, taint))).length;
  },
  normalize: (scores) => byHighest(scores, true),
});
