// TaintNodesByCondition: a node is not scheduled to before it has been seen ready once.
import type { Mutable } from '../../kinds/define.js';
import type { Node } from '../../kinds/types/core_v1.js';
import { TAINT_NOT_READY } from '../../kinds/wellknown.js';
import type { AdmissionPlugin } from './admission.js';

const EFFECT = 'NoSchedule';

export const taintNodesByCondition: AdmissionPlugin = {
  name: 'TaintNodesByCondition',
  operations: ['CREATE'],
  resources: ['nodes'],
  admit({ subresource }, object) {
    if (subresource) return;
    const { spec } = object as Mutable<Node>;
    if (spec.taints?.some(({ key, effect }) => key === TAINT_NOT_READY && effect === EFFECT)) return;
    spec.taints = [...(spec.taints ?? []), { key: TAINT_NOT_READY, effect: EFFECT }];
  },
};
