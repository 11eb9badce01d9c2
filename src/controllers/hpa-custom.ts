// Pods, Object and External metrics of an autoscaler, as other servers tell them by custom.metrics.k8s.io and external.metrics.k8s.io.
import { selectorOf } from '../apimachinery/labels.js';
import type { KubeObject } from '../apimachinery/object.js';
import { milliValue } from '../apimachinery/quantity.js';
import { StatusError } from '../apimachinery/status.js';
import type { LabelSelector } from '../apimachinery/types/meta_v1.js';
import type { ListOptions } from '../client/client.js';
import { apiServices } from '../kinds/apiregistration/apiservice.js';
import { isPodReady } from '../kinds/core/podutil.js';
import { defineKind } from '../kinds/define.js';
import type {
  ExternalMetricSource,
  MetricIdentifier,
  MetricTarget,
  ObjectMetricSource,
  PodsMetricSource,
} from '../kinds/types/autoscaling_v2.js';
import type { ReconcileContext } from './define.js';
import { asked, byAverage, podsOf, quantity, type Shown, sum, type Target, tolerancesOf } from './hpa-proposal.js';
import { MetricError, type Sample } from './hpa-replicas.js';
import { targetKind } from './hpa-target.js';

/** As upstream, the first that is registered. */
const VERSIONS = { custom: ['v1beta2', 'v1beta1'], external: ['v1beta1'] } as const;
/** Upstream's, of a value that does not say over which time it was taken. */
const WINDOW_s = 60;

interface MetricValue extends KubeObject {
  readonly describedObject: { readonly name: string };
  readonly timestamp: string;
  readonly windowSeconds?: number;
  readonly value: string | number;
}

/** Throws MetricError, as all of these. */
export async function proposeByPods(
  context: ReconcileContext,
  target: Target,
  { metric, target: wanted }: PodsMetricSource,
): Promise<Shown> {
  return toldAs('failed to get pods metric value', async () => {
    const values = await failingAs(`unable to get metric ${metric.name}`, () =>
      ask(context, 'custom', `pods/*/${encodeURIComponent(metric.name)}`, {
        namespace: target.autoscaler.metadata.namespace,
        labelSelector: target.selector.toString(),
        ...seriesOf(metric, 'metricLabelSelector'),
      }),
    );
    const samples = new Map(values.map((value) => [value.describedObject.name, sampleOf(value)]));
    const question = asked(context, target, '', samples);
    return { ...byAverage(question, milliValue(wanted.averageValue!), context.clock.now()), metric: `pods metric ${metric.name}` };
  });
}

export async function proposeByObject(context: ReconcileContext, target: Target, source: ObjectMetricSource): Promise<Shown> {
  const { metric, describedObject } = source;
  const { kind, name } = describedObject;
  const { namespace } = target.autoscaler.metadata;
  return toldAs('failed to get object metric value', async () => {
    const [value] = await failingAs(`unable to get metric ${metric.name}: ${kind} on ${namespace} ${name}/`, () =>
      ask(context, 'custom', `${objectPath(context, source)}/${encodeURIComponent(metric.name)}`, {
        namespace,
        ...seriesOf(metric, 'metricLabelSelector'),
      }),
    );
    const used = milliValue(value!.value);
    return { ...byTotal(context, target, used, source.target), metric: `${kind} metric ${metric.name}` };
  });
}

export async function proposeByExternal(context: ReconcileContext, target: Target, source: ExternalMetricSource): Promise<Shown> {
  const { metric } = source;
  const { namespace } = target.autoscaler.metadata;
  const [name, series] = [metric.name, selectorText(metric.selector)];
  return toldAs(`failed to get ${name} external metric value: failed to get ${name} external metric`, async () => {
    const values = await failingAs(`unable to get external metric ${namespace}/${name}/${series}`, () =>
      ask(context, 'external', encodeURIComponent(name), { namespace, ...seriesOf(metric, 'labelSelector') }),
    );
    const used = sum(values.map(({ value }) => milliValue(value)));
    return { ...byTotal(context, target, used, source.target), metric: `external metric ${name}(${series})` };
  });
}

