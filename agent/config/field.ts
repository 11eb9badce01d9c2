// Fields of a configuration file: how each is read and checked, what it is where it is left out, and how a flag's text stands for it.
import { isIP } from 'node:net';
import { formatDuration, parseDuration_ms } from '../../src/apimachinery/duration.js';
import { isJsonObject, type Json, type JsonObject } from '../../src/apimachinery/json.js';
import { parseQuantity } from '../../src/apimachinery/quantity.js';

/** Says which field is wrong and why, for a person to put right. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
}

export interface Field<T> {
  /** Where the file does not have it. */
  readonly initial: T;
  /** Throws a ConfigurationError that begins with `path`. */
  read(value: Json, path: string): T;
  /** As a file has it. */
  write(value: T): Json;
  /** A flag's text as the file's value. */
  fromText(text: string): Json;
  /** The flag that sets it, where that is not the name with hyphens; null: none. */
  readonly flag?: string | null;
  /** For `--help`; without it the flag is not shown there. */
  readonly about?: string;
  /** Of a group. */
  readonly fields?: Fields;
}

// biome-ignore lint/suspicious/noExplicitAny: each field has a type of its own, which only its group knows
export type Fields = { readonly [name: string]: Field<any> };
/** What a group of fields is read to. */
export type ValueOf<F> = F extends Field<infer T> ? T : never;
type ValuesOf<F extends Fields> = { readonly [K in keyof F]: ValueOf<F[K]> };

interface About {
  readonly flag?: string | null;
  readonly about?: string;
}

const wrong = (path: string, problem: string, value: Json): never => {
  throw new ConfigurationError(`${path}: ${problem}, not ${JSON.stringify(value)}`);
};

const asNumber = (text: string): Json => (/^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text);
const asList = (text: string): Json => text.split(',').filter((part) => part !== '');

export function bool(initial: boolean, about: About = {}): Field<boolean> {
  return {
    ...about,
    initial,
    read: (value, path) => (typeof value === 'boolean' ? value : wrong(path, 'must be true or false', value)),
    write: (value) => value,
    fromText: (text) => (text === 'true' || text === 'false' ? text === 'true' : text),
  };
}

interface NumberRules extends About {
  readonly min?: number;
  readonly max?: number;
  /** Upstream has a plain number where a 0 cannot be told from a field that was left out. */
  readonly zeroIsUnset?: boolean;
}

export function int(initial: number, { min = 0, max = 2 ** 31 - 1, zeroIsUnset = false, ...about }: NumberRules = {}): Field<number> {
  return {
    ...about,
    initial,
    read(value, path) {
      if (value === 0 && zeroIsUnset) return initial;
      if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
      return wrong(path, `must be a whole number from ${min} to ${max}`, value);
    },
    write: (value) => value,
    fromText: asNumber,
  };
}

/** An empty text is one that was left out. */
export function text(initial = '', about: About = {}): Field<string> {
  return {
    ...about,
    initial,
    read: (value, path) => (typeof value === 'string' ? value || initial : wrong(path, 'must be a text', value)),
    write: (value) => value,
    fromText: (given) => given,
  };
}

export function address(initial: string, about: About = {}): Field<string> {
  return {
    ...text(initial, about),
    read(value, path) {
      if (value === '') return initial;
      return typeof value === 'string' && isIP(value) !== 0 ? value : wrong(path, 'must be an IP address', value);
    },
  };
}

export function oneOf<const T extends string>(values: readonly T[], initial: NoInfer<T>, about: About = {}): Field<T> {
  return {
    ...about,
    initial,
    read(value, path) {
      if (value === '') return initial;
      return values.find((one) => one === value) ?? wrong(path, `must be ${values.map((one) => JSON.stringify(one)).join(' or ')}`, value);
    },
    write: (value) => value,
    fromText: (given) => given,
  };
}

export function list(initial: readonly string[], about: About & { readonly each?: Field<string> } = {}): Field<readonly string[]> {
  const { each = text(), ...rest } = about;
  return {
    ...rest,
    initial,
    read: (value, path) =>
      Array.isArray(value)
        ? (value as readonly Json[]).map((one, index) => each.read(one, `${path}[${index}]`))
        : wrong(path, 'must be a list', value),
    write: (value) => value,
    fromText: asList,
  };
}

/** Objects, of which a flag can say nothing. */
export function listOf<T>(each: Field<T>): Field<readonly T[]> {
  return {
    initial: [],
    read: (value, path) =>
      Array.isArray(value)
        ? (value as readonly Json[]).map((one, index) => each.read(one, `${path}[${index}]`))
        : wrong(path, 'must be a list', value),
    write: (value) => value.map((one) => each.write(one)),
    fromText: (given) => given,
  };
}

