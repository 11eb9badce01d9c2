// What an autoscaler's metric shows and asks for: resource metrics from metrics.k8s.io, in relation to what pods request.
import type { Selector } from '../apimachinery/labels.js';
import { formatQuantity, milliValue } from '../apimachinery/quantity.js';
import { StatusError } from '../apimachinery/status.js';
import { pods } from '../kinds/core/pod.js';
import { isSidecar } from '../kinds/core/podutil.js';
import { podMetrics } from '../kinds/metrics/podmetrics.js';
import type {
  HorizontalPodAutoscaler,
  HPAScalingRules,
  MetricSpec,
  MetricStatus,
  MetricValueStatus,
} from '../kinds/types/autoscaling_v2.js';
import type { Pod } from '../kinds/types/core_v1.js';
import type { PodMetrics } from '../kinds/types/metrics_v1beta1.js';
import type { ReconcileContext } from './define.js';
import { MetricError, proposedReplicas, type Question, type Sample } from './hpa-replicas.js';

/** Upstream's --horizontal-pod-autoscaler-tolerance. */
const TOLERANCE = 0.1;

export interface Target {
  readonly autoscaler: HorizontalPodAutoscaler;
  readonly selector: Selector;
  readonly replicas: number;
}

export interface Proposal {
  readonly replicas: number;
  /** For the reason of a change. */
  readonly metric: string;
  readonly status: MetricStatus;
}

/** Each type's reason where it cannot be told. */
export const FAILURE_REASONS: { readonly [type: string]: string } = {
  Resource: 'FailedGetResourceMetric',
  ContainerResource: 'FailedGetContainerResourceMetric',
  Pods: 'FailedGetPodsMetric',
  Object: 'FailedGetObjectMetric',
  External: 'FailedGetExternalMetric',
};

/** Throws MetricError. */
export async function propose(context: ReconcileContext, target: Target, spec: MetricSpec): Promise<Proposal> {
  const { resource, containerResource } = spec;
  if (spec.type === 'Resource' && resource) {
    const { current, ...proposal } = await proposeByResource(context, target, resource.name, resource.target, undefined);
    return { ...proposal, status: { type: spec.type, resource: { name: resource.name, current } } };
  }
  if (spec.type === 'ContainerResource' && containerResource) {
    const { name, container } = containerResource;
    const { current, ...proposal } = await proposeByResource(context, target, name, containerResource.target, container);
    return { ...proposal, status: { type: spec.type, containerResource: { name, container, current } } };
  }
  throw new MetricError(missingApi(spec, target.autoscaler.metadata.namespace!));
}

/** Metrics of other APIs, which nobody serves here. */
function missingApi({ object, pods: ofPods, external, type }: MetricSpec, namespace: string): string {
  const custom = 'unable to fetch metrics from custom metrics API: no custom metrics API (custom.metrics.k8s.io) registered';
  if (object) {
    const { kind, name } = object.describedObject;
    return `failed to get object metric value: unable to get metric ${object.metric.name}: ${kind} on ${namespace} ${name}/${custom}`;
  }
  if (ofPods) return `failed to get pods metric value: unable to get metric ${ofPods.metric.name}: ${custom}`;
  if (external) {
    const why = 'unable to fetch metrics from external metrics API: no external metrics API (external.metrics.k8s.io) registered';
    const { name } = external.metric;
    return `failed to get ${name} external metric value: failed to get ${name} external metric: unable to get external metric ${namespace}/${name}: ${why}`;
  }
  return `unknown metric source type ${JSON.stringify(type)}`;
}

interface ResourceProposal {
  readonly replicas: number;
  readonly metric: string;
  readonly current: MetricValueStatus;
}

async function proposeByResource(
  context: ReconcileContext,
  target: Target,
  resource: string,
  { averageValue, averageUtilization }: { readonly averageValue?: string | number; readonly averageUtilization?: number },
  container: string | undefined,
): Promise<ResourceProposal> {
  const isAverage = averageValue !== undefined;
  try {
    const samples = await samplesOf(context, target, resource, container);
    const found = podsOf(context, target);
    if (found.length === 0) throw new MetricError('no pods returned by selector while calculating replica count');
    const question = { pods: found, samples, resource, current: target.replicas, tolerance: tolerancesOf(target.autoscaler) };
    const now_ms = context.clock.now();
    if (isAverage) return byAverage(question, milliValue(averageValue), now_ms);
    return byUtilization(question, averageUtilization!, container, now_ms);
  } catch (error) {
    if (!(error instanceof MetricError)) throw error;
    throw new MetricError(`failed to get ${resource} ${isAverage ? 'usage' : 'utilization'}: ${error.message}`);
  }
}

type Asked = Omit<Question, 'ratioOf' | 'inFull'>;

