// HorizontalPodAutoscalers: defaults, refusals, rows, and v1 as a view of v2 that loses nothing.
import { describe, expect, it } from 'vitest';
import { horizontalPodAutoscalers } from '../../../src/kinds/autoscaling/horizontalpodautoscaler.js';
import { horizontalPodAutoscalersV1 } from '../../../src/kinds/autoscaling/horizontalpodautoscaler-v1.js';
import { created, decoded, errorsOf, headingsOf, rowOf } from './objects.js';

const target = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' };
const hpa = (spec: object = {}) => ({ metadata: { name: 'web' }, spec: { scaleTargetRef: target, maxReplicas: 5, ...spec } });
const cpu = (averageUtilization: number) => ({
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization } },
});
const metric = { name: 'requests', selector: { matchLabels: { a: 'b' } } };
const every = [
  cpu(50),
  { type: 'Resource', resource: { name: 'memory', target: { type: 'AverageValue', averageValue: '1Gi' } } },
  {
    type: 'ContainerResource',
    containerResource: { name: 'cpu', container: 'web', target: { type: 'Utilization', averageUtilization: 70 } },
  },
  { type: 'Pods', pods: { metric, target: { type: 'AverageValue', averageValue: '10' } } },
  { type: 'Object', object: { describedObject: target, metric, target: { type: 'Value', value: '100' } } },
  { type: 'Object', object: { describedObject: target, metric: { name: 'x' }, target: { type: 'AverageValue', averageValue: '7' } } },
  { type: 'External', external: { metric, target: { type: 'AverageValue', averageValue: '3' } } },
];

describe('a HorizontalPodAutoscaler', () => {
  it('goes by the CPU, and scales up at once and down slowly, by default', () => {
    const { spec } = created(horizontalPodAutoscalers, hpa({ behavior: { scaleUp: { stabilizationWindowSeconds: 60 } } }));
    expect(spec).toMatchObject({
      minReplicas: 1,
      metrics: [cpu(80)],
      behavior: {
        scaleUp: {
          stabilizationWindowSeconds: 60,
          selectPolicy: 'Max',
          policies: [
            { type: 'Pods', value: 4, periodSeconds: 15 },
            { type: 'Percent', value: 100, periodSeconds: 15 },
          ],
        },
        scaleDown: { selectPolicy: 'Max', policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }] },
      },
    });
    expect(spec.behavior?.scaleDown).not.toHaveProperty('stabilizationWindowSeconds');
  });

  it.each([
    [{ metrics: every }, []],
    [
      { maxReplicas: 0 },
      [
        'spec.maxReplicas: Invalid value: 0: must be greater than 0',
        'spec.maxReplicas: Invalid value: 0: must be greater than or equal to `minReplicas`',
      ],
    ],
    [
      { minReplicas: 0 },
      [
        'spec.minReplicas: Invalid value: 0: must be greater than or equal to 1',
        'spec.metrics: Forbidden: must specify at least one Object or External metric to support scaling to zero replicas',
      ],
    ],
    [
      { scaleTargetRef: { kind: '', name: 'a/b' } },
      ['spec.scaleTargetRef.kind: Required value', 'spec.scaleTargetRef.name: Invalid value: "a/b": may not contain \'/\''],
    ],
    [
      { metrics: [{ type: 'Vibes' }] },
      ['spec.metrics[0].type: Unsupported value: "Vibes": supported values: "ContainerResource", "External", "Object", "Pods", "Resource"'],
    ],
    [{ metrics: [{ type: 'Pods' }] }, ['spec.metrics[0].pods: Required value: must populate information for the given metric source']],
    [
      { metrics: [{ ...cpu(0), pods: { metric, target: { type: 'AverageValue', averageValue: '10' } } }] },
      ['spec.metrics[0].pods: Forbidden: must populate the given metric source only'],
    ],
    [{ metrics: [cpu(0)] }, ['spec.metrics[0].resource.target.averageUtilization: Invalid value: 0: must be greater than 0']],
    [
      { metrics: [{ type: 'Resource', resource: { name: '', target: { type: 'Utilization' } } }] },
      [
        'spec.metrics[0].resource.name: Required value: must specify a resource name',
        'spec.metrics[0].resource.target.averageUtilization: Required value: must set either a target raw value or a target utilization',
      ],
    ],
    [
      { metrics: [{ type: 'External', external: { metric: { name: '' }, target: { type: 'Sum', value: '-1' } } }] },
      [
        'spec.metrics[0].external.metric.name: Required value: must specify a metric name',
        'spec.metrics[0].external.target.type: Invalid value: "Sum": must be either Utilization, Value, or AverageValue',
        'spec.metrics[0].external.target.value: Invalid value: "-1": must be positive',
      ],
    ],
    [
      { behavior: { scaleDown: { selectPolicy: 'Most', policies: [{ type: 'Nodes', value: 0, periodSeconds: 1801 }] } } },
      [
        'spec.behavior.scaleDown.selectPolicy: Unsupported value: "Most": supported values: "Disabled", "Max", "Min"',
        'spec.behavior.scaleDown.policies[0].type: Unsupported value: "Nodes": supported values: "Percent", "Pods"',
        'spec.behavior.scaleDown.policies[0].value: Invalid value: 0: must be greater than zero',
        'spec.behavior.scaleDown.policies[0].periodSeconds: Invalid value: 1801: must be less than or equal to 1800',
      ],
    ],
  ])('with the spec %j gets the errors %j', (spec, errors) => {
    expect(errorsOf(horizontalPodAutoscalers, hpa(spec))).toEqual(errors);
  });

  const current = { type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: 12, averageValue: '5m' } } };
  it.each([
    [[cpu(80)], 'cpu: <unknown>/80%', []],
    [[cpu(80)], 'cpu: 12%/80%', [current]],
    [[every[1]!, every[6]!, every[3]!], 'memory: <unknown>/1Gi, <unknown>/3 (avg) + 1 more...', []],
  ])('that measures %j has the targets %s', (metrics, cell, currentMetrics) => {
    const object = created(horizontalPodAutoscalers, hpa({ metrics }));
    expect(headingsOf(horizontalPodAutoscalers)).toEqual(['NAME', 'REFERENCE', 'TARGETS', 'MINPODS', 'MAXPODS', 'REPLICAS', 'AGE']);
    expect(rowOf(horizontalPodAutoscalers, { ...object, status: { currentMetrics } })).toEqual([
      'web',
      'Deployment/web',
      cell,
      '1',
      5,
      0,
      '24h',
    ]);
  });
});

