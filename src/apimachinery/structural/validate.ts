// validateValue: all that is wrong with a value by its structural schema, in the words of upstream's schema validator.
import { isDeepStrictEqual } from 'node:util';
import { type FieldError, invalid, notSupported, required, tooLong, tooMany, typeInvalid } from '../field.js';
import { isJsonObject, type Json, type JsonObject } from '../json.js';
import { compileRegexp } from '../regexp.js';
import { oldItems, oldMember } from './correlate.js';
import { formatCheck } from './formats.js';
import { itemsOf, type JsonSchema, propertyOf, valuesOf } from './schema.js';

/** More than anyone reads; a list of a million bad items must not become a message of a million lines. */
export const MAX_ERRORS = 1000;

/**
 * `old` is the value before an update, undefined where there is none: what was wrong already, and is as it was, is let be.
 * `at` is the value's path; empty for a whole object.
 */
export function validateValue(value: Json, schema: JsonSchema, old?: Json, at = ''): readonly FieldError[] {
  return check({ value, schema, old, at }).errors;
}

interface Place {
  readonly value: Json;
  readonly schema: JsonSchema;
  readonly old: Json | undefined;
  readonly at: string;
}

/** As upstream, of several alternatives that fail the one with the most matches is told about. */
class Result {
  readonly errors: FieldError[] = [];
  matches = 0;

  add(...errors: readonly FieldError[]): void {
    for (const error of errors) if (this.errors.length < MAX_ERRORS) this.errors.push(error);
  }

  merge({ errors, matches }: Result): void {
    this.add(...errors);
    this.matches += matches;
  }
}

/** Of the parts of a value, which are compared with what they were. */
function checkPart(place: Place): Result {
  const result = check(place);
  if (result.errors.length === 0 || place.old === undefined || !isDeepStrictEqual(place.value, place.old)) return result;
  const unchanged = new Result();
  unchanged.matches = result.matches;
  return unchanged;
}

function check(place: Place): Result {
  const { value, schema } = place;
  const result = new Result();
  const typeError = checkType(place);
  if (typeError) result.add(typeError);
  else result.matches++;
  if (value !== null) {
    checkAlternatives(place, result);
    if (typeof value === 'string') checkString(value, place, result);
    else if (typeof value === 'number') checkNumber(value, place, result);
    else if (Array.isArray(value)) checkList(value, place, result);
  }
  if (schema.enum && !schema.enum.some((allowed) => isDeepStrictEqual(allowed, value))) {
    const values = schema.enum.map((each) => (typeof each === 'string' ? each : JSON.stringify(each)));
    result.add(notSupported(pathOf(place), value, values));
  } else result.matches++;
  if (isJsonObject(value)) checkObject(value, place, result);
  return result;
}

/** Upstream has no name for the object itself. */
const pathOf = ({ at }: Place) => at || '<nil>';
const says = ({ at }: Place, what: string) => `${at} in body ${what}`;

export function typesOf({ type, 'x-kubernetes-int-or-string': intOrString }: JsonSchema): readonly string[] {
  if (intOrString) return ['integer', 'string'];
  return type ? [type] : [];
}

function typeOf(value: Json): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
}

function checkType(place: Place): FieldError | undefined {
  const { value, schema } = place;
  const types = typesOf(schema);
  if (types.length === 0) return undefined;
  const type = typeOf(value);
  if (type === 'null' && schema.nullable) return undefined;
  if (types.includes(type) || (type === 'integer' && types.includes('number'))) return undefined;
  return typeInvalid(pathOf(place), type, says(place, `must be of type ${types.join(',')}: "${type}"`));
}

function checkAlternatives(place: Place, result: Result): void {
  const { schema } = place;
  const tryAll = (schemas: readonly JsonSchema[]) => schemas.map((each) => check({ ...place, schema: each }));
  const composite = (what: string) => invalid('<nil>', '', `${JSON.stringify(place.at)} ${what}`);
  if (schema.anyOf?.length) {
    const tried = tryAll(schema.anyOf);
    const fit = tried.find(isValid);
    if (!fit) result.add(composite('must validate at least one schema (anyOf)'));
    result.merge(fit ?? best(tried));
  }
  if (schema.oneOf?.length) {
    const tried = tryAll(schema.oneOf);
    const fit = tried.filter(isValid);
    const found = fit.length === 0 ? 'none valid' : `${fit.length} valid alternatives`;
    if (fit.length !== 1) result.add(composite(`must validate one and only one schema (oneOf). Found ${found}`));
    if (fit.length === 0) result.merge(best(tried));
    if (fit.length === 1) result.merge(fit[0]!);
  }
  if (schema.allOf?.length) {
    const tried = tryAll(schema.allOf);
    for (const each of tried) result.merge(each);
    const fit = tried.filter(isValid).length;
    if (fit < tried.length) result.add(composite(`must validate all the schemas (allOf)${fit === 0 ? '. None validated' : ''}`));
  }
  if (schema.not && isValid(check({ ...place, schema: schema.not }))) result.add(composite('must not validate the schema (not)'));
  result.matches++;
}

