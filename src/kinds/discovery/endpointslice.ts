// The kind EndpointSlice of discovery.k8s.io/v1.
import { defineKind } from '../define.js';
import type { EndpointSlice } from '../types/discovery_v1.js';

export const endpointSlices = defineKind<EndpointSlice>({
  group: 'discovery.k8s.io',
  version: 'v1',
  kind: 'EndpointSlice',
  plural: 'endpointslices',
  namespaced: true,
  schema: 'discovery.v1.EndpointSlice',
});
