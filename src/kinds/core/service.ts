// The kind Service of v1.

import { isDns1035Label } from '../../apimachinery/names.js';
import { formatLabels, NONE, selectorColumn } from '../columns.js';
import { defineKind, type Mutable } from '../define.js';
import type { Service } from '../types/core_v1.js';
import { carryAllocations, dropTypeDependent } from './service-update.js';
import { isExternallyAccessible, validateService } from './service-validation.js';
import { serviceWarnings } from './service-warnings.js';

/** How long a client sticks to an endpoint with session affinity: three hours. */
const AFFINITY_TIMEOUT_s = 10_800;

export const services = defineKind<Service>({
  group: '',
  version: 'v1',
  kind: 'Service',
  plural: 'services',
  shortNames: ['svc'],
  categories: ['all'],
  namespaced: true,
  schema: 'core.v1.Service',
  warnings: serviceWarnings,
  allowCreateOnUpdate: true,
  generation: false,
  columns: [
    { name: 'Type', type: 'string', description: 'How it can be reached', cell: ({ spec }) => spec.type ?? '' },
    {
      name: 'Cluster-IP',
      type: 'string',
      description: 'Its address inside the cluster',
      cell: ({ spec }) => spec.clusterIPs?.[0] || spec.clusterIP || NONE,
    },
    { name: 'External-IP', type: 'string', description: 'Its addresses outside of the cluster', cell: externalIp },
    { name: 'Port(s)', type: 'string', description: 'Its ports, each with its node port if it has one', cell: ports },
    selectorColumn(({ spec }) => formatLabels(spec.selector)),
  ],
  validateName: isDns1035Label,
  defaults,
  validate: validateService,
  prepareForCreate(service) {
    service.status = { loadBalancer: {} };
  },
  prepareForUpdate(service, old) {
    carryAllocations(service, old);
    dropTypeDependent(service, old);
  },
  selectableFields: { 'spec.clusterIP': ({ spec }) => spec.clusterIP ?? '', 'spec.type': ({ spec }) => spec.type ?? '' },
  returnDeletedObject: true,
  subresources: { status: true, connect: ['proxy'] },
});

function defaults({ spec }: Mutable<Service>): void {
  spec.type ||= 'ClusterIP';
  spec.sessionAffinity ||= 'None';
  if (spec.sessionAffinity === 'None') delete spec.sessionAffinityConfig;
  else if (spec.sessionAffinity === 'ClientIP') {
    spec.sessionAffinityConfig ??= {};
    spec.sessionAffinityConfig.clientIP ??= {};
    spec.sessionAffinityConfig.clientIP.timeoutSeconds ??= AFFINITY_TIMEOUT_s;
  }
  for (const port of spec.ports ?? []) {
    port.protocol ||= 'TCP';
    port.targetPort ||= port.port;
  }
  if (isExternallyAccessible(spec)) spec.externalTrafficPolicy ||= 'Cluster';
  if (['ClusterIP', 'NodePort', 'LoadBalancer'].includes(spec.type)) spec.internalTrafficPolicy ??= 'Cluster';
  if (spec.type === 'LoadBalancer') spec.allocateLoadBalancerNodePorts ??= true;
}

function externalIp({ spec, status }: Service): string {
  if (spec.type === 'ExternalName') return spec.externalName ?? '';
  const given = (status.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip || hostname || '');
  const addresses = [...(spec.type === 'LoadBalancer' ? given : []), ...(spec.externalIPs ?? [])];
  if (addresses.length > 0) return addresses.join(',');
  return spec.type === 'LoadBalancer' ? '<pending>' : NONE;
}

function ports({ spec }: Service): string {
  const list = (spec.ports ?? []).map(({ port, nodePort, protocol }) => `${port}${nodePort ? `:${nodePort}` : ''}/${protocol}`);
  return list.length === 0 ? NONE : list.join(',');
}
