// Validation of one device of a ResourceSlice: its attributes, capacities, counters, and the nodes it is for.
import { type FieldError, forbidden, invalid, required, tooMany } from '../../apimachinery/field.js';
import { isDns1123Label, isDns1123Subdomain, isLabelValue, isQualifiedName } from '../../apimachinery/names.js';
import { checkLength, checkOneOf, invalids } from '../checks.js';
import type { Counter, Device, DeviceAttribute, DeviceTaint } from '../types/resource_v1.js';
import { checkItems, checkLabelName, checkQualifiedName, checkSet } from './checks.js';

const MAX_PROPERTIES = 32;
const MAX_VALUE_bytes = 64;
const MAX_TAINTS = 16;
const MAX_COUNTERS = 32;
const MAX_CONSUMPTIONS = 2;
const TAINT_EFFECTS = ['NoExecute', 'NoSchedule', 'None'];
const VALUES = ['bool', 'int', 'string', 'version'] as const;
const NUMBER = '(0|[1-9]\\d*)';
const PRE_RELEASE = '(0|[1-9]\\d*|\\d*[a-zA-Z-][0-9a-zA-Z-]*)';
const SEMVER = new RegExp(
  `^${NUMBER}\\.${NUMBER}\\.${NUMBER}(-${PRE_RELEASE}(\\.${PRE_RELEASE})*)?(\\+[0-9a-zA-Z-]+(\\.[0-9a-zA-Z-]+)*)?$`,
);

export function validateDevice(at: string, device: Device, perDevice: boolean): FieldError[] {
  const { name, attributes = {}, capacity = {}, taints, consumesCounters, allowMultipleAllocations } = device;
  const errors = checkLabelName(`${at}.name`, name);
  const count = Object.keys(attributes).length + Object.keys(capacity).length;
  if (count > MAX_PROPERTIES) {
    errors.push(invalid(at, count, `the total number of attributes and capacities must not exceed ${MAX_PROPERTIES}`));
  }
  for (const [key, attribute] of Object.entries(attributes)) {
    const field = `${at}.attributes[${key}]`;
    errors.push(...checkQualifiedName(field, key), ...validateAttribute(field, attribute));
  }
  for (const [key, { requestPolicy }] of Object.entries(capacity)) {
    const field = `${at}.capacity[${key}]`;
    errors.push(...checkQualifiedName(field, key));
    if (requestPolicy && !allowMultipleAllocations)
      errors.push(forbidden(`${field}.requestPolicy`, 'allowMultipleAllocations must be true'));
  }
  return [
    ...errors,
    ...checkItems(`${at}.taints`, taints, MAX_TAINTS, validateTaint),
    ...checkSet(
      `${at}.consumesCounters`,
      consumesCounters,
      MAX_CONSUMPTIONS,
      ({ counterSet }) => counterSet,
      (field, consumption) => validateCounters(field, 'counterSet', consumption.counterSet, consumption.counters),
    ),
    ...validateNodes(at, device, perDevice),
  ];
}

function validateTaint(at: string, { key, value = '', effect }: DeviceTaint): FieldError[] {
  return [
    ...invalids(`${at}.key`, key, isQualifiedName(key)),
    ...invalids(`${at}.value`, value, isLabelValue(value)),
    ...checkOneOf(`${at}.effect`, effect, TAINT_EFFECTS),
  ];
}

function validateAttribute(at: string, attribute: DeviceAttribute): FieldError[] {
  const { string, version } = attribute;
  const given = VALUES.filter((value) => attribute[value] !== undefined);
  const errors: FieldError[] = string === undefined ? [] : checkLength(`${at}.string`, string, MAX_VALUE_bytes);
  if (version !== undefined) {
    if (!SEMVER.test(version)) errors.push(invalid(`${at}.version`, version, 'must be a string compatible with semver.org spec 2.0.0'));
    errors.push(...checkLength(`${at}.version`, version, MAX_VALUE_bytes));
  }
  if (given.length === 0) errors.push(invalid(at, '', 'exactly one value must be specified'));
  if (given.length > 1) errors.push(invalid(at, attribute as never, 'exactly one value must be specified'));
  return errors;
}

/** A set of counters, or what a device takes of one. */
export function validateCounters(
  at: string,
  nameField: string,
  name: string,
  counters: { readonly [name: string]: Counter } = {},
): FieldError[] {
  const errors = checkLabelName(`${at}.${nameField}`, name);
  const names = Object.keys(counters);
  if (names.length === 0) errors.push(required(`${at}.counters`));
  if (names.length > MAX_COUNTERS) return [...errors, tooMany(`${at}.counters`, names.length, MAX_COUNTERS)];
  return [...errors, ...names.flatMap((counter) => invalids(`${at}.counters[${counter}]`, counter, isDns1123Label(counter)))];
}

function validateNodes(at: string, { nodeName, nodeSelector, allNodes }: Device, perDevice: boolean): FieldError[] {
  const given = [nodeName, nodeSelector, allNodes].filter((value) => value !== undefined);
  if (!perDevice) {
    const why =
      '`nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to true in the ResourceSlice spec';
    return given.length === 0 ? [] : [invalid(at, null, why)];
  }
  const errors: FieldError[] = nodeName ? invalids(`${at}.nodeName`, nodeName, isDns1123Subdomain(nodeName)) : [];
  if (nodeName === '') errors.push(invalid(`${at}.nodeName`, nodeName, 'must not be empty'));
  if (allNodes === false) errors.push(invalid(`${at}.allNodes`, false, 'must be either unset or set to true'));
  const one =
    'exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when `perDeviceNodeSelection` is set to true in the ResourceSlice spec';
  if (given.length === 0) errors.push(required(at, one));
  if (given.length > 1) errors.push(invalid(at, null, one));
  return errors;
}
