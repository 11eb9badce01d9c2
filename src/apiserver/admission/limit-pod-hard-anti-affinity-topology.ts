// LimitPodHardAntiAffinityTopology: required anti-affinity is by host only, so that nobody can keep others out of a whole zone.
import type { Pod } from '../../kinds/types/core_v1.js';
import { type AdmissionPlugin, refusal } from './admission.js';

const HOSTNAME = 'kubernetes.io/hostname';

export const limitPodHardAntiAffinityTopology: AdmissionPlugin = {
  name: 'LimitPodHardAntiAffinityTopology',
  operations: ['CREATE', 'UPDATE'],
  resources: ['pods'],
  validate(request, object) {
    if (request.subresource) return;
    const terms = (object as Pod).spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
    const other = terms.find(({ topologyKey }) => topologyKey !== HOSTNAME);
    if (!other) return;
    const why = `affinity.PodAntiAffinity.RequiredDuringScheduling has TopologyKey ${other.topologyKey} but only key ${HOSTNAME} is allowed`;
    throw refusal(request, object, why);
  },
};