/** One value for all pods together: in relation to what it should be, or to what each pod's share of it should be. */
function byTotal(context: ReconcileContext, target: Target, used: number, { value, averageValue }: MetricTarget): Omit<Shown, 'metric'> {
  const { replicas: current, statusReplicas, autoscaler } = target;
  const tolerance = tolerancesOf(autoscaler, context.options);
  const isWithin = (ratio: number) => ratio >= 1 - tolerance.down && ratio <= 1 + tolerance.up;
  if (averageValue !== undefined) {
    const each = milliValue(averageValue);
    const enough = statusReplicas > 0 && isWithin(used / (each * statusReplicas));
    const average = quantity(Math.ceil(used / Math.max(1, statusReplicas)));
    return { replicas: enough ? statusReplicas : Math.ceil(used / each), current: { averageValue: average } };
  }
  const ratio = used / milliValue(value!);
  const replicas = current === 0 ? Math.ceil(ratio) : isWithin(ratio) ? current : Math.ceil(ratio * readyPods(context, target));
  return { replicas, current: { value: quantity(used) } };
}

function readyPods(context: ReconcileContext, target: Target): number {
  return podsOf(context, target).filter((pod) => pod.status.phase === 'Running' && isPodReady(pod)).length;
}

/** In the namespace; the namespace itself has its metrics at a name of their own. */
function objectPath(context: ReconcileContext, { describedObject }: ObjectMetricSource): string {
  const kind = targetKind(describedObject, context);
  if (typeof kind === 'string') throw new MetricError(kind);
  const { group, plural } = kind;
  if (group === '' && kind.kind === 'Namespace') return 'metrics';
  return `${plural}${group && `.${group}`}/${encodeURIComponent(describedObject.name)}`;
}

async function ask(
  context: ReconcileContext,
  api: 'custom' | 'external',
  plural: string,
  options: ListOptions,
): Promise<readonly MetricValue[]> {
  const group = `${api}.metrics.k8s.io`;
  const fail = (why: string) => new MetricError(`unable to fetch metrics from ${api} metrics API: ${why}`);
  const version = VERSIONS[api].find((each) => context.get(apiServices, { name: `${each}.${group}` }));
  if (!version) throw fail(`no ${api} metrics API (${group}) registered`);
  // Its resources are the metrics, of which nobody knows beforehand.
  const kind = defineKind<MetricValue>({ group, version, kind: 'MetricValue', plural, namespaced: true, verbs: ['list'], schema: '' });
  try {
    const { items } = await context.client.list(kind, options);
    if (items.length > 0) return items;
  } catch (error) {
    if (error instanceof StatusError) throw fail(error.message);
    throw error;
  }
  throw new MetricError(`no metrics returned from ${api} metrics API`);
}

function sampleOf({ value, timestamp, windowSeconds = WINDOW_s }: MetricValue): Sample {
  return { value: milliValue(value), at_ms: Date.parse(timestamp), window_ms: windowSeconds * 1000 };
}

function seriesOf({ selector }: MetricIdentifier, name: 'labelSelector' | 'metricLabelSelector'): ListOptions {
  const text = selector ? selectorOf(selector).toString() : '';
  return text ? { [name]: text } : {};
}

/** As Go prints it, in upstream's messages. */
function selectorText(selector: LabelSelector | undefined): string {
  if (!selector) return 'nil';
  const labels = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => `${key}: ${value},`);
  const expressions = (selector.matchExpressions ?? []).map(
    ({ key, operator, values = [] }) => `LabelSelectorRequirement{Key:${key},Operator:${operator},Values:[${values.join(' ')}],},`,
  );
  const parts = `MatchLabels:map[string]string{${labels.sort().join('')}},MatchExpressions:[]LabelSelectorRequirement{${expressions.join('')}}`;
  return `&LabelSelector{${parts},}`;
}

async function failingAs<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof MetricError)) throw error;
    throw new MetricError(`${what}${what.endsWith('/') ? '' : ': '}${error.message}`);
  }
}

/** Where it fails it says so itself, and `what` only of all metrics. */
async function toldAs<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof MetricError)) throw error;
    throw new MetricError(error.message, `${what}: ${error.message}`);
  }
}
