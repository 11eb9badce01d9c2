// DefaultTolerationSeconds: pods stay on a node that is gone for five minutes, unless they say otherwise.
import type { Mutable } from '../../kinds/define.js';
import type { Pod, Toleration } from '../../kinds/types/core_v1.js';
import { TAINT_NOT_READY, TAINT_UNREACHABLE } from '../../kinds/wellknown.js';
import type { AdmissionPlugin } from './admission.js';

/** Upstream's default of both flags. */
const DEFAULT_TOLERATION_S = 300;

export const defaultTolerationSeconds: AdmissionPlugin = {
  name: 'DefaultTolerationSeconds',
  operations: ['CREATE', 'UPDATE'],
  resources: ['pods'],
  admit({ subresource }, object, { options }) {
    if (subresource) return;
    const { spec } = object as Mutable<Pod>;
    if (!spec) return;
    const { defaultNotReadyTolerationSeconds: notReady_s, defaultUnreachableTolerationSeconds: unreachable_s } = options;
    const missing = [
      { key: TAINT_NOT_READY, seconds: notReady_s ?? DEFAULT_TOLERATION_S },
      { key: TAINT_UNREACHABLE, seconds: unreachable_s ?? DEFAULT_TOLERATION_S },
    ].filter(({ key }) => !spec.tolerations?.some((toleration) => covers(toleration, key)));
    if (missing.length === 0) return;
    spec.tolerations = [
      ...(spec.tolerations ?? []),
      ...missing.map(({ key, seconds }) => ({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: seconds })),
    ];
  },
};

const covers = ({ key, effect }: Toleration, taint: string) => (!key || key === taint) && (!effect || effect === 'NoExecute');
