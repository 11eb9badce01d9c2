// Validation of what says where a pod may run: node selector, affinity, tolerations, topology spread; and of taints.
import { type FieldError, forbidden, invalid, notSupported, required } from '../../apimachinery/field.js';
import { validateLabelSelector } from '../../apimachinery/labels.js';
import { isLabelValue, isQualifiedName } from '../../apimachinery/names.js';
import { checkOneOf, invalids } from '../checks.js';
import type {
  Affinity,
  NodeAffinity,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  PodAffinityTerm,
  PodSpec,
  Taint,
  Toleration,
  WeightedPodAffinityTerm,
} from '../types/core_v1.js';
import { validateLabels } from '../validation.js';

const EFFECTS = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];
const NODE_OPERATORS = ['In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt'];
const MAX_WEIGHT = 100;

export function validateScheduling(at: string, spec: PodSpec): FieldError[] {
  return [
    ...validateLabels(`${at}.nodeSelector`, spec.nodeSelector),
    ...validateAffinity(`${at}.affinity`, spec.affinity),
    ...(spec.tolerations ?? []).flatMap((toleration, i) => validateToleration(`${at}.tolerations[${i}]`, toleration)),
    ...validateSpread(`${at}.topologySpreadConstraints`, spec),
  ];
}

export function validateToleration(at: string, toleration: Toleration): FieldError[] {
  const { key, operator = '', value = '', effect, tolerationSeconds } = toleration;
  const errors: FieldError[] = [];
  if (key) errors.push(...invalids(`${at}.key`, key, isQualifiedName(key)));
  else if (operator !== 'Exists') {
    errors.push(
      invalid(`${at}.operator`, operator, 'operator must be Exists when `key` is empty, which means "match all values and all keys"'),
    );
  }
  if (tolerationSeconds !== undefined && effect !== 'NoExecute') {
    errors.push(invalid(`${at}.effect`, effect ?? '', "effect must be 'NoExecute' when `tolerationSeconds` is set"));
  }
  if (operator === 'Exists') {
    if (value) errors.push(invalid(`${at}.operator`, value, "value must be empty when `operator` is 'Exists'"));
  } else if (operator === '' || operator === 'Equal') errors.push(...invalids(`${at}.operator`, value, isLabelValue(value)));
  else errors.push(notSupported(`${at}.operator`, operator, ['Equal', 'Exists']));
  return [...errors, ...checkOneOf(`${at}.effect`, effect, EFFECTS, true)];
}

export function validateTaint(at: string, { key, value = '', effect }: Taint): FieldError[] {
  return [
    ...(key ? invalids(`${at}.key`, key, isQualifiedName(key)) : [required(`${at}.key`)]),
    ...invalids(`${at}.value`, value, isLabelValue(value)),
    ...checkOneOf(`${at}.effect`, effect, EFFECTS),
  ];
}

function validateAffinity(at: string, affinity: Affinity | undefined): FieldError[] {
  if (!affinity) return [];
  const { nodeAffinity, podAffinity, podAntiAffinity } = affinity;
  const errors: FieldError[] = validateNodeAffinity(`${at}.nodeAffinity`, nodeAffinity);
  for (const [name, rules] of Object.entries({ podAffinity, podAntiAffinity })) {
    const field = `${at}.${name}`;
    for (const [i, term] of (rules?.requiredDuringSchedulingIgnoredDuringExecution ?? []).entries()) {
      errors.push(...validatePodTerm(`${field}.requiredDuringSchedulingIgnoredDuringExecution[${i}]`, term));
    }
    for (const [i, weighted] of (rules?.preferredDuringSchedulingIgnoredDuringExecution ?? []).entries()) {
      errors.push(...validateWeighted(`${field}.preferredDuringSchedulingIgnoredDuringExecution[${i}]`, weighted));
    }
  }
  return errors;
}

