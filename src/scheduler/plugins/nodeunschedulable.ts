// NodeUnschedulable: no pods onto a node that `kubectl cordon` closed, unless they tolerate that.

import { tolerates } from '../../kinds/core/tolerations.js';
import { TAINT_UNSCHEDULABLE } from '../../kinds/wellknown.js';
import { definePlugin } from '../define.js';

const TAINT = { key: TAINT_UNSCHEDULABLE, effect: 'NoSchedule' };

export const nodeUnschedulable = definePlugin({
  name: 'NodeUnschedulable',
  filter(pod, { node }) {
    if (!node.spec.unschedulable || pod.spec.tolerations?.some((toleration) => tolerates(toleration, TAINT))) return undefined;
    return { reasons: ['node(s) were unschedulable'], unresolvable: true };
  },
});
