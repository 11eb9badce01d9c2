// The kind HorizontalPodAutoscaler of autoscaling/v1: a view of those of v2, with a field for the CPU and annotations for all else.
import type { KubeObject } from '../../apimachinery/object.js';
import { defineKind } from '../define.js';
import type { HorizontalPodAutoscaler as AutoscalerV1 } from '../types/autoscaling_v1.js';
import type { HorizontalPodAutoscaler as AutoscalerV2, MetricSpec, MetricStatus } from '../types/autoscaling_v2.js';
import { cpuMetric, defaultMetrics, horizontalPodAutoscalers, hpaColumns } from './horizontalpodautoscaler.js';
import { ANNOTATIONS, readAnnotations, writeAnnotations } from './v1-annotations.js';

export const horizontalPodAutoscalersV1 = defineKind<AutoscalerV1>({
  group: 'autoscaling',
  version: 'v1',
  kind: 'HorizontalPodAutoscaler',
  plural: 'horizontalpodautoscalers',
  shortNames: ['hpa'],
  categories: ['all'],
  namespaced: true,
  schema: 'autoscaling.v1.HorizontalPodAutoscaler',
  generation: false,
  columns: hpaColumns.map((column) => ({ ...column, cell: (object: AutoscalerV1, now_ms: number) => column.cell(toV2(object), now_ms) })),
  defaults({ spec }) {
    spec.minReplicas ??= 1;
  },
  validate: (object, old) => horizontalPodAutoscalers.validate?.(toV2(object), old && toV2(old)) ?? [],
  validateStatus: (object, old) => horizontalPodAutoscalers.validateStatus?.(toV2(object), toV2(old)) ?? [],
  prepareForCreate(object) {
    object.status = { currentReplicas: 0, desiredReplicas: 0 };
  },
  subresources: { status: true },
  storage: { kind: horizontalPodAutoscalers, toStorage: (object) => toV2(object), fromStorage: (stored) => toV1(stored as AutoscalerV2) },
});

const isCpu = ({ type, resource }: MetricSpec): boolean =>
  type === 'Resource' && resource?.name === 'cpu' && resource.target.averageUtilization !== undefined;
const isCurrentCpu = ({ type, resource }: MetricStatus): boolean =>
  type === 'Resource' && resource?.name === 'cpu' && resource.current.averageUtilization !== undefined;

function toV1({ metadata, spec, status }: AutoscalerV2): AutoscalerV1 {
  const { metrics = [], behavior, ...bounds } = spec;
  const { currentMetrics = [], conditions, ...counts } = status;
  const cpu = metrics.find(isCpu)?.resource?.target.averageUtilization;
  const currentCpu = currentMetrics.find(isCurrentCpu)?.resource?.current.averageUtilization;
  const others = metrics.filter((metric) => metric !== metrics.find(isCpu));
  const annotations = { ...metadata.annotations, ...writeAnnotations({ metrics: others, behavior, currentMetrics, conditions }) };
  return {
    apiVersion: 'autoscaling/v1',
    kind: 'HorizontalPodAutoscaler',
    metadata: withAnnotations(metadata, annotations),
    spec: { ...bounds, ...(cpu === undefined ? {} : { targetCPUUtilizationPercentage: cpu }) },
    status: {
      ...counts,
      currentReplicas: counts.currentReplicas ?? 0,
      ...(currentCpu === undefined ? {} : { currentCPUUtilizationPercentage: currentCpu }),
    },
  };
}

function toV2({ metadata, spec, status }: AutoscalerV1): AutoscalerV2 {
  const { targetCPUUtilizationPercentage: cpu, ...bounds } = spec;
  const { currentCPUUtilizationPercentage: _cpu, ...counts } = status;
  const { metrics = [], behavior, currentMetrics = [], conditions } = readAnnotations(metadata.annotations ?? {});
  const all = [...(cpu === undefined ? [] : [cpuMetric(cpu)]), ...metrics];
  const own = Object.entries(metadata.annotations ?? {}).filter(([key]) => !ANNOTATIONS.has(key));
  return {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: withAnnotations(metadata, Object.fromEntries(own)),
    spec: { ...bounds, metrics: all.length > 0 ? all : defaultMetrics(), ...(behavior ? { behavior } : {}) },
    status: { ...counts, currentMetrics, ...(conditions ? { conditions } : {}) },
  };
}

function withAnnotations(metadata: KubeObject['metadata'], annotations: { [key: string]: string }): KubeObject['metadata'] {
  const { annotations: _annotations, ...rest } = metadata;
  return Object.keys(annotations).length > 0 ? { ...rest, annotations } : rest;
}
