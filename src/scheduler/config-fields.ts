// Reading a configuration file field by field: types, bounds and defaults; everything that is wrong is gathered, each with its path. Pure.
import { type FieldError, invalid, notSupported, typeInvalid } from '../apimachinery/field.js';
import { isJsonObject, type Json } from '../apimachinery/json.js';

export interface Reading {
  readonly errors: FieldError[];
  /** Paths of fields that nothing knows. */
  readonly unknown: string[];
}

/** What a field says, or stands for where it is left out; what is wrong goes to `reading`, and the default is returned. */
export type Reader<T> = (value: Json | undefined, path: string, reading: Reading) => T;

type ValueOf<R> = R extends Reader<infer T> ? T : never;

const typeOf = (value: Json): string =>
  Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value === 'object' ? 'object' : typeof value;

function ofType<T>(wanted: string, initial: T, is: (value: Json) => boolean): Reader<T> {
  return (value, path, { errors }) => {
    if (value === undefined || value === null) return initial;
    if (is(value)) return value as T;
    errors.push(typeInvalid(path, typeOf(value), `must be of type ${wanted}: ${JSON.stringify(typeOf(value))}`));
    return initial;
  };
}

export const bool = (initial: boolean): Reader<boolean> => ofType('boolean', initial, (value) => typeof value === 'boolean');
export const text = (initial = ''): Reader<string> => ofType('string', initial, (value) => typeof value === 'string');
/** Taken as it is. */
export const anything: Reader<Json | undefined> = (value) => value;

export interface Bounds {
  readonly min: number;
  readonly max?: number;
  /** In upstream's words, which differ from field to field. */
  readonly otherwise: string;
}

export function int<T extends number | undefined = number>(initial: T, bounds?: Bounds): Reader<T> {
  const read = ofType<T>('integer', initial, Number.isInteger);
  return (value, path, reading) => {
    const number = read(value, path, reading);
    if (bounds && number !== undefined && (number < bounds.min || number > (bounds.max ?? Number.POSITIVE_INFINITY))) {
      reading.errors.push(invalid(path, number, bounds.otherwise));
    }
    return number;
  };
}

export function oneOf<const T extends string>(values: readonly T[], initial: NoInfer<T>): Reader<T> {
  return (value, path, reading) => {
    const given = text(initial)(value, path, reading);
    const known = values.find((one) => one === given);
    if (known === undefined) reading.errors.push(notSupported(path, given, values));
    return known ?? initial;
  };
}

export function listOf<T>(each: Reader<T>, initial: readonly T[] = []): Reader<readonly T[]> {
  const read = ofType<readonly Json[] | undefined>('array', undefined, Array.isArray);
  return (value, path, reading) => read(value, path, reading)?.map((one, i) => each(one, `${path}[${i}]`, reading)) ?? initial;
}

type Values<F extends { readonly [name: string]: Reader<unknown> }> = { readonly [K in keyof F]: ValueOf<F[K]> };

/** An object with these fields and no others. */
export function object<F extends { readonly [name: string]: Reader<unknown> }>(fields: F): Reader<Values<F>> {
  return (value, path, reading) => {
    const given = isJsonObject(value) ? value : {};
    if (value !== undefined && value !== null && !isJsonObject(value)) {
      reading.errors.push(typeInvalid(path, typeOf(value), `must be of type object: ${JSON.stringify(typeOf(value))}`));
    }
    const at = (name: string) => (path ? `${path}.${name}` : name);
    for (const name of Object.keys(given)) if (!Object.hasOwn(fields, name)) reading.unknown.push(at(name));
    return Object.fromEntries(Object.entries(fields).map(([name, read]) => [name, read(given[name], at(name), reading)])) as Values<F>;
  };
}

/** undefined where it is left out. */
export const optional =
  <T>(read: Reader<T>): Reader<T | undefined> =>
  (value, path, reading) =>
    value === undefined || value === null ? undefined : read(value, path, reading);

/** Looks at what was read: `errors` says what is wrong with it as a whole. */
export const checked =
  <T>(read: Reader<T>, check: (value: T, path: string) => readonly FieldError[]): Reader<T> =>
  (value, path, reading) => {
    const before = reading.errors.length;
    const result = read(value, path, reading);
    if (reading.errors.length === before) reading.errors.push(...check(result, path));
    return result;
  };
