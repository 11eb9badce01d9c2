// A structural schema as a type of CEL, and values of it as CEL has them.
import type { CelEnvironment } from '../../cel/environment.js';
import { celValue } from '../../cel/values.js';
import { isJsonObject, type Json } from '../../json.js';
import { itemsOf, type JsonSchema, valuesOf } from '../schema.js';

export interface CelType {
  /** `int`, `list<string>`, or the name of a type that was declared in the environment. */
  readonly name: string;
  toCel(value: Json): unknown;
}

const DYN: CelType = { name: 'dyn', toCel: celValue };
const same = (name: string): CelType => ({ name, toCel: (value) => value });
const SCALARS: { readonly [type: string]: CelType } = {
  string: same('string'),
  boolean: same('bool'),
  integer: { name: 'int', toCel: (value) => (typeof value === 'number' ? BigInt(Math.trunc(value)) : value) },
  number: same('double'),
};

/** Declares the types of a schema in an environment, each once. */
export class CelTypes {
  readonly #types = new Map<JsonSchema, CelType>();
  #count = 0;

  constructor(private readonly environment: CelEnvironment) {}

  /** `whole`: of an object with apiVersion, kind and metadata, whatever its schema says. */
  of(schema: JsonSchema, whole = false): CelType {
    const known = this.#types.get(schema);
    if (known) return known;
    const type = this.#make(schema, whole || schema['x-kubernetes-embedded-resource'] === true);
    this.#types.set(schema, type);
    return type;
  }

  #make(schema: JsonSchema, whole: boolean): CelType {
    // A null fits no other type.
    if (schema.nullable || schema['x-kubernetes-int-or-string']) return DYN;
    switch (schema.type) {
      case 'array':
        return this.#list(schema);
      case 'object':
        return this.#object(schema, whole);
      case 'string':
        return this.#string(schema.format);
      default:
        return SCALARS[schema.type ?? ''] ?? DYN;
    }
  }

  #list(schema: JsonSchema): CelType {
    const items = itemsOf(schema);
    const item = items ? this.of(items) : DYN;
    return { name: `list<${item.name}>`, toCel: (value) => (Array.isArray(value) ? value.map(item.toCel) : value) };
  }

  #object(schema: JsonSchema, whole: boolean): CelType {
    const values = valuesOf(schema);
    if (values) return this.#map(this.of(values));
    const properties = { ...(whole ? WHOLE : {}), ...schema.properties, ...(whole ? { metadata: METADATA } : {}) };
    if (Object.keys(properties).length === 0) return schema['x-kubernetes-preserve-unknown-fields'] ? DYN : this.#map(DYN);
    return this.#message(properties);
  }

  #map(value: CelType): CelType {
    const toCel = (object: Json) => {
      if (!isJsonObject(object)) return object;
      return Object.fromEntries(Object.entries(object).map(([key, member]) => [key, value.toCel(member!)]));
    };
    return { name: `map<string, ${value.name}>`, toCel };
  }

  #message(properties: { readonly [name: string]: JsonSchema }): CelType {
    const fields = new Map<string, { readonly field: string; readonly type: CelType }>();
    for (const [name, property] of Object.entries(properties)) {
      const field = celName(name);
      if (field) fields.set(name, { field, type: this.of(property) });
    }
    const name = `Object${++this.#count}`;
    const declared = Object.fromEntries([...fields.values()].map(({ field, type }) => [field, type.name]));
    const make = this.environment.message(name, declared);
    const toCel = (value: Json) => {
      if (!isJsonObject(value)) return value;
      const message = make();
      for (const key of Object.keys(value)) {
        const known = fields.get(key);
        if (known) message[known.field] = known.type.toCel(value[key]!);
      }
      return message;
    };
    return { name, toCel };
  }

  #string(format: string | undefined): CelType {
    switch (format) {
      case 'date':
      case 'date-time':
        return { name: 'google.protobuf.Timestamp', toCel: (value) => new Date(String(value)) };
      case 'duration':
        return { name: 'google.protobuf.Duration', toCel: (value) => this.environment.duration(String(value)) };
      case 'byte':
        return { name: 'bytes', toCel: (value) => new Uint8Array(Buffer.from(String(value), 'base64')) };
      default:
        return SCALARS['string']!;
    }
  }
}

const STRING: JsonSchema = { type: 'string' };
const WHOLE: { readonly [name: string]: JsonSchema } = { apiVersion: STRING, kind: STRING };
/** As upstream, rules may speak of names only. */
const METADATA: JsonSchema = { type: 'object', properties: { name: STRING, generateName: STRING } };

const RESERVED = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(' '),
);

/** How a rule names a property: characters that are none of an identifier's are spelt out. Undefined for names that cannot be written. */
export function celName(name: string): string | undefined {
  if (RESERVED.has(name)) return `__${name}__`;
  const escaped = name
    .replaceAll('__', '__underscores__')
    .replaceAll('.', '__dot__')
    .replaceAll('-', '__dash__')
    .replaceAll('/', '__slash__');
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(escaped) ? escaped : undefined;
}
