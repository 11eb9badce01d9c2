// The kind HorizontalPodAutoscaler of autoscaling/v2, in which form all are stored.
import { checkNonNegative } from '../checks.js';
import { column, UNSET } from '../columns.js';
import { type Column, defineKind, type Mutable } from '../define.js';
import type { HorizontalPodAutoscaler, HPAScalingRules, MetricSpec } from '../types/autoscaling_v2.js';
import { formatMetrics } from './format-metrics.js';
import { validateAutoscaler } from './validation.js';

const CPU_UTILIZATION = 80;
const FAST_s = 15;

export const hpaColumns: readonly Column<HorizontalPodAutoscaler>[] = [
  column('Reference', 'string', 'What it scales', ({ spec: { scaleTargetRef: target } }) => `${target.kind}/${target.name}`),
  column('Targets', 'string', 'What is measured, and what it should be', ({ spec, status }) =>
    formatMetrics(spec.metrics ?? [], status.currentMetrics ?? []),
  ),
  column('MinPods', 'string', 'How many pods there are at least', ({ spec }) => String(spec.minReplicas ?? UNSET)),
  column('MaxPods', 'string', 'How many pods there are at most', ({ spec }) => spec.maxReplicas),
  column('Replicas', 'string', 'How many pods there are', ({ status }) => status.currentReplicas ?? 0),
];

export const horizontalPodAutoscalers = defineKind<HorizontalPodAutoscaler>({
  group: 'autoscaling',
  version: 'v2',
  kind: 'HorizontalPodAutoscaler',
  plural: 'horizontalpodautoscalers',
  shortNames: ['hpa'],
  categories: ['all'],
  namespaced: true,
  schema: 'autoscaling.v2.HorizontalPodAutoscaler',
  generation: false,
  columns: hpaColumns,
  defaults({ spec }) {
    spec.minReplicas ??= 1;
    if (!spec.metrics?.length) spec.metrics = defaultMetrics();
    if (spec.behavior) {
      spec.behavior.scaleUp = defaultRules(spec.behavior.scaleUp, {
        stabilizationWindowSeconds: 0,
        selectPolicy: 'Max',
        policies: [
          { type: 'Pods', value: 4, periodSeconds: FAST_s },
          { type: 'Percent', value: 100, periodSeconds: FAST_s },
        ],
      });
      spec.behavior.scaleDown = defaultRules(spec.behavior.scaleDown, {
        selectPolicy: 'Max',
        policies: [{ type: 'Percent', value: 100, periodSeconds: FAST_s }],
      });
    }
  },
  validate: validateAutoscaler,
  validateStatus: ({ status }) => [
    ...checkNonNegative('status.currentReplicas', status.currentReplicas),
    ...checkNonNegative('status.desiredReplicas', status.desiredReplicas),
  ],
  prepareForCreate(autoscaler) {
    autoscaler.status = { desiredReplicas: 0, currentMetrics: [] };
  },
  subresources: { status: true },
});

/** Without any metric the CPU counts. */
export const defaultMetrics = (): Mutable<MetricSpec>[] => [cpuMetric(CPU_UTILIZATION)];

export const cpuMetric = (averageUtilization: number): Mutable<MetricSpec> => ({
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization } },
});

function defaultRules(rules: Mutable<HPAScalingRules> | undefined, fallback: Mutable<HPAScalingRules>): Mutable<HPAScalingRules> {
  return { ...fallback, ...rules };
}
