// ExtendedResourceToleration: a pod that asks for an extended resource tolerates the taint of nodes that are kept for it.
import { allContainers } from '../../kinds/core/podutil.js';
import type { Mutable } from '../../kinds/define.js';
import type { Pod } from '../../kinds/types/core_v1.js';
import type { AdmissionPlugin } from './admission.js';

export const extendedResourceToleration: AdmissionPlugin = {
  name: 'ExtendedResourceToleration',
  operations: ['CREATE', 'UPDATE'],
  resources: ['pods'],
  admit({ subresource }, object) {
    if (subresource) return;
    const { spec } = object as Mutable<Pod>;
    const asked = allContainers(spec as Pod['spec']).flatMap(({ resources }) => Object.keys(resources?.requests ?? {}));
    const wanted = [...new Set(asked)].filter(isExtended).sort();
    const missing = wanted.filter((key) => !spec.tolerations?.some((own) => own.key === key && own.operator === 'Exists' && !own.effect));
    if (missing.length > 0) spec.tolerations = [...(spec.tolerations ?? []), ...missing.map((key) => ({ key, operator: 'Exists' }))];
  },
};

/** With a domain that is not Kubernetes' own. */
const isExtended = (resource: string) => resource.includes('/') && !resource.split('/')[0]!.endsWith('kubernetes.io');
