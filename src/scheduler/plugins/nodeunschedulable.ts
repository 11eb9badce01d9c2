// NodeUnschedulable: no pods onto a node that `kubectl cordon` closed, unless they tolerate that.

import { tolerates } from '../../kinds/core/tolerations.js';
import { TAINT_UNSCHEDULABLE } from '../../kinds/wellknown.js';
import { definePlugin } from '../define.js';
import { nodeUnschedulableHints } from '../event-hints.js';

const TAINT = { key: TAINT_UNSCHEDULABLE, effect: 'NoSchedule' };
const REFUSAL = { reasons: ['node(s) were unschedulable'], unresolvable: true };

export const nodeUnschedulable = definePlugin({
  name: 'NodeUnschedulable',
  make: () => ({
    events: nodeUnschedulableHints,
    signature: ({ spec }) => JSON.stringify(spec.tolerations ?? []),
    filter({ spec }, { node }) {
      if (!node.spec.unschedulable || spec.tolerations?.some((toleration) => tolerates(toleration, TAINT))) return undefined;
      return REFUSAL;
    },
  }),
});
