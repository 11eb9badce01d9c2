// The kind NodeMetrics of metrics.k8s.io/v1beta1: what a node uses now, found out when somebody asks.
import { defineKind } from '../define.js';
import type { NodeMetrics } from '../types/metrics_v1beta1.js';

export const nodeMetrics = defineKind<NodeMetrics>({
  group: 'metrics.k8s.io',
  version: 'v1beta1',
  kind: 'NodeMetrics',
  plural: 'nodes',
  namespaced: false,
  verbs: ['get', 'list'],
  schema: 'metrics.v1beta1.NodeMetrics',
  columns: [
    { name: 'CPU', type: 'string', description: 'Of how many cores', cell: ({ usage }) => usage['cpu'] ?? '' },
    { name: 'Memory', type: 'string', description: 'Memory that cannot be given up', cell: ({ usage }) => usage['memory'] ?? '' },
    { name: 'Window', type: 'string', description: 'Over which time', cell: ({ window }) => window },
  ],
});
