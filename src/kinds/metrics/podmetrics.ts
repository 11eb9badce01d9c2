// The kind PodMetrics of metrics.k8s.io/v1beta1: what a pod's containers use now, found out when somebody asks.
import { formatQuantity, parseQuantity } from '../../apimachinery/quantity.js';
import { defineKind } from '../define.js';
import type { PodMetrics } from '../types/metrics_v1beta1.js';

const sum = ({ containers }: PodMetrics, resource: string) =>
  containers.reduce((total, { usage }) => total + parseQuantity(usage[resource] ?? 0), 0);

export const podMetrics = defineKind<PodMetrics>({
  group: 'metrics.k8s.io',
  version: 'v1beta1',
  kind: 'PodMetrics',
  plural: 'pods',
  namespaced: true,
  verbs: ['get', 'list'],
  schema: 'metrics.v1beta1.PodMetrics',
  columns: [
    { name: 'CPU', type: 'string', description: 'Of how many cores', cell: (pod) => `${Math.round(sum(pod, 'cpu') * 1000)}m` },
    {
      name: 'Memory',
      type: 'string',
      description: 'Memory that cannot be given up',
      cell: (pod) => formatQuantity(sum(pod, 'memory'), 'BinarySI'),
    },
    { name: 'Window', type: 'string', description: 'Over which time', cell: ({ window }) => window },
  ],
});