const isValid = ({ errors }: Result) => errors.length === 0;
const best = (failed: readonly Result[]) => failed.reduce((a, b) => (b.matches > a.matches ? b : a));

function checkString(value: string, place: Place, result: Result): void {
  const { maxLength, minLength, pattern, format } = place.schema;
  // Most are far shorter than any bound, however their characters are counted.
  const length = () => [...value].length;
  if (maxLength !== undefined && value.length > maxLength && length() > maxLength) result.add(tooLong(pathOf(place), maxLength));
  else if (minLength !== undefined && length() < minLength) {
    result.add(invalid(pathOf(place), value, says(place, `should be at least ${minLength} chars long`)));
  } else if (pattern && !compileRegexp(pattern).matches(value)) {
    result.add(invalid(pathOf(place), value, says(place, `should match '${pattern}'`)));
  } else result.matches++;
  const formats = place.schema.type === undefined || place.schema.type === 'string';
  if (format && formats && formatCheck(format)?.(value) === false) {
    result.add(typeInvalid(pathOf(place), value, says(place, `must be of type ${format}: ${JSON.stringify(value)}`)));
  }
}

const INT32 = 2 ** 31;
const INT64 = 2 ** 63;

function checkNumber(value: number, place: Place, result: Result): void {
  const { schema } = place;
  const { multipleOf, maximum, exclusiveMaximum, minimum, exclusiveMinimum } = schema;
  const bad = (what: string) => result.add(invalid(pathOf(place), value, says(place, what)));
  const range = rangeError(value, schema);
  if (range) result.add(invalid('<nil>', '', `${range} in ${place.at}`));
  if (multipleOf !== undefined && !Number.isInteger(value / multipleOf)) bad(`should be a multiple of ${multipleOf}`);
  if (minimum !== undefined && (exclusiveMinimum ? value <= minimum : value < minimum)) {
    bad(`should be greater than ${exclusiveMinimum ? '' : 'or equal to '}${minimum}`);
  }
  if (maximum !== undefined && (exclusiveMaximum ? value >= maximum : value > maximum)) {
    bad(`should be less than ${exclusiveMaximum ? '' : 'or equal to '}${maximum}`);
  }
  result.matches++;
}

function rangeError(value: number, { type, format }: JsonSchema): string | undefined {
  if (type === 'integer') {
    const limit = format === 'int32' ? INT32 : INT64;
    const shown = format === 'int32' || format === 'int64' ? `with format ${format}` : '(default format)';
    return value >= -limit && value < limit ? undefined : `Checked value must be of type integer ${shown}`;
  }
  if (type !== 'number' || format !== 'float' || Number.isFinite(Math.fround(value))) return undefined;
  return 'Checked value must be of type number with format float';
}

function checkList(list: readonly Json[], place: Place, result: Result): void {
  const { schema, old, at } = place;
  const items = itemsOf(schema);
  if (items) {
    const before = oldItems(schema, list, old);
    for (const [index, value] of list.entries()) {
      if (result.errors.length >= MAX_ERRORS) break;
      result.merge(checkPart({ value, schema: items, old: before?.[index], at: `${at}[${index}]` }));
    }
  }
  const { minItems, maxItems } = schema;
  if (minItems !== undefined && list.length < minItems) {
    result.add(invalid(pathOf(place), list.length, says(place, `should have at least ${minItems} items`)));
  }
  if (maxItems !== undefined && list.length > maxItems) result.add(tooMany(pathOf(place), list.length, maxItems));
  result.matches++;
}

function checkObject(object: JsonObject, place: Place, result: Result): void {
  const { schema, old, at } = place;
  const { minProperties, maxProperties, additionalProperties } = schema;
  const keys = Object.keys(object);
  if (minProperties !== undefined && keys.length < minProperties) {
    result.add(invalid(pathOf(place), keys.length, says(place, `should have at least ${minProperties} properties`)));
  }
  if (maxProperties !== undefined && keys.length > maxProperties) result.add(tooMany(pathOf(place), keys.length, maxProperties));
  const values = valuesOf(schema);
  for (const key of keys) {
    if (result.errors.length >= MAX_ERRORS) return;
    const property = propertyOf(schema, key);
    const path = at ? `${at}.${key}` : key;
    if (property ?? values) {
      result.merge(checkPart({ value: object[key]!, schema: (property ?? values)!, old: oldMember(schema, old, key), at: path }));
    } else if (additionalProperties === false) {
      result.add(invalid(pathOf(place), key, `${at}.${key} in body is a forbidden property`));
    }
  }
  for (const name of schema.required ?? []) if (!Object.hasOwn(object, name)) result.add(required(at ? `${at}.${name}` : name));
}
