// Validation of a HorizontalPodAutoscaler's spec: bounds, what is measured, and how fast it scales.
import { type FieldError, forbidden, invalid, notSupported, required } from '../../apimachinery/field.js';
import { isDns1123Label, isPathSegmentName } from '../../apimachinery/names.js';
import { invalids, readQuantity } from '../checks.js';
import type {
  CrossVersionObjectReference,
  HorizontalPodAutoscaler,
  HPAScalingPolicy,
  HPAScalingRules,
  MetricIdentifier,
  MetricSpec,
  MetricTarget,
} from '../types/autoscaling_v2.js';

/** Where each type of metric has its source, and what its target must have. */
const SOURCES = {
  ContainerResource: 'containerResource',
  External: 'external',
  Object: 'object',
  Pods: 'pods',
  Resource: 'resource',
} as const;
const SOURCE_TYPES = Object.keys(SOURCES);
/** In the order in which upstream looks at them: only the first that is there is looked into. */
const SOURCE_FIELDS = ['object', 'external', 'pods', 'resource', 'containerResource'] as const;
const SELECT_POLICIES = ['Disabled', 'Max', 'Min'];
const POLICY_TYPES = ['Percent', 'Pods'];
const MAX_WINDOW_s = 3600;
const MAX_PERIOD_s = 1800;

export function validateAutoscaler({ spec }: HorizontalPodAutoscaler, old: HorizontalPodAutoscaler | undefined): FieldError[] {
  const { minReplicas: min, maxReplicas: max, metrics = [], behavior } = spec;
  // Scaling to nothing is a feature that is off, but who has it keeps it.
  const least = old?.spec.minReplicas === 0 ? 0 : 1;
  const errors: FieldError[] = [];
  if (min !== undefined && min < least) errors.push(invalid('spec.minReplicas', min, `must be greater than or equal to ${least}`));
  if (max < 1) errors.push(invalid('spec.maxReplicas', max, 'must be greater than 0'));
  if (min !== undefined && max < min) errors.push(invalid('spec.maxReplicas', max, 'must be greater than or equal to `minReplicas`'));
  errors.push(...validateReference('spec.scaleTargetRef', spec.scaleTargetRef));
  for (const [i, metric] of metrics.entries()) errors.push(...validateMetric(`spec.metrics[${i}]`, metric));
  if (min === 0 && !metrics.some(({ type }) => type === 'Object' || type === 'External')) {
    const why = 'must specify at least one Object or External metric to support scaling to zero replicas';
    errors.push(forbidden('spec.metrics', why));
  }
  if (behavior?.scaleUp) errors.push(...validateRules('spec.behavior.scaleUp', behavior.scaleUp));
  if (behavior?.scaleDown) errors.push(...validateRules('spec.behavior.scaleDown', behavior.scaleDown));
  return errors;
}

function validateReference(at: string, { kind, name }: CrossVersionObjectReference): FieldError[] {
  return [
    ...(kind ? invalids(`${at}.kind`, kind, isPathSegmentName(kind)) : [required(`${at}.kind`)]),
    ...(name ? invalids(`${at}.name`, name, isPathSegmentName(name)) : [required(`${at}.name`)]),
  ];
}

function validateMetric(at: string, metric: MetricSpec): FieldError[] {
  const errors: FieldError[] = [];
  const expected = SOURCES[metric.type as keyof typeof SOURCES];
  if (!metric.type) errors.push(required(`${at}.type`, 'must specify a metric source type'));
  if (!expected) errors.push(notSupported(`${at}.type`, metric.type, SOURCE_TYPES));
  const given = SOURCE_FIELDS.filter((field) => metric[field] !== undefined);
  if (given[0]) errors.push(...validateSource(`${at}.${given[0]}`, metric, given[0]));
  if (!expected) return errors;
  if (!metric[expected]) errors.push(required(`${at}.${expected}`, 'must populate information for the given metric source'));
  const extra = given.length === 1 ? [] : given.filter((field) => field !== expected);
  return [...errors, ...extra.map((field) => forbidden(`${at}.${field}`, 'must populate the given metric source only'))];
}