type TextMap = { readonly [key: string]: string };

/** `separator` is what stands between key and value in a flag. */
export function map(initial: TextMap, { separator = '=', ...about }: About & { readonly separator?: string } = {}): Field<TextMap> {
  return {
    ...about,
    initial,
    read(value, path) {
      if (!isJsonObject(value)) return wrong(path, 'must be a map', value);
      const each = Object.entries(value).find(([, one]) => typeof one !== 'string');
      return each ? wrong(`${path}.${each[0]}`, 'must be a text', each[1]!) : (value as TextMap);
    },
    write: (value) => value,
    fromText(given) {
      const pairs = given.split(',').filter((part) => part !== '');
      if (pairs.some((pair) => pair.indexOf(separator) < 1)) return given;
      return Object.fromEntries(
        pairs.map((pair) => {
          const at = pair.indexOf(separator);
          return [pair.slice(0, at), pair.slice(at + separator.length)];
        }),
      );
    },
  };
}

/** In milliseconds. A duration of 0 is one that was left out, as upstream's. */
export function duration(initial_ms: number, about: About = {}): Field<number> {
  return {
    ...about,
    initial: initial_ms,
    read(value, path) {
      const ms = typeof value === 'string' ? parseDuration_ms(value) : undefined;
      return (ms ?? wrong(path, 'must be a duration such as 10s or 1m30s', value)) || initial_ms;
    },
    write: formatDuration,
    fromText: (given) => given,
  };
}

/** Kept as it is written; whoever uses it parses it. */
export function quantity(initial: string, about: About = {}): Field<string> {
  return {
    ...text(initial, about),
    read(value, path) {
      if (value === '') return initial;
      try {
        parseQuantity(value as string);
        return String(value);
      } catch {
        return wrong(path, 'must be a quantity such as 10Mi', value);
      }
    },
  };
}

/**
 * What this node does in one way only: the file may say so, and anything else is refused by name rather than ignored. Zero values
 * are those of a field that was left out.
 */
export function fixed<T extends Json>(...values: readonly [T, ...Json[]]): Field<T> {
  const [initial] = values;
  return {
    initial,
    read(value, path) {
      if (isUnset(value) || values.some((one) => JSON.stringify(one) === JSON.stringify(value))) return initial;
      const only = values.map((one) => JSON.stringify(one)).join(' or ');
      throw new ConfigurationError(`${path}: ${JSON.stringify(value)} is not supported by this node, only ${only}`);
    },
    write: (value) => value,
    fromText(given) {
      if (typeof initial === 'number') return asNumber(given);
      if (typeof initial === 'boolean' && /^(true|false)$/.test(given)) return given === 'true';
      return Array.isArray(initial) ? asList(given) : given;
    },
  };
}

const ZEROS: readonly unknown[] = [undefined, '', '0', '0s', 0];
const isUnset = (value: Json | undefined): boolean =>
  ZEROS.includes(value) || (typeof value === 'object' && value !== null && Object.values(value).every(isUnset));

export function group<F extends Fields>(fields: F): Field<ValuesOf<F>> {
  const entries = Object.entries(fields);
  const withEach = <V>(each: (name: string, field: Fields[string]) => V) =>
    Object.fromEntries(entries.map(([name, field]) => [name, each(name, field)]));
  return {
    fields,
    flag: null,
    initial: withEach((_name, { initial }) => initial as unknown) as ValuesOf<F>,
    read(value, path) {
      if (!isJsonObject(value)) return wrong(path || 'the configuration', 'must be a map', value);
      const at = (name: string) => (path ? `${path}.${name}` : name);
      const unknown = Object.keys(value).find((name) => !Object.hasOwn(fields, name));
      if (unknown !== undefined) throw new ConfigurationError(`unknown field "${at(unknown)}"`);
      return withEach((name, field) => {
        const given = value[name];
        return given === undefined || given === null ? field.initial : field.read(given, at(name));
      }) as ValuesOf<F>;
    },
    write: (value) => withEach((name, field) => field.write(value[name])),
    fromText: (given) => given,
  };
}

/** What was given by flags, laid over what the file has. Groups are joined, anything else is replaced. */
export function overlay(fields: Fields, below: JsonObject, above: JsonObject): JsonObject {
  const joined: { [name: string]: Json | undefined } = { ...below };
  for (const [name, value] of Object.entries(above)) {
    const inner = fields[name]?.fields;
    const old = joined[name];
    joined[name] = inner && isJsonObject(old) && isJsonObject(value) ? overlay(inner, old, value) : value;
  }
  return joined;
}
