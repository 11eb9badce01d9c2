// Validation of what a ResourceClaim asks for: devices by request, what they must have in common, and their configuration.
import { type FieldError, invalid, notSupported, required } from '../../apimachinery/field.js';
import { isDns1123Subdomain } from '../../apimachinery/names.js';
import { invalids } from '../checks.js';
import type { DeviceClaim, DeviceConstraint, DeviceRequest, DeviceSubRequest, ExactDeviceRequest } from '../types/resource_v1.js';
import {
  checkFullyQualifiedName,
  checkItems,
  checkLabelName,
  checkSet,
  MAX_CONFIGS,
  MAX_REQUESTS,
  validateConfiguration,
  validateSelectors,
} from './checks.js';

const MAX_CONSTRAINTS = 32;
const MAX_ALTERNATIVES = 8;
const ALLOCATION_MODES = ['All', 'ExactCount'];

/** `request` and `request/subrequest` of all that the claim asks for. */
export function requestNames({ requests }: DeviceClaim): ReadonlySet<string> {
  return new Set(requests.flatMap(({ name, firstAvailable = [] }) => [name, ...firstAvailable.map((sub) => `${name}/${sub.name}`)]));
}

export function validateDeviceClaim(at: string, claim: DeviceClaim): FieldError[] {
  const names = requestNames(claim);
  return [
    ...checkSet(`${at}.requests`, claim.requests, MAX_REQUESTS, ({ name }) => name, validateRequest),
    ...checkItems(`${at}.constraints`, claim.constraints, MAX_CONSTRAINTS, (field, constraint) =>
      validateConstraint(field, constraint, names),
    ),
    ...checkItems(`${at}.config`, claim.config, MAX_CONFIGS, (field, config) => [
      ...validateReferences(`${field}.requests`, config.requests, names),
      ...validateConfiguration(field, config),
    ]),
  ];
}

function validateRequest(at: string, { name, exactly, firstAvailable = [] }: DeviceRequest): FieldError[] {
  const errors = checkLabelName(`${at}.name`, name);
  const one = 'exactly one of `exactly` or `firstAvailable` is required';
  if (exactly && firstAvailable.length > 0) return [...errors, invalid(at, null, `${one}, but multiple fields are set`)];
  if (exactly) return [...errors, ...validateExact(`${at}.exactly`, exactly)];
  if (firstAvailable.length === 0) return [...errors, required(at, one)];
  const sub = (field: string, request: DeviceSubRequest) => [
    ...checkLabelName(`${field}.name`, request.name),
    ...validateExact(field, request),
  ];
  return [...errors, ...checkSet(`${at}.firstAvailable`, firstAvailable, MAX_ALTERNATIVES, (request) => request.name, sub)];
}

function validateExact(at: string, request: ExactDeviceRequest | DeviceSubRequest): FieldError[] {
  const { deviceClassName, selectors, allocationMode: mode = '', count = 0 } = request;
  const errors = deviceClassName
    ? invalids(`${at}.deviceClassName`, deviceClassName, isDns1123Subdomain(deviceClassName))
    : [required(`${at}.deviceClassName`)];
  errors.push(...validateSelectors(`${at}.selectors`, selectors));
  if (!ALLOCATION_MODES.includes(mode)) errors.push(notSupported(`${at}.allocationMode`, mode, ALLOCATION_MODES));
  else if (mode === 'All') {
    if (count !== 0) errors.push(invalid(`${at}.count`, count, "must not be specified when allocationMode is 'All'"));
  } else if (count <= 0) errors.push(invalid(`${at}.count`, count, 'must be greater than zero'));
  return errors;
}

function validateConstraint(at: string, constraint: DeviceConstraint, names: ReadonlySet<string>): FieldError[] {
  const { requests, matchAttribute, distinctAttribute } = constraint;
  const errors = validateReferences(`${at}.requests`, requests, names);
  if (matchAttribute !== undefined) return [...errors, ...checkFullyQualifiedName(`${at}.matchAttribute`, matchAttribute)];
  if (distinctAttribute !== undefined) return [...errors, ...checkFullyQualifiedName(`${at}.distinctAttribute`, distinctAttribute)];
  return [...errors, required(`${at}.matchAttribute`)];
}

export function validateReferences(at: string, requests: readonly string[] | undefined, names: ReadonlySet<string>): FieldError[] {
  return checkSet(
    at,
    requests,
    MAX_REQUESTS,
    (name) => name,
    (field, name) => validateReference(field, name, names),
  );
}

export function validateReference(field: string, name: string, names: ReadonlySet<string>): FieldError[] {
  const parts = name.split('/');
  const unknown = invalid(
    field,
    name,
    "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'",
  );
  if (parts.length > 2) return [unknown];
  return [...parts.flatMap((part) => checkLabelName(field, part)), ...(names.has(name) ? [] : [unknown])];
}