export function validateNodeAffinity(at: string, affinity: NodeAffinity | undefined): FieldError[] {
  const errors: FieldError[] = [];
  const must = affinity?.requiredDuringSchedulingIgnoredDuringExecution;
  if (must) {
    const field = `${at}.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms`;
    if (!must.nodeSelectorTerms?.length) errors.push(required(field, 'must have at least one node selector term'));
    for (const [i, term] of (must.nodeSelectorTerms ?? []).entries()) errors.push(...validateNodeTerm(`${field}[${i}]`, term));
  }
  for (const [i, { weight, preference }] of (affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).entries()) {
    const field = `${at}.preferredDuringSchedulingIgnoredDuringExecution[${i}]`;
    errors.push(...checkWeight(field, weight), ...validateNodeTerm(`${field}.preference`, preference));
  }
  return errors;
}

function checkWeight(at: string, weight: number | undefined): FieldError[] {
  return weight !== undefined && weight >= 1 && weight <= MAX_WEIGHT
    ? []
    : [invalid(`${at}.weight`, weight ?? 0, `must be in the range 1-${MAX_WEIGHT}`)];
}

function validateWeighted(at: string, { weight, podAffinityTerm }: WeightedPodAffinityTerm): FieldError[] {
  return [...checkWeight(at, weight), ...validatePodTerm(`${at}.podAffinityTerm`, podAffinityTerm)];
}

function validatePodTerm(at: string, { topologyKey, labelSelector, namespaceSelector }: PodAffinityTerm): FieldError[] {
  return [
    ...validateLabelSelector(labelSelector, `${at}.labelSelector`),
    ...validateLabelSelector(namespaceSelector, `${at}.namespaceSelector`),
    ...(topologyKey
      ? invalids(`${at}.topologyKey`, topologyKey, isQualifiedName(topologyKey))
      : [required(`${at}.topologyKey`, 'can not be empty')]),
  ];
}

function validateNodeTerm(at: string, { matchExpressions, matchFields }: NodeSelectorTerm): FieldError[] {
  return [
    ...(matchExpressions ?? []).flatMap((requirement, i) => [
      ...validateNodeRequirement(`${at}.matchExpressions[${i}]`, requirement),
      ...invalids(`${at}.matchExpressions[${i}].key`, requirement.key, isQualifiedName(requirement.key ?? '')),
    ]),
    ...(matchFields ?? []).flatMap(({ key }, i) =>
      key === 'metadata.name' ? [] : [invalid(`${at}.matchFields[${i}].key`, key, 'not a valid field selector key')],
    ),
  ];
}

function validateNodeRequirement(at: string, { operator, values = [] }: NodeSelectorRequirement): FieldError[] {
  if (!NODE_OPERATORS.includes(operator)) return [invalid(`${at}.operator`, operator ?? '', 'not a valid selector operator')];
  if ((operator === 'In' || operator === 'NotIn') && values.length === 0) {
    return [required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'")];
  }
  if ((operator === 'Exists' || operator === 'DoesNotExist') && values.length > 0) {
    return [forbidden(`${at}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")];
  }
  if ((operator === 'Gt' || operator === 'Lt') && values.length !== 1) {
    return [required(`${at}.values`, "must be specified single value when `operator` is 'Lt' or 'Gt'")];
  }
  return [];
}

function validateSpread(at: string, spec: PodSpec): FieldError[] {
  return (spec.topologySpreadConstraints ?? []).flatMap(({ maxSkew, topologyKey, whenUnsatisfiable, labelSelector }, i) => [
    ...(maxSkew > 0 ? [] : [invalid(`${at}[${i}].maxSkew`, maxSkew ?? 0, 'must be greater than zero')]),
    ...(topologyKey
      ? invalids(`${at}[${i}].topologyKey`, topologyKey, isQualifiedName(topologyKey))
      : [required(`${at}[${i}].topologyKey`, 'can not be empty')]),
    ...checkOneOf(`${at}[${i}].whenUnsatisfiable`, whenUnsatisfiable, ['DoNotSchedule', 'ScheduleAnyway']),
    ...validateLabelSelector(labelSelector, `${at}[${i}].labelSelector`),
  ]);
}
