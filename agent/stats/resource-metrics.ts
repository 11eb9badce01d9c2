// GET /metrics/resource: CPU and memory of the node, its pods and containers, as metrics servers read them.
import { Exposition, labelText } from '../../src/apimachinery/exposition.js';
import type { ContainerStats, Measured, NodeSnapshot, PodStats } from './node-stats.js';
import { partsOf } from './summary.js';

const SECOND_NS = 1e9;

export function resourceMetrics({ node, pods }: NodeSnapshot): string {
  const out = new Exposition();
  const containers = pods.flatMap((pod) => pod.containers.map((each) => ({ each, labels: labelsOf(pod, each) })));
  const each = (name: string, type: 'counter' | 'gauge', help: string, value: (each: ContainerStats) => number) => {
    out.metric(name, type, help);
    for (const one of containers) out.sample(name, one.labels, value(one.each), one.each.at_ms);
  };
  const whole = (name: string, type: 'counter' | 'gauge', help: string, value: (part: Measured) => number) => {
    out.metric(name, type, help);
    for (const pod of pods) {
      const parts = pod.own ? [pod.own] : partsOf(pod);
      const total = parts.reduce((sum, part) => sum + value(part), 0);
      out.sample(name, labelText({ namespace: pod.namespace, pod: pod.name }), total, parts[0]!.at_ms);
    }
  };
  const cpu_s = ({ usage }: Measured) => usage.cpu_ns / SECOND_NS;
  const memory = ({ usage }: Measured) => usage.workingSet_bytes;
  const swap = ({ usage }: Measured) => usage.swap_bytes;
  each('container_cpu_usage_seconds_total', 'counter', 'CPU time that the container has used.', cpu_s);
  each('container_memory_working_set_bytes', 'gauge', 'Memory of the container that cannot be given up.', memory);
  each(
    'container_start_time_seconds',
    'gauge',
    'When the container started, since 1970.',
    ({ container }) => container.startedAt_ms / 1000,
  );
  each('container_swap_usage_bytes', 'gauge', 'Memory of the container that is swapped out.', swap);
  out.metric('node_cpu_usage_seconds_total', 'counter', 'CPU time that the node has used.');
  out.sample('node_cpu_usage_seconds_total', '', cpu_s(node), node.at_ms);
  out.metric('node_memory_working_set_bytes', 'gauge', 'Memory of the node that cannot be given up.');
  out.sample('node_memory_working_set_bytes', '', memory(node), node.at_ms);
  out.metric('node_swap_usage_bytes', 'gauge', 'Memory of the node that is swapped out.');
  out.sample('node_swap_usage_bytes', '', swap(node), node.at_ms);
  whole('pod_cpu_usage_seconds_total', 'counter', 'CPU time that the pod has used.', cpu_s);
  whole('pod_memory_working_set_bytes', 'gauge', 'Memory of the pod that cannot be given up.', memory);
  whole('pod_swap_usage_bytes', 'gauge', 'Memory of the pod that is swapped out.', swap);
  out.single('resource_scrape_error', 'gauge', '1 where something could not be read.', 0);
  return out.toString();
}

const labelsOf = ({ namespace, name: pod }: PodStats, { container }: ContainerStats) =>
  labelText({ container: container.name, namespace, pod });
