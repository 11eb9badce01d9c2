// Small checks that the kinds' validations share: each returns the field errors found, in upstream's words.
import { isIP } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import { type FieldError, invalid, notSupported, required, tooLong } from '../apimachinery/field.js';
import type { Json } from '../apimachinery/json.js';
import { isDns1123Subdomain, isPortName } from '../apimachinery/names.js';
import { parseQuantity } from '../apimachinery/quantity.js';

export const MAX_PORT = 65_535;
export const MAX_INT32 = 2_147_483_647;
/** What etcd takes of one object, and so the limit of a Secret's or ConfigMap's data. */
export const MAX_DATA_bytes = 1024 * 1024;

export const IMMUTABLE = 'field is immutable';

/** The same JSON, whatever the order of keys. */
export const sameJson = (a: unknown, b: unknown): boolean => isDeepStrictEqual(a, b);

/** One Invalid error for each message about one value. */
export const invalids = (field: string, value: Json | undefined, messages: readonly string[]): FieldError[] =>
  messages.map((message) => invalid(field, value, message));

export function checkImmutable(field: string, value: unknown, old: unknown): FieldError[] {
  return sameJson(value, old) ? [] : [invalid(field, value as Json | undefined, IMMUTABLE)];
}

export function checkRange(field: string, value: number | undefined, min: number, max: number): FieldError[] {
  if (value === undefined || (value >= min && value <= max)) return [];
  return [invalid(field, value, `must be between ${min} and ${max}, inclusive`)];
}

export function checkNonNegative(field: string, value: number | undefined): FieldError[] {
  return value === undefined || value >= 0 ? [] : [invalid(field, value, 'must be greater than or equal to 0')];
}

export function checkPort(field: string, value: number | undefined): FieldError[] {
  return checkRange(field, value ?? 0, 1, MAX_PORT);
}

/** One of `supported`; `''` and absent are errors unless `optional`. */
export function checkOneOf(field: string, value: string | undefined, supported: readonly string[], optional = false): FieldError[] {
  if (!value) return optional ? [] : [required(field)];
  return supported.includes(value) ? [] : [notSupported(field, value, supported)];
}

export const PROTOCOLS = ['SCTP', 'TCP', 'UDP'] as const;

/** A port by number or by the name of a container's port, as targetPort and probes have it. */
export function checkPortNumOrName(field: string, port: number | string | undefined): FieldError[] {
  return typeof port === 'string' ? invalids(field, port, isPortName(port)) : checkPort(field, port);
}

export function checkIp(field: string, ip: string | undefined): FieldError[] {
  return ip && isIP(ip) ? [] : [invalid(field, ip ?? '', 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)')];
}

/** Addresses that traffic from other machines could never reach. */
export function checkReachableIp(field: string, ip: string): FieldError[] {
  const errors = checkIp(field, ip);
  if (errors.length > 0) return errors;
  if (ip === '0.0.0.0' || ip === '::') errors.push(invalid(field, ip, 'may not be unspecified (0.0.0.0 or ::)'));
  if (/^127\./.test(ip) || ip === '::1') errors.push(invalid(field, ip, 'may not be in the loopback range (127.0.0.0/8, ::1/128)'));
  if (/^169\.254\./.test(ip) || /^fe[89ab]/i.test(ip))
    errors.push(invalid(field, ip, 'may not be in the link-local range (169.254.0.0/16, fe80::/10)'));
  return errors;
}

/** The quantity's value, or the error that it is none. */
export function readQuantity(field: string, quantity: string | number): { value: number; errors: FieldError[] } {
  try {
    return { value: parseQuantity(quantity), errors: [] };
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'QuantityError') throw error;
    return { value: Number.NaN, errors: [invalid(field, quantity, error.message)] };
  }
}

export function checkNonNegativeQuantity(field: string, quantity: string | number): FieldError[] {
  const { value, errors } = readQuantity(field, quantity);
  return value < 0 ? [invalid(field, String(quantity), 'must be greater than or equal to 0')] : errors;
}

const HTTP_PATH = "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+";
const IS_HTTP_PATH = new RegExp(`^${HTTP_PATH}$`);

/** `example.com/job-controller`, as what acts on an object is named. */
export function checkDomainPrefixedPath(field: string, path: string): FieldError[] {
  if (path === '') return [required(field)];
  const [, host, rest] = /^([^/]+)\/(.+)$/s.exec(path) ?? [];
  if (host === undefined || rest === undefined) {
    return [invalid(field, path, 'must be a domain-prefixed path (such as "acme.io/foo")')];
  }
  const errors = invalids(field, host, isDns1123Subdomain(host));
  if (!IS_HTTP_PATH.test(rest)) errors.push(invalid(field, rest, `Invalid path (regex used for validation is '${HTTP_PATH}')`));
  return errors;
}

export const checkLength = (field: string, text: string, max_bytes: number): FieldError[] =>
  Buffer.byteLength(text) > max_bytes ? [tooLong(field, max_bytes)] : [];

/** A path that cannot lead out of the directory it is taken in. */
export function checkRelativePath(field: string, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (path.startsWith('/')) errors.push(invalid(field, path, 'must be a relative path'));
  if (path.split('/').includes('..')) errors.push(invalid(field, path, "must not contain '..'"));
  return errors;
}
