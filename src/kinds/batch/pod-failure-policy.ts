// Validation of a Job's podFailurePolicy: what a pod's failure means to the Job.
import { duplicate, type FieldError, invalid, invalidWhole, notSupported, required, tooMany } from '../../apimachinery/field.js';
import { isQualifiedName } from '../../apimachinery/names.js';
import { invalids } from '../checks.js';
import type {
  JobSpec,
  PodFailurePolicy,
  PodFailurePolicyOnExitCodesRequirement,
  PodFailurePolicyOnPodConditionsPattern,
  PodFailurePolicyRule,
} from '../types/batch_v1.js';

const ACTIONS = ['Count', 'FailIndex', 'FailJob', 'Ignore'];
const OPERATORS = ['In', 'NotIn'];
const CONDITION_STATUSES = ['False', 'True', 'Unknown'];
/** Upstream's bounds on lists that every failure of a pod is held against. */
const MAX_RULES = 20;
const MAX_EXIT_CODES = 255;
const MAX_CONDITIONS = 20;

export function validatePodFailurePolicy(at: string, { rules }: PodFailurePolicy, spec: JobSpec): FieldError[] {
  const { containers, initContainers = [] } = spec.template.spec;
  const names = new Set([...containers, ...initContainers].map(({ name }) => name));
  return [
    ...(rules.length > MAX_RULES ? [tooMany(`${at}.rules`, rules.length, MAX_RULES)] : []),
    ...rules.flatMap((rule, i) => validateRule(`${at}.rules[${i}]`, rule, spec, names)),
  ];
}

function validateRule(at: string, rule: PodFailurePolicyRule, spec: JobSpec, names: ReadonlySet<string>): FieldError[] {
  const { action, onExitCodes, onPodConditions = [] } = rule;
  const errors = checkGivenOneOf(`${at}.action`, action, ACTIONS);
  if (action === 'FailIndex' && spec.backoffLimitPerIndex === undefined) {
    errors.push(invalid(`${at}.action`, action, 'requires the backoffLimitPerIndex to be set'));
  }
  if (onExitCodes) errors.push(...validateExitCodes(`${at}.onExitCodes`, onExitCodes, names));
  errors.push(...validateConditions(`${at}.onPodConditions`, onPodConditions));
  const conditions = onPodConditions.length > 0;
  if (onExitCodes && conditions) errors.push(invalidWhole(at, 'specifying both OnExitCodes and OnPodConditions is not supported'));
  if (!onExitCodes && !conditions) errors.push(invalidWhole(at, 'specifying one of OnExitCodes and OnPodConditions is required'));
  return errors;
}

/** Where nothing is given, upstream says here what could be. */
function checkGivenOneOf(field: string, value: string | undefined, supported: readonly string[]): FieldError[] {
  if (!value) return [required(field, `valid values: [${supported.map((text) => JSON.stringify(text)).join(' ')}]`)];
  return supported.includes(value) ? [] : [notSupported(field, value, supported)];
}

function validateConditions(at: string, patterns: readonly PodFailurePolicyOnPodConditionsPattern[]): FieldError[] {
  return [
    ...(patterns.length > MAX_CONDITIONS ? [tooMany(at, patterns.length, MAX_CONDITIONS)] : []),
    ...patterns.flatMap(({ type, status }, i) => [
      ...invalids(`${at}[${i}].type`, type, isQualifiedName(type)),
      ...checkGivenOneOf(`${at}[${i}].status`, status, CONDITION_STATUSES),
    ]),
  ];
}

function validateExitCodes(
  at: string,
  { operator, containerName, values }: PodFailurePolicyOnExitCodesRequirement,
  names: ReadonlySet<string>,
): FieldError[] {
  const errors = checkGivenOneOf(`${at}.operator`, operator, OPERATORS);
  if (containerName !== undefined && !names.has(containerName)) {
    const why = 'must be one of the container or initContainer names in the pod template';
    errors.push(invalid(`${at}.containerName`, containerName, why));
  }
  if (values.length === 0) errors.push(invalid(`${at}.values`, values, 'at least one value is required'));
  if (values.length > MAX_EXIT_CODES) errors.push(tooMany(`${at}.values`, values.length, MAX_EXIT_CODES));
  for (const [i, value] of values.entries()) {
    if (operator === 'In' && value === 0) errors.push(invalid(`${at}.values[${i}]`, value, 'must not be 0 for the In operator'));
    if (values.indexOf(value) < i) errors.push(duplicate(`${at}.values[${i}]`, value));
  }
  if (values.some((value, i) => i > 0 && values[i - 1]! > value)) errors.push(invalid(`${at}.values`, values, 'must be ordered'));
  return errors;
}