function byAverage(asked: Asked, target_milli: number, now_ms: number): ResourceProposal {
  let average: number | undefined;
  const ratioOf = (values: ReadonlyMap<string, number>) => {
    const now = Math.trunc(sum(values.values()) / values.size);
    average ??= now;
    return now / target_milli;
  };
  const replicas = proposedReplicas({ ...asked, ratioOf, inFull: () => target_milli }, now_ms);
  return { replicas, metric: `${asked.resource} resource`, current: { averageValue: quantity(average!) } };
}

function byUtilization(asked: Asked, target: number, container: string | undefined, now_ms: number): ResourceProposal {
  let first: { readonly utilization: number; readonly average: number } | undefined;
  let requests: ReadonlyMap<string, number> | undefined;
  const requestOf = (pod: string) => (requests ??= requestsOf(asked.pods, asked.resource, container)).get(pod) ?? 0;
  const ratioOf = (values: ReadonlyMap<string, number>) => {
    const requested = sum([...values.keys()].map(requestOf));
    if (requested === 0) throw new MetricError('no metrics returned matched known pods');
    const used = sum(values.values());
    const utilization = Math.trunc((used * 100) / requested);
    first ??= { utilization, average: Math.trunc(used / values.size) };
    return utilization / target;
  };
  const inFull = (pod: string) => (requestOf(pod) * Math.max(100, target)) / 100;
  const replicas = proposedReplicas({ ...asked, ratioOf, inFull }, now_ms);
  const { utilization, average } = first!;
  const metric = `${asked.resource} ${container === undefined ? '' : 'container '}resource utilization (percentage of request)`;
  return { replicas, metric, current: { averageUtilization: utilization, averageValue: quantity(average) } };
}

async function samplesOf(
  { client }: ReconcileContext,
  { autoscaler, selector }: Target,
  resource: string,
  container: string | undefined,
): Promise<ReadonlyMap<string, Sample>> {
  const fail = (why: string) => new MetricError(`unable to get metrics for resource ${resource}: ${why}`);
  let items: readonly PodMetrics[];
  try {
    const { namespace } = autoscaler.metadata;
    ({ items } = await client.list(podMetrics, { namespace, labelSelector: selector.toString() }));
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    throw fail(`unable to fetch metrics from resource metrics API: ${error.message}`);
  }
  if (items.length === 0) throw fail('no metrics returned from resource metrics API');
  const samples = new Map<string, Sample>();
  for (const { metadata, timestamp, window, containers } of items) {
    const counted = container === undefined ? containers : containers.filter(({ name }) => name === container);
    if (counted.length === 0 && container !== undefined) {
      throw fail(`container ${container} not present in metrics for pod ${metadata.namespace}/${metadata.name}`);
    }
    const uses = counted.map(({ usage }) => usage[resource]);
    if (uses.length === 0 || uses.includes(undefined)) continue;
    const value = sum(uses.map((use) => milliValue(use!)));
    samples.set(metadata.name, { value, at_ms: Date.parse(timestamp), window_ms: duration_ms(window) });
  }
  return samples;
}

function podsOf({ list }: ReconcileContext, { autoscaler, selector }: Target): readonly Pod[] {
  return list(pods, autoscaler.metadata.namespace).filter(({ metadata }) => selector.matches(metadata.labels));
}

/** In thousandths, by pod. A pod without a request has no percentage of it. */
function requestsOf(all: readonly Pod[], resource: string, container: string | undefined): ReadonlyMap<string, number> {
  return new Map(
    all.map(({ metadata, spec }) => {
      const whole = container === undefined ? spec.resources?.requests?.[resource] : undefined;
      if (whole !== undefined) return [metadata.name, milliValue(whole)];
      const running = [...spec.containers, ...(spec.initContainers ?? []).filter(isSidecar)];
      const counted = running.filter(({ name }) => container === undefined || name === container);
      const amounts = counted.map(({ name, resources }) => {
        const request = resources?.requests?.[resource];
        if (request === undefined) throw new MetricError(`missing request for ${resource} in container ${name} of Pod ${metadata.name}`);
        return milliValue(request);
      });
      return [metadata.name, sum(amounts)];
    }),
  );
}

function tolerancesOf({ spec: { behavior } }: HorizontalPodAutoscaler): Question['tolerance'] {
  const of = (rules: HPAScalingRules | undefined) => (rules?.tolerance === undefined ? TOLERANCE : milliValue(rules.tolerance) / 1000);
  return { up: of(behavior?.scaleUp), down: of(behavior?.scaleDown) };
}

const sum = (values: Iterable<number>) => {
  let total = 0;
  for (const value of values) total += value;
  return total;
};

const quantity = (milli: number) => formatQuantity(milli / 1000, 'DecimalSI');

/** Go's text of a window, such as `15s` or `1m0.5s`. */
function duration_ms(text: string): number {
  const units: { readonly [unit: string]: number } = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };
  return sum([...text.matchAll(/(\d+(?:\.\d+)?)(ms|h|m|s)/g)].map(([, number, unit]) => Number(number) * units[unit!]!));
}