describe('autoscaling/v1', () => {
  const { storage } = horizontalPodAutoscalersV1;

  it('has the CPU in a field and all else in annotations, and gives v2 back as it was', () => {
    const stored = created(horizontalPodAutoscalers, {
      ...hpa({ metrics: every, behavior: { scaleDown: { selectPolicy: 'Min' } } }),
      metadata: { name: 'web', annotations: { mine: 'kept' } },
    });
    stored.status = {
      desiredReplicas: 2,
      currentReplicas: 1,
      currentMetrics: [{ type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: 12, averageValue: '5m' } } }],
      conditions: [{ type: 'AbleToScale', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' }],
    };
    const view = storage?.fromStorage(stored);
    expect(view).toMatchObject({
      apiVersion: 'autoscaling/v1',
      metadata: { annotations: { mine: 'kept' } },
      spec: { maxReplicas: 5, minReplicas: 1, targetCPUUtilizationPercentage: 50 },
      status: { currentReplicas: 1, currentCPUUtilizationPercentage: 12 },
    });
    expect(JSON.parse(view?.metadata.annotations?.['autoscaling.alpha.kubernetes.io/metrics'] ?? '')[3]).toEqual({
      type: 'Object',
      object: { target, metricName: 'requests', selector: metric.selector, targetValue: '100' },
    });
    expect(storage?.toStorage(view!)).toEqual(stored);
  });

  it('goes by the CPU when nothing is said, and takes annotations that do not decode for none', () => {
    const annotations = { 'autoscaling.alpha.kubernetes.io/metrics': '[{"type":5}]', 'autoscaling.alpha.kubernetes.io/behavior': '{' };
    const object = decoded(horizontalPodAutoscalersV1, { ...hpa(), metadata: { name: 'web', annotations } });
    expect(storage?.toStorage(object)).toMatchObject({ apiVersion: 'autoscaling/v2', spec: { metrics: [cpu(80)] } });
    expect(storage?.toStorage(object).metadata).not.toHaveProperty('annotations');
    expect(storage?.toStorage(decoded(horizontalPodAutoscalersV1, hpa({ targetCPUUtilizationPercentage: 30 })))).toMatchObject({
      spec: { metrics: [cpu(30)] },
    });
  });

  it('is validated and shown as v2 is', () => {
    expect(errorsOf(horizontalPodAutoscalersV1, hpa({ maxReplicas: 1, minReplicas: 2 }))).toEqual([
      'spec.maxReplicas: Invalid value: 1: must be greater than or equal to `minReplicas`',
    ]);
    const row = rowOf(horizontalPodAutoscalersV1, created(horizontalPodAutoscalersV1, hpa({ targetCPUUtilizationPercentage: 30 })));
    expect(row).toEqual(['web', 'Deployment/web', 'cpu: <unknown>/30%', '1', 5, 0, '24h']);
  });
});
