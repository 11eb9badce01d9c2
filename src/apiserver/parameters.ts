// Query parameters that several verbs share: dryRun, fieldManager, fieldValidation, resourceVersion, and numbers.
import { type FieldError, forbidden, invalid, notSupported, required, tooLong } from '../apimachinery/field.js';
import { badRequest, invalidObject } from '../apimachinery/status.js';
import { MANAGER_MAX_BYTES, NOT_PRINTABLE } from './managed-fields.js';
import { isTrue } from './request.js';

export type FieldValidation = 'Ignore' | 'Warn' | 'Strict';
const FIELD_VALIDATIONS: readonly FieldValidation[] = ['Ignore', 'Strict', 'Warn'];

export type WriteOptionsKind = 'CreateOptions' | 'UpdateOptions' | 'PatchOptions';

export interface WriteOptions {
  /** To go through everything but the store. */
  readonly dryRun: boolean;
  /** Take fields from whoever manages them: of an apply only. */
  readonly force: boolean;
}

const NO_OPTIONS: WriteOptions = { dryRun: false, force: false };

/** Throws 422 with all that is wrong with the options of a write. */
export function writeOptions(query: URLSearchParams, kind: WriteOptionsKind, isApply = false): WriteOptions {
  if (query.size === 0 && !isApply) return NO_OPTIONS;
  const dryRun = query.getAll('dryRun');
  const errors = [
    ...(kind === 'PatchOptions' && !isApply && query.has('force') ? [forbidden('force', 'may not be specified for non-apply patch')] : []),
    ...(isApply && !query.get('fieldManager') ? [required('fieldManager', 'is required for apply patch')] : []),
    ...fieldManagerErrors(query.get('fieldManager') ?? ''),
    ...dryRunErrors(dryRun),
    ...fieldValidationErrors(query.get('fieldValidation') ?? ''),
  ];
  if (errors.length > 0) throw invalidObject('meta.k8s.io', kind, '', errors);
  return { dryRun: dryRun.length > 0, force: isTrue(query.get('force')) };
}

/** Whether to go through everything but the store. Throws 422 for anything but `All`. */
export function isDryRun(values: readonly string[], optionsKind: string): boolean {
  const errors = dryRunErrors(values);
  if (errors.length > 0) throw invalidObject('meta.k8s.io', optionsKind, '', errors);
  return values.length > 0;
}

const dryRunErrors = (values: readonly string[]): FieldError[] =>
  values.every((value) => value === 'All') ? [] : [notSupported('dryRun', [...values], ['All'])];

function fieldManagerErrors(manager: string): FieldError[] {
  const errors = Buffer.byteLength(manager) > MANAGER_MAX_BYTES ? [tooLong('fieldManager', MANAGER_MAX_BYTES)] : [];
  for (const { 0: c, index } of manager.matchAll(NOT_PRINTABLE)) {
    errors.push(
      invalid(
        'fieldManager',
        manager,
        `invalid character U+${c.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')} (at position ${index})`,
      ),
    );
  }
  return errors;
}

const fieldValidationErrors = (value: string): FieldError[] =>
  value === '' || FIELD_VALIDATIONS.some((each) => each === value) ? [] : [notSupported('fieldValidation', value, FIELD_VALIDATIONS)];

/** What to do about fields that the kind does not have; `Warn` unless the client says otherwise. Throws 422. */
export function fieldValidation(query: URLSearchParams, optionsKind: string): FieldValidation {
  const value = query.get('fieldValidation') ?? '';
  const errors = fieldValidationErrors(value);
  if (errors.length > 0) throw invalidObject('meta.k8s.io', optionsKind, '', errors);
  return value === '' ? 'Warn' : (value as FieldValidation);
}

/** Throws 422 with all that is wrong with the options of a list or, where `isWatch`, a watch. */
export function checkListOptions(query: URLSearchParams, isWatch = false): void {
  const [match, version] = [query.get('resourceVersionMatch') ?? '', query.get('resourceVersion') ?? ''];
  const initialEvents = query.has('sendInitialEvents');
  const errors: FieldError[] = [];
  const forbid = (field: string, why: string) => errors.push(forbidden(field, why));
  const forbidMatch = (why: string) => forbid('resourceVersionMatch', why);
  if (isWatch && initialEvents && match !== NOT_OLDER)
    forbidMatch(`sendInitialEvents requires setting resourceVersionMatch to ${NOT_OLDER}`);
  if (match !== '') {
    if (isWatch && !initialEvents) forbidMatch('resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided');
    if (!isWatch && version === '') forbidMatch('resourceVersionMatch is forbidden unless resourceVersion is provided');
    if (query.get('continue')) forbidMatch('resourceVersionMatch is forbidden when continue is provided');
    const supported = isWatch ? [NOT_OLDER] : [EXACT, NOT_OLDER];
    if (!supported.includes(match)) errors.push(notSupported('resourceVersionMatch', match, supported));
    if (!isWatch && match === EXACT && version === '0') forbidMatch('resourceVersionMatch "exact" is forbidden for resourceVersion "0"');
  }
  if (!isWatch && initialEvents) forbid('sendInitialEvents', 'sendInitialEvents is forbidden for list');
  if (errors.length > 0) throw invalidObject('meta.k8s.io', 'ListOptions', '', errors);
}

const [EXACT, NOT_OLDER] = ['Exact', 'NotOlderThan'];

/** A resourceVersion as the revision it is; undefined if unset. Throws 400. */
export function revisionOf(text: string | null): number | undefined {
  if (text === null || text === '') return undefined;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw badRequest(
    `resourceVersion: Invalid value: ${JSON.stringify(text)}: strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`,
  );
}

/** A whole number, 0 if it is less; undefined if unset. Throws 400. */
export function countOf(query: URLSearchParams, parameter: string): number | undefined {
  const text = query.get(parameter);
  return text === null || text === '' ? undefined : Math.max(0, integerOf(text));
}

/** Throws 400. */
export function integerOf(text: string): number {
  if (/^-?\d{1,15}$/.test(text)) return Number(text);
  throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
}
