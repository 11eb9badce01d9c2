// AlwaysPullImages: every container's image is asked of its registry at each start, so that who may not pull it cannot run it.
import { allContainers } from '../../kinds/core/podutil.js';
import type { Mutable } from '../../kinds/define.js';
import type { Container, Pod } from '../../kinds/types/core_v1.js';
import type { AdmissionPlugin } from './admission.js';

export const alwaysPullImages: AdmissionPlugin = {
  name: 'AlwaysPullImages',
  operations: ['CREATE', 'UPDATE'],
  resources: ['pods'],
  admit({ subresource }, object) {
    if (subresource && subresource !== 'ephemeralcontainers') return;
    const { spec } = object as Mutable<Pod>;
    const containers = [...allContainers(spec as Pod['spec']), ...(spec.ephemeralContainers ?? [])] as Mutable<Container>[];
    for (const container of containers) container.imagePullPolicy = 'Always';
  },
};