function validateSource(at: string, metric: MetricSpec, field: (typeof SOURCE_FIELDS)[number]): FieldError[] {
  const { object, external, pods, resource, containerResource } = metric;
  const target = metric[field]!.target;
  const { value, averageValue, averageUtilization } = target;
  const errors: FieldError[] = [];
  if (object && field === 'object') errors.push(...validateReference(`${at}.describedObject`, object.describedObject));
  const measured = { object, external, pods, resource: undefined, containerResource: undefined }[field]?.metric;
  if (measured) errors.push(...validateIdentifier(`${at}.metric`, measured));
  const named = { object: undefined, external: undefined, pods: undefined, resource, containerResource }[field];
  if (named && !named.name) errors.push(required(`${at}.name`, 'must specify a resource name'));
  if (containerResource && field === 'containerResource') {
    const { container } = containerResource;
    if (!container) errors.push(required(`${at}.container`, 'must specify a container'));
    else errors.push(...invalids(`${at}.container`, container, isDns1123Label(container)));
  }
  errors.push(...validateTarget(`${at}.target`, target));
  const average = `${at}.target.averageValue`;
  if (field === 'object' && value === undefined && averageValue === undefined) {
    errors.push(required(average, 'must set either a target value or averageValue'));
  } else if (field === 'external') {
    if (value === undefined && averageValue === undefined) {
      errors.push(required(average, 'must set either a target value for metric or a per-pod target'));
    } else if (value !== undefined && averageValue !== undefined) {
      errors.push(forbidden(`${at}.target.value`, 'may not set both a target value for metric and a per-pod target'));
    }
  } else if (field === 'pods' && averageValue === undefined) {
    errors.push(required(average, 'must specify a positive target averageValue'));
  } else if (named && averageUtilization === undefined && averageValue === undefined) {
    errors.push(required(`${at}.target.averageUtilization`, 'must set either a target raw value or a target utilization'));
  } else if (named && averageUtilization !== undefined && averageValue !== undefined) {
    errors.push(forbidden(average, 'may not set both a target raw value and a target utilization'));
  }
  return errors;
}

function validateIdentifier(at: string, { name }: MetricIdentifier): FieldError[] {
  return name ? invalids(`${at}.name`, name, isPathSegmentName(name)) : [required(`${at}.name`, 'must specify a metric name')];
}

function validateTarget(at: string, { type, value, averageValue, averageUtilization }: MetricTarget): FieldError[] {
  const errors: FieldError[] = [];
  if (!type) errors.push(required(`${at}.type`, 'must specify a metric target type'));
  if (!['Utilization', 'Value', 'AverageValue'].includes(type)) {
    errors.push(invalid(`${at}.type`, type, 'must be either Utilization, Value, or AverageValue'));
  }
  for (const [part, quantity] of [
    ['value', value],
    ['averageValue', averageValue],
  ] as const) {
    if (quantity === undefined) continue;
    if (readQuantity(`${at}.${part}`, quantity).value <= 0) errors.push(invalid(`${at}.${part}`, quantity, 'must be positive'));
  }
  if (averageUtilization !== undefined && averageUtilization < 1) {
    errors.push(invalid(`${at}.averageUtilization`, averageUtilization, 'must be greater than 0'));
  }
  return errors;
}

function validateRules(at: string, rules: HPAScalingRules): FieldError[] {
  const { stabilizationWindowSeconds: window, selectPolicy, policies = [], tolerance } = rules;
  const errors: FieldError[] = [];
  const refuse = (why: string) => errors.push(invalid(`${at}.stabilizationWindowSeconds`, window, why));
  if (window !== undefined && window < 0) refuse('must be greater than or equal to zero');
  if (window !== undefined && window > MAX_WINDOW_s) refuse(`must be less than or equal to ${MAX_WINDOW_s}`);
  if (selectPolicy !== undefined && !SELECT_POLICIES.includes(selectPolicy)) {
    errors.push(notSupported(`${at}.selectPolicy`, selectPolicy, SELECT_POLICIES));
  }
  if (policies.length === 0) errors.push(required(`${at}.policies`, 'must specify at least one Policy'));
  for (const [i, policy] of policies.entries()) errors.push(...validatePolicy(`${at}.policies[${i}]`, policy));
  if (tolerance !== undefined && readQuantity(`${at}.tolerance`, tolerance).value < 0) {
    errors.push(invalid(`${at}.tolerance`, tolerance, 'must be greater than or equal to 0'));
  }
  return errors;
}

function validatePolicy(at: string, { type, value, periodSeconds: period }: HPAScalingPolicy): FieldError[] {
  const errors: FieldError[] = [];
  if (!POLICY_TYPES.includes(type)) errors.push(notSupported(`${at}.type`, type, POLICY_TYPES));
  if (value <= 0) errors.push(invalid(`${at}.value`, value, 'must be greater than zero'));
  if (period <= 0) errors.push(invalid(`${at}.periodSeconds`, period, 'must be greater than zero'));
  if (period > MAX_PERIOD_s) errors.push(invalid(`${at}.periodSeconds`, period, `must be less than or equal to ${MAX_PERIOD_s}`));
  return errors;
}
