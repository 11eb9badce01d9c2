// Autoscalers: what a user sees of replicas, conditions and events as the load on the pods changes.
import { beforeEach, describe, expect, test } from 'vitest';
import { deployment } from '../../../src/controllers/deployment.js';
import { horizontalPodAutoscaler } from '../../../src/controllers/horizontalpodautoscaler.js';
import { replicaSet } from '../../../src/controllers/replicaset.js';
import { apiServices } from '../../../src/kinds/apiregistration/apiservice.js';
import { deployments } from '../../../src/kinds/apps/deployment.js';
import { horizontalPodAutoscalers } from '../../../src/kinds/autoscaling/horizontalpodautoscaler.js';
import { pods } from '../../../src/kinds/core/pod.js';
import { podMetrics } from '../../../src/kinds/metrics/podmetrics.js';
import type {
  CrossVersionObjectReference,
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerSpec,
  MetricTarget,
} from '../../../src/kinds/types/autoscaling_v2.js';
import type { PodMetrics } from '../../../src/kinds/types/metrics_v1beta1.js';
import { one, stored, useControlPlane, web } from './control-plane.js';

const plane = useControlPlane([horizontalPodAutoscaler, deployment, replicaSet]);
const NAME = { namespace: 'default', name: 'web' };
const cpu = (averageUtilization: number) => ({
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization } },
});
const resources = { requests: { cpu: '200m', memory: '100Mi' } };
const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image: 'nginx', resources }] } };

async function start(replicas: number, more: Partial<HorizontalPodAutoscalerSpec> = {}): Promise<void> {
  await plane.api.create(deployments, web(replicas, { template }));
  await plane.settled();
  const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' };
  const spec = { scaleTargetRef, minReplicas: 1, maxReplicas: 10, metrics: [cpu(50)], ...more };
  await plane.api.create(horizontalPodAutoscalers, { metadata: { ...NAME }, spec } as unknown as HorizontalPodAutoscaler);
}

/** Every pod has run for long and uses so much; then the next sync. */
async function load(usage: PodMetrics['containers'][number]['usage']): Promise<void> {
  for (const metric of plane.api.objects(podMetrics)) await plane.api.delete(podMetrics, metric.metadata);
  for (const pod of plane.api.objects(pods)) {
    const started = new Date(plane.clock.now() - 3600_000).toISOString();
    const conditions = [{ type: 'Ready', status: 'True', lastTransitionTime: started }];
    await plane.api.update(pods, { ...pod, status: { ...pod.status, startTime: started, conditions } }, 'status');
    const timestamp = new Date(plane.clock.now()).toISOString();
    const containers = [{ name: 'web', usage }];
    await plane.api.create(podMetrics, {
      metadata: { name: pod.metadata.name, namespace: 'default' },
      timestamp,
      window: '15s',
      containers,
    });
  }
  await plane.clock.advance(15_100);
  await plane.settled();
}

const autoscaler = () => one(plane.api.objects(horizontalPodAutoscalers));
const replicas = () => stored(plane).spec.replicas;
const condition = (type: string) => autoscaler().status.conditions?.find((each) => each.type === type);
const said = (type: string) => [condition(type)?.status, condition(type)?.reason];
const told = () => plane.told.filter((line) => line.startsWith('HorizontalPodAutoscaler'));

