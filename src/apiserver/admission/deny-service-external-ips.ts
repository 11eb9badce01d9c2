// DenyServiceExternalIPs: nobody can draw another address' traffic to a Service of his own.
import type { Service } from '../../kinds/types/core_v1.js';
import { type AdmissionPlugin, refusal } from './admission.js';

export const denyServiceExternalIPs: AdmissionPlugin = {
  name: 'DenyServiceExternalIPs',
  operations: ['CREATE', 'UPDATE'],
  resources: ['services'],
  validate(request, object) {
    if (request.subresource) return;
    const before = (request.old as Service | undefined)?.spec.externalIPs ?? [];
    const added = ((object as Service).spec.externalIPs ?? []).filter((ip) => !before.includes(ip));
    if (added.length > 0) throw refusal(request, object, 'Use of external IPs is denied by admission control.');
  },
};
