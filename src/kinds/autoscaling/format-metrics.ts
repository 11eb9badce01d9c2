// An autoscaler's metrics in one cell of `kubectl get`: what is, and what should be.
import { NONE } from '../columns.js';
import type { MetricSpec, MetricStatus, MetricTarget, MetricValueStatus } from '../types/autoscaling_v2.js';

const MAX_METRICS = 2;
const UNKNOWN = '<unknown>';

type Current = MetricValueStatus | undefined;

/** `cpu: 10%/80%, 5/10 (avg)`. */
export function formatMetrics(specs: readonly MetricSpec[], statuses: readonly MetricStatus[]): string {
  if (specs.length === 0) return NONE;
  const shown = specs
    .slice(0, MAX_METRICS)
    .map((spec, i) => formatMetric(spec, statuses[i]))
    .join(', ');
  return specs.length > MAX_METRICS ? `${shown} + ${specs.length - MAX_METRICS} more...` : shown;
}

function formatMetric(spec: MetricSpec, status: MetricStatus | undefined): string {
  const { external, pods, object, resource, containerResource } = spec;
  if (spec.type === 'External' && external) return formatValue(external.target, status?.external?.current);
  if (spec.type === 'Object' && object) return formatValue(object.target, status?.object?.current);
  if (spec.type === 'Pods' && pods) return `${status?.pods?.current.averageValue ?? UNKNOWN}/${pods.target.averageValue}`;
  if (spec.type === 'Resource' && resource) return formatResource(resource.name, resource.target, status?.resource?.current);
  if (spec.type === 'ContainerResource' && containerResource) {
    return formatResource(containerResource.name, containerResource.target, status?.containerResource?.current);
  }
  return '<unknown type>';
}

function formatValue(target: MetricTarget, current: Current): string {
  if (target.averageValue !== undefined) return `${current?.averageValue ?? UNKNOWN}/${target.averageValue} (avg)`;
  return `${current?.value ?? UNKNOWN}/${target.value}`;
}

function formatResource(name: string, target: MetricTarget, current: Current): string {
  if (target.averageValue !== undefined) return `${name}: ${current?.averageValue ?? UNKNOWN}/${target.averageValue}`;
  const percent = (value: number | undefined, absent: string) => (value === undefined ? absent : `${value}%`);
  return `${name}: ${percent(current?.averageUtilization, UNKNOWN)}/${percent(target.averageUtilization, '<auto>')}`;
}