describe('by the CPU that pods use of what they request', () => {
  beforeEach(() => start(2));

  test('more are made, and it is told why', async () => {
    await load({ cpu: '200m' });
    expect(replicas()).toBe(4);
    expect(autoscaler().status).toMatchObject({
      desiredReplicas: 4,
      currentMetrics: [{ type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: 100, averageValue: '200m' } } }],
    });
    expect(autoscaler().status.lastScaleTime).toBeDefined();
    const why = 'cpu resource utilization (percentage of request) above target';
    expect(told()).toContain(`HorizontalPodAutoscaler web Normal SuccessfulRescale: New size: 4; reason: ${why}`);
    expect(said('ScalingActive')).toEqual(['True', 'ValidMetricFound']);
    await load({ cpu: '104m' });
    expect(replicas()).toBe(4);
    expect(said('AbleToScale')).toEqual(['True', 'ReadyForNewScale']);
    expect(said('ScalingLimited')).toEqual(['False', 'DesiredWithinRange']);
  });

  test('the wall clock is set back by hours: the load is followed as before', async () => {
    await load({ cpu: '100m' });
    plane.clock.step_ms = -7_200_000;
    await load({ cpu: '200m' });
    expect(replicas()).toBe(4);
  });

  test('fewer only when five minutes have asked for so few', async () => {
    await load({ cpu: '200m' });
    await load({ cpu: '10m' });
    expect(replicas()).toBe(4);
    expect(said('AbleToScale')).toEqual(['True', 'ScaleDownStabilized']);
    for (let left = 300; left > 0; left -= 15) await load({ cpu: '10m' });
    expect(replicas()).toBe(1);
    expect(told()).toContain('HorizontalPodAutoscaler web Normal SuccessfulRescale: New size: 1; reason: All metrics below target');
  });

  test('no faster than twice as many at a time, and no more than its most', async () => {
    await load({ cpu: '2' });
    expect(replicas()).toBe(4);
    expect(said('ScalingLimited')).toEqual(['True', 'ScaleUpLimit']);
    await load({ cpu: '2' });
    expect(replicas()).toBe(8);
    await load({ cpu: '2' });
    expect(replicas()).toBe(10);
    expect(said('ScalingLimited')).toEqual(['True', 'TooManyReplicas']);
  });

  test('at rest it writes nothing', async () => {
    await load({ cpu: '100m' });
    const before = plane.api.version;
    await plane.clock.advance(120_000);
    await plane.quiet();
    expect(plane.api.version).toBe(before);
  });

  test('a target that is scaled to nothing by hand stays so', async () => {
    await plane.api.patch(deployments, NAME, 'application/merge-patch+json', { spec: { replicas: 0 } });
    await load({ cpu: '200m' });
    expect(replicas()).toBe(0);
    expect(said('ScalingActive')).toEqual(['False', 'ScalingDisabled']);
  });

  test('a target outside the bounds is brought within, whatever it uses', async () => {
    await plane.api.patch(deployments, NAME, 'application/merge-patch+json', { spec: { replicas: 15 } });
    await load({ cpu: '200m' });
    expect(replicas()).toBe(10);
    const why = 'Current number of replicas above Spec.MaxReplicas';
    expect(told()).toContain(`HorizontalPodAutoscaler web Normal SuccessfulRescale: New size: 10; reason: ${why}`);
  });
});

test('by an average, and by what asks for most of several metrics', async () => {
  const memory = { type: 'Resource', resource: { name: 'memory', target: { type: 'AverageValue', averageValue: '50Mi' } } };
  await start(2, { metrics: [cpu(50), memory] });
  await load({ cpu: '100m', memory: '75Mi' });
  expect(replicas()).toBe(3);
  expect(told().at(-1)).toContain('reason: memory resource above target');
  expect(autoscaler().status.currentMetrics[1]).toEqual({
    type: 'Resource',
    resource: { name: 'memory', current: { averageValue: String(75 * 1024 * 1024) } },
  });
});

test('by one container of each pod', async () => {
  const containerResource = { name: 'cpu', container: 'web', target: { type: 'Utilization', averageUtilization: 50 } };
  await start(2, { metrics: [{ type: 'ContainerResource', containerResource }] });
  await load({ cpu: '150m' });
  expect(replicas()).toBe(3);
});

test('without metrics of a container it says so in other words', async () => {
  const containerResource = { name: 'cpu', container: 'web', target: { type: 'AverageValue', averageValue: '1' } };
  await start(2, { metrics: [{ type: 'ContainerResource', containerResource }] });
  await plane.clock.advance(15_100);
  await plane.settled();
  const why = 'failed to get cpu usage: unable to get metrics for resource cpu: no metrics returned from resource metrics API';
  const all = `invalid metrics (1 invalid out of 1), first error is: failed to get cpu container metric value: ${why}`;
  expect(told()).toContain(`HorizontalPodAutoscaler web Warning FailedComputeMetricsReplicas: ${all}`);
});

