// Checks that the kinds of resource.k8s.io share: lists, names of drivers, pools and devices, selectors and configuration.
import { duplicate, type FieldError, invalid, required, tooLong, tooMany } from '../../apimachinery/field.js';
import { isCIdentifier, isDns1123Label, isDns1123Subdomain } from '../../apimachinery/names.js';
import { checkLength, invalids } from '../checks.js';
import type { DeviceConfiguration, DeviceSelector } from '../types/resource_v1.js';

/** Upstream's bounds: a claim is looked at whenever a pod that uses it is scheduled. */
export const MAX_REQUESTS = 32;
export const MAX_CONFIGS = 32;
const MAX_SELECTORS = 32;
const MAX_EXPRESSION_bytes = 10 * 1024;
const MAX_PARAMETERS_bytes = 10 * 1024;
const MAX_DRIVER_NAME_bytes = 63;
const MAX_POOL_NAME_bytes = 253;
const MAX_ID_bytes = 32;

/** A list of at most `max`, looked into only if it is not longer. */
export function checkItems<T>(
  at: string,
  items: readonly T[] = [],
  max: number,
  check: (at: string, item: T) => FieldError[],
): FieldError[] {
  return items.length > max ? [tooMany(at, items.length, max)] : items.flatMap((item, i) => check(`${at}[${i}]`, item));
}

/** As `checkItems`, of items that differ in their key. */
export function checkSet<T>(
  at: string,
  items: readonly T[] = [],
  max: number,
  keyOf: (item: T) => string,
  check: (at: string, item: T) => FieldError[],
): FieldError[] {
  const errors = checkItems(at, items, max, check);
  if (items.length > max) return errors;
  const keys = items.map(keyOf);
  return [...errors, ...keys.flatMap((key, i) => (keys.indexOf(key) < i ? [duplicate(`${at}[${i}]`, key)] : []))];
}

export const checkLabelName = (field: string, name: string): FieldError[] =>
  name ? invalids(field, name, isDns1123Label(name)) : [required(field)];

export function checkDriverName(field: string, name: string): FieldError[] {
  if (!name) return [required(field)];
  return [...checkLength(field, name, MAX_DRIVER_NAME_bytes), ...invalids(field, name, isDns1123Subdomain(name))];
}

/** One or more DNS subdomains, joined by slashes. */
export function checkPoolName(field: string, name: string): FieldError[] {
  if (!name) return [required(field)];
  return [
    ...checkLength(field, name, MAX_POOL_NAME_bytes),
    ...name.split('/').flatMap((part) => invalids(field, part, isDns1123Subdomain(part))),
  ];
}

/** `name` or `domain/name`, the name as C would have it. */
export function checkQualifiedName(field: string, name: string): FieldError[] {
  const [domain, id] = name.includes('/') ? [name.slice(0, name.indexOf('/')), name.slice(name.indexOf('/') + 1)] : [undefined, name];
  const errors: FieldError[] = [];
  if (domain === '') errors.push(invalid(field, '', 'the domain must not be empty'));
  else if (domain !== undefined) errors.push(...checkDriverName(field, domain));
  if (domain !== undefined && id === '') return [...errors, invalid(field, '', 'the name must not be empty')];
  if (Buffer.byteLength(id) > MAX_ID_bytes) errors.push(tooLong(field, MAX_ID_bytes));
  return [...errors, ...invalids(field, id, isCIdentifier(id))];
}

export function checkFullyQualifiedName(field: string, name: string): FieldError[] {
  const why = 'a fully qualified name must be a domain and a name separated by a slash';
  return [...checkQualifiedName(field, name), ...(name.includes('/') ? [] : [invalid(field, name, why)])];
}

export function validateSelectors(at: string, selectors: readonly DeviceSelector[] | undefined): FieldError[] {
  return checkItems(at, selectors, MAX_SELECTORS, (field, { cel }) =>
    cel ? checkLength(`${field}.cel.expression`, cel.expression, MAX_EXPRESSION_bytes) : [required(`${field}.cel`)],
  );
}

export function validateConfiguration(at: string, { opaque }: DeviceConfiguration): FieldError[] {
  if (!opaque) return [required(`${at}.opaque`)];
  const field = `${at}.opaque.parameters`;
  const { parameters } = opaque as { readonly parameters?: unknown };
  const errors = checkDriverName(`${at}.opaque.driver`, opaque.driver);
  if (parameters === undefined || parameters === null) return [...errors, required(field)];
  if (typeof parameters !== 'object' || Array.isArray(parameters)) {
    return [...errors, invalid(field, '<value omitted>', 'must be a valid JSON object')];
  }
  return [...errors, ...checkLength(field, JSON.stringify(parameters), MAX_PARAMETERS_bytes)];
}
