// What autoscaling/v1 has no fields for, as upstream keeps it in annotations: metrics in v1's form, behaviour and conditions.
import { isJsonObject, type Json, type JsonObject } from '../../apimachinery/json.js';
import { normalize } from '../../apimachinery/normalize.js';
import meta_v1 from '../../apimachinery/schema/meta_v1.js';
import { Schemas } from '../../apimachinery/schema.js';
import { StatusError } from '../../apimachinery/status.js';
import autoscaling_v2 from '../schema/autoscaling_v2.js';
import type { HorizontalPodAutoscalerSpec, HorizontalPodAutoscalerStatus } from '../types/autoscaling_v2.js';

/** The parts of an autoscaler that annotations hold. */
export type Annotated = Pick<HorizontalPodAutoscalerSpec, 'metrics' | 'behavior'> &
  Partial<Pick<HorizontalPodAutoscalerStatus, 'currentMetrics' | 'conditions'>>;

const KEYS = {
  metrics: 'autoscaling.alpha.kubernetes.io/metrics',
  behavior: 'autoscaling.alpha.kubernetes.io/behavior',
  currentMetrics: 'autoscaling.alpha.kubernetes.io/current-metrics',
  conditions: 'autoscaling.alpha.kubernetes.io/conditions',
} as const;

export const ANNOTATIONS: ReadonlySet<string> = new Set(Object.values(KEYS));

/** A field of a metric in v1, and the path to it in v2. */
type Names = { readonly [v1: string]: string };
type Sources = { readonly [source: string]: Names };

const METRICS: Sources = {
  object: {
    target: 'describedObject',
    metricName: 'metric.name',
    selector: 'metric.selector',
    targetValue: 'target.value',
    averageValue: 'target.averageValue',
  },
  pods: { metricName: 'metric.name', selector: 'metric.selector', targetAverageValue: 'target.averageValue' },
  resource: { name: 'name', targetAverageUtilization: 'target.averageUtilization', targetAverageValue: 'target.averageValue' },
  containerResource: {
    name: 'name',
    targetAverageUtilization: 'target.averageUtilization',
    targetAverageValue: 'target.averageValue',
    container: 'container',
  },
  external: {
    metricName: 'metric.name',
    metricSelector: 'metric.selector',
    targetValue: 'target.value',
    targetAverageValue: 'target.averageValue',
  },
};
const CURRENT_METRICS: Sources = {
  object: {
    target: 'describedObject',
    metricName: 'metric.name',
    selector: 'metric.selector',
    currentValue: 'current.value',
    averageValue: 'current.averageValue',
  },
  pods: { metricName: 'metric.name', selector: 'metric.selector', currentAverageValue: 'current.averageValue' },
  resource: { name: 'name', currentAverageUtilization: 'current.averageUtilization', currentAverageValue: 'current.averageValue' },
  containerResource: {
    name: 'name',
    currentAverageUtilization: 'current.averageUtilization',
    currentAverageValue: 'current.averageValue',
    container: 'container',
  },
  external: {
    metricName: 'metric.name',
    metricSelector: 'metric.selector',
    currentValue: 'current.value',
    currentAverageValue: 'current.averageValue',
  },
};

export function writeAnnotations({ metrics, behavior, currentMetrics, conditions }: Annotated): { [key: string]: string } {
  const out: { [key: string]: string } = {};
  if (metrics?.length) out[KEYS.metrics] = JSON.stringify(metrics.map((metric) => toV1(metric as unknown as JsonObject, METRICS)));
  if (behavior) out[KEYS.behavior] = JSON.stringify(behavior);
  if (currentMetrics?.length) {
    out[KEYS.currentMetrics] = JSON.stringify(currentMetrics.map((metric) => toV1(metric as unknown as JsonObject, CURRENT_METRICS)));
  }
  if (conditions?.length) out[KEYS.conditions] = JSON.stringify(conditions);
  return out;
}

/** What does not decode is as good as not there, as upstream has it. */
export function readAnnotations(annotations: { readonly [key: string]: string }): Annotated {
  return {
    ...decoded(SPEC, 'metrics', annotations, (value) => listToV2(value, METRICS)),
    ...decoded(SPEC, 'behavior', annotations, (value) => value),
    ...decoded(STATUS, 'currentMetrics', annotations, (value) => listToV2(value, CURRENT_METRICS)),
    ...decoded(STATUS, 'conditions', annotations, (value) => value),
  };
}

const schemas = new Schemas({ 'meta.v1': meta_v1, 'autoscaling.v2': autoscaling_v2 });
const SPEC = schemas.get('autoscaling.v2.HorizontalPodAutoscalerSpec');
const STATUS = schemas.get('autoscaling.v2.HorizontalPodAutoscalerStatus');

function decoded(
  schema: typeof SPEC,
  part: keyof Annotated,
  annotations: { readonly [key: string]: string },
  convert: (value: Json) => Json,
): Annotated {
  const text = annotations[KEYS[part]];
  if (text === undefined) return {};
  try {
    const { object } = normalize(schema, { [part]: convert(JSON.parse(text) as Json) });
    return object[part] === undefined ? {} : { [part]: object[part] };
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof StatusError) return {};
    throw error;
  }
}

const lowerFirst = (text: string) => text.charAt(0).toLowerCase() + text.slice(1);

function toV1(metric: JsonObject, sources: Sources): JsonObject {
  const source = lowerFirst(String(metric['type']));
  const values = Object.entries(sources[source] ?? {}).map(([v1, path]) => [v1, at(metric[source], path)] as const);
  return { type: metric['type']!, [source]: Object.fromEntries(values.filter(([, value]) => value !== undefined)) as JsonObject };
}

const at = (value: Json | undefined, path: string): Json | undefined =>
  path.split('.').reduce<Json | undefined>((object, step) => (isJsonObject(object) ? object[step] : undefined), value);

const listToV2 = (value: Json, sources: Sources): Json =>
  Array.isArray(value) ? value.map((metric) => (isJsonObject(metric) ? toV2(metric, sources) : metric)) : value;

function toV2(metric: JsonObject, sources: Sources): JsonObject {
  const source = lowerFirst(String(metric['type']));
  const given = metric[source];
  if (!isJsonObject(given)) return metric;
  const out: { [field: string]: Json } = {};
  for (const [v1, path] of Object.entries(sources[source] ?? {})) {
    const value = given[v1];
    // v1 has a zero where only the average counts.
    if (value === undefined || (v1 === 'targetValue' && value === '0' && given['averageValue'] !== undefined)) continue;
    const [outer = '', inner] = path.split('.');
    out[outer] = inner === undefined ? value : { ...(isJsonObject(out[outer]) ? out[outer] : {}), [inner]: value };
  }
  const target = out['target'];
  return { type: metric['type']!, [source]: isJsonObject(target) ? { ...out, target: { type: targetType(target), ...target } } : out };
}

/** v1 tells it by the field that is set. */
function targetType(target: JsonObject): string {
  if (target['averageUtilization'] !== undefined) return 'Utilization';
  return target['averageValue'] === undefined ? 'Value' : 'AverageValue';
}