test('without metrics it does nothing and says so', async () => {
  await start(2);
  await plane.clock.advance(15_100);
  await plane.settled();
  expect(replicas()).toBe(2);
  const why = 'failed to get cpu utilization: unable to get metrics for resource cpu: no metrics returned from resource metrics API';
  expect(condition('ScalingActive')).toMatchObject({
    status: 'False',
    reason: 'FailedGetResourceMetric',
    message: `the HPA was unable to compute the replica count: ${why}`,
  });
  expect(told()).toContain(`HorizontalPodAutoscaler web Warning FailedGetResourceMetric: ${why}`);
  const all = `invalid metrics (1 invalid out of 1), first error is: failed to get cpu resource metric value: ${why}`;
  expect(told()).toContain(`HorizontalPodAutoscaler web Warning FailedComputeMetricsReplicas: ${all}`);
});

describe('by what other servers tell', () => {
  const metric = { name: 'requests' };
  const ofPods = { type: 'Pods', pods: { metric, target: { type: 'AverageValue', averageValue: '10' } } };
  const ofObject = (target: MetricTarget, describedObject: CrossVersionObjectReference) => ({
    type: 'Object',
    object: { metric, describedObject, target },
  });
  const queue = { name: 'queue', selector: { matchLabels: { q: 'a' } } };
  const external = (target: MetricTarget) => ({ type: 'External', external: { metric: queue, target } });
  const main = { apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', name: 'main' };

  /** A metrics server: what it answers by path, and what it was asked. */
  async function serve(group: string, version: string, answers: { readonly [plural: string]: readonly object[] }): Promise<string[]> {
    await plane.api.create(apiServices, { metadata: { name: `${version}.${group}` } } as never);
    const list = plane.api.list.bind(plane.api);
    const asked: string[] = [];
    plane.api.list = async (kind, options = {}) => {
      if (kind.group !== group) return list(kind, options);
      const { namespace, labelSelector, metricLabelSelector } = options;
      asked.push([kind.version, namespace, kind.plural, labelSelector, metricLabelSelector].join(' ').trim());
      return { items: (answers[kind.plural] ?? []) as never, resourceVersion: '' };
    };
    return asked;
  }
  const shown = (name: string, value: string) => ({ describedObject: { name }, timestamp: '2026-01-01T00:00:00Z', value });

  test('a metric of each pod', async () => {
    const answers: { [plural: string]: object[] } = {};
    const asked = await serve('custom.metrics.k8s.io', 'v1beta2', answers);
    await start(2, { metrics: [ofPods] });
    answers['pods/*/requests'] = plane.api.objects(pods).map(({ metadata }) => shown(metadata.name, '15'));
    await load({});
    expect(replicas()).toBe(3);
    expect(asked[0]).toBe('v1beta2 default pods/*/requests app=web');
    expect(autoscaler().status.currentMetrics[0]).toEqual({ type: 'Pods', pods: { metric, current: { averageValue: '15' } } });
    expect(told().at(-1)).toContain('reason: pods metric requests above target');
  });

  test('a metric of another object, by its value or by each pod’s share', async () => {
    const answers = {
      'ingresses.networking.k8s.io/main/requests': [shown('main', '4k')],
      'metrics/requests': [shown('default', '90')],
    };
    const asked = await serve('custom.metrics.k8s.io', 'v1beta1', answers);
    await start(2, { metrics: [ofObject({ type: 'Value', value: '2k' }, main)] });
    await load({});
    expect(replicas()).toBe(4);
    expect(asked[0]).toBe('v1beta1 default ingresses.networking.k8s.io/main/requests');
    expect(told().at(-1)).toContain('reason: Ingress metric requests above target');
    const namespace = { apiVersion: 'v1', kind: 'Namespace', name: 'default' };
    const metrics = [ofObject({ type: 'AverageValue', averageValue: '10' }, namespace)];
    await plane.api.patch(horizontalPodAutoscalers, NAME, 'application/merge-patch+json', { spec: { metrics } });
    await load({});
    await load({});
    expect(replicas()).toBe(9);
    expect(autoscaler().status.currentMetrics[0]?.object?.current).toEqual({ averageValue: '10' });
  });

  test('a metric from outside the cluster, by the sum of its series', async () => {
    const asked = await serve('external.metrics.k8s.io', 'v1beta1', { queue: [shown('', '30'), shown('', '20')] });
    await start(2, { metrics: [external({ type: 'AverageValue', averageValue: '10' })] });
    await load({});
    expect(asked[0]).toBe('v1beta1 default queue q=a');
    expect(replicas()).toBe(5);
    await load({});
    expect(autoscaler().status.currentMetrics[0]?.external?.current).toEqual({ averageValue: '10' });
  });

  const EXTERNAL_SELECTOR = '&LabelSelector{MatchLabels:map[string]string{q: a,},MatchExpressions:[]LabelSelectorRequirement{},}';
  const noCustom = 'unable to fetch metrics from custom metrics API: no custom metrics API (custom.metrics.k8s.io) registered';
  const noExternal = 'unable to fetch metrics from external metrics API: no external metrics API (external.metrics.k8s.io) registered';
  test.each([
    [ofPods, 'FailedGetPodsMetric', `unable to get metric requests: ${noCustom}`, 'failed to get pods metric value'],
    [
      ofObject({ type: 'Value', value: '1' }, main),
      'FailedGetObjectMetric',
      `unable to get metric requests: Ingress on default main/${noCustom}`,
      'failed to get object metric value',
    ],
    [
      external({ type: 'Value', value: '1' }),
      'FailedGetExternalMetric',
      `unable to get external metric default/queue/${EXTERNAL_SELECTOR}: ${noExternal}`,
      'failed to get queue external metric value: failed to get queue external metric',
    ],
  ])('$type: nobody tells', async (spec, reason, why, whole) => {
    await start(2, { metrics: [spec] });
    await load({});
    expect(replicas()).toBe(2);
    const message = `the HPA was unable to compute the replica count: ${why}`;
    expect(condition('ScalingActive')).toMatchObject({ status: 'False', reason, message });
    expect(told()).toContain(`HorizontalPodAutoscaler web Warning ${reason}: ${why}`);
    const all = `invalid metrics (1 invalid out of 1), first error is: ${whole}: ${why}`;
    expect(told()).toContain(`HorizontalPodAutoscaler web Warning FailedComputeMetricsReplicas: ${all}`);
  });
});

test('of several metrics those that are there may ask for more, not for less', async () => {
  const external = { type: 'External', external: { metric: { name: 'queue' }, target: { type: 'Value', value: '10' } } };
  await start(2, { metrics: [cpu(50), external] });
  await load({ cpu: '10m' });
  expect(replicas()).toBe(2);
  expect(said('ScalingActive')).toEqual(['False', 'FailedGetExternalMetric']);
  await load({ cpu: '200m' });
  expect(replicas()).toBe(4);
});

test('a pod without a request has no percentage', async () => {
  await start(2, { metrics: [{ ...cpu(50), resource: { ...cpu(50).resource, name: 'nvidia.com/gpu' } }] });
  await load({ 'nvidia.com/gpu': '1' });
  expect(condition('ScalingActive')?.message).toMatch(/missing request for nvidia.com\/gpu in container web of Pod web-/);
});

test('a target that is not there, or of no kind, is told of', async () => {
  await start(1, { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'other' } });
  await plane.clock.advance(15_100);
  expect(said('AbleToScale')).toEqual(['False', 'FailedGetScale']);
  await plane.api.patch(horizontalPodAutoscalers, NAME, 'application/merge-patch+json', {
    spec: { scaleTargetRef: { apiVersion: 'example.com/v1', kind: 'Nothing', name: 'x' } },
  });
  await plane.quiet();
  expect(condition('AbleToScale')?.message).toContain('no matches for kind "Nothing" in group "example.com"');
});

test('two autoscalers of the same pods leave them alone', async () => {
  await start(2);
  const { spec } = autoscaler();
  await plane.api.create(horizontalPodAutoscalers, { metadata: { name: 'second', namespace: 'default' }, spec } as HorizontalPodAutoscaler);
  await load({ cpu: '200m' });
  await load({ cpu: '200m' });
  const reasons = plane.api
    .objects(horizontalPodAutoscalers)
    .map(({ status }) => status.conditions?.find(({ type }) => type === 'ScalingActive')?.reason);
  expect(reasons).toEqual(['AmbiguousSelector', 'AmbiguousSelector']);
});
