// The kind Lease of coordination.k8s.io/v1.
import { defineKind } from '../define.js';
import type { Lease } from '../types/coordination_v1.js';

export const leases = defineKind<Lease>({
  group: 'coordination.k8s.io',
  version: 'v1',
  kind: 'Lease',
  plural: 'leases',
  namespaced: true,
  schema: 'coordination.v1.Lease',
});
