// Resource metrics of an autoscaler: what metrics.k8s.io shows of pods, in relation to what they request.
import { milliValue } from '../apimachinery/quantity.js';
import { StatusError } from '../apimachinery/status.js';
import { isSidecar } from '../kinds/core/podutil.js';
import { podMetrics } from '../kinds/metrics/podmetrics.js';
import type { Pod } from '../kinds/types/core_v1.js';
import type { PodMetrics } from '../kinds/types/metrics_v1beta1.js';
import type { ReconcileContext } from './define.js';
import { type Asked, asked, byAverage, quantity, type Shown, sum, type Target } from './hpa-proposal.js';
import { MetricError, proposedReplicas, type Sample } from './hpa-replicas.js';

/** Throws MetricError. `container`: of that one only. */
export async function proposeByResource(
  context: ReconcileContext,
  target: Target,
  resource: string,
  { averageValue, averageUtilization }: { readonly averageValue?: string | number; readonly averageUtilization?: number },
  container: string | undefined,
): Promise<Shown> {
  const isAverage = averageValue !== undefined;
  try {
    const samples = await samplesOf(context, target, resource, container);
    const question = asked(context, target, resource, samples);
    const now_ms = context.clock.now();
    if (!isAverage) return byUtilization(question, averageUtilization!, container, now_ms);
    return { ...byAverage(question, milliValue(averageValue), now_ms), metric: `${resource} resource` };
  } catch (error) {
    if (!(error instanceof MetricError)) throw error;
    const message = `failed to get ${resource} ${isAverage ? 'usage' : 'utilization'}: ${error.message}`;
    const source = container === undefined ? 'resource' : 'container';
    throw new MetricError(message, `failed to get ${resource} ${source} metric value: ${message}`);
  }
}

function byUtilization(question: Asked, target: number, container: string | undefined, now_ms: number): Shown {
  let first: { readonly utilization: number; readonly average: number } | undefined;
  let requests: ReadonlyMap<string, number> | undefined;
  const requestOf = (pod: string) => (requests ??= requestsOf(question.pods, question.resource, container)).get(pod) ?? 0;
  const ratioOf = (values: ReadonlyMap<string, number>) => {
    const requested = sum([...values.keys()].map(requestOf));
    if (requested === 0) throw new MetricError('no metrics returned matched known pods');
    const used = sum(values.values());
    const utilization = Math.trunc((used * 100) / requested);
    first ??= { utilization, average: Math.trunc(used / values.size) };
    return utilization / target;
  };
  const inFull = (pod: string) => (requestOf(pod) * Math.max(100, target)) / 100;
  const replicas = proposedReplicas({ ...question, ratioOf, inFull }, now_ms);
  const { utilization, average } = first!;
  const metric = `${question.resource} ${container === undefined ? '' : 'container '}resource utilization (percentage of request)`;
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

/** Go's text of a window, such as `15s` or `1m0.5s`. */
function duration_ms(text: string): number {
  const units: { readonly [unit: string]: number } = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };
  return sum([...text.matchAll(/(\d+(?:\.\d+)?)(ms|h|m|s)/g)].map(([, number, unit]) => Number(number) * units[unit!]!));
}
