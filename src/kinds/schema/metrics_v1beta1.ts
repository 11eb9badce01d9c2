// Field facts of metrics.v1beta1 (k8s.io/metrics), which the generator's packages do not hold.
import type { PackageFacts } from '../../apimachinery/schema.js';

const facts: PackageFacts = {
  NodeMetrics: {
    metadata: { id: 1, type: 'meta.v1.ObjectMeta', omit: true },
    timestamp: { id: 2, type: 'Time', required: true },
    window: { id: 3, type: 'Duration', required: true },
    usage: { id: 4, of: 'map', type: 'Quantity', required: true },
  },
  NodeMetricsList: {
    metadata: { id: 1, type: 'meta.v1.ListMeta', omit: true },
    items: { id: 2, of: 'list', type: 'metrics.v1beta1.NodeMetrics', required: true },
  },
  PodMetrics: {
    metadata: { id: 1, type: 'meta.v1.ObjectMeta', omit: true },
    timestamp: { id: 2, type: 'Time', required: true },
    window: { id: 3, type: 'Duration', required: true },
    containers: { id: 4, of: 'list', type: 'metrics.v1beta1.ContainerMetrics', required: true },
  },
  PodMetricsList: {
    metadata: { id: 1, type: 'meta.v1.ListMeta', omit: true },
    items: { id: 2, of: 'list', type: 'metrics.v1beta1.PodMetrics', required: true },
  },
  ContainerMetrics: {
    name: { id: 1, type: 'string', required: true },
    usage: { id: 2, of: 'map', type: 'Quantity', required: true },
  },
};
export default facts;
