// jsonSchemaOf: a built-in type as the JSON schema that its field facts come to, for whoever checks expressions about its objects.
import type { Field, ObjectSchema } from '../apimachinery/schema.js';
import type { JsonSchema } from '../apimachinery/structural/schema.js';

const ANYTHING: JsonSchema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
const STRING: JsonSchema = { type: 'string' };
const INTEGER: JsonSchema = { type: 'integer' };
const TIME: JsonSchema = { type: 'string', format: 'date-time' };
const EITHER: JsonSchema = { 'x-kubernetes-int-or-string': true };
const SCALARS: { readonly [type: string]: JsonSchema } = {
  string: STRING,
  bool: { type: 'boolean' },
  int32: INTEGER,
  int64: INTEGER,
  byte: INTEGER,
  double: { type: 'number' },
  bytes: { type: 'string', format: 'byte' },
  Quantity: EITHER,
  IntOrString: EITHER,
  Time: TIME,
  MicroTime: TIME,
  Duration: STRING,
};

const made = new WeakMap<ObjectSchema, JsonSchema>();

/** Of a type that refers to itself nothing is said where it does. */
export function jsonSchemaOf(schema: ObjectSchema): JsonSchema {
  const known = made.get(schema);
  if (known) return known;
  if (schema.bare) return ANYTHING;
  made.set(schema, ANYTHING);
  const properties = Object.fromEntries([...schema.fields.values()].map((field) => [field.name, fieldSchema(field)]));
  const whole: JsonSchema = { type: 'object', properties };
  made.set(schema, whole);
  return whole;
}

function fieldSchema(field: Field): JsonSchema {
  const item = field.object ? jsonSchemaOf(field.object) : (SCALARS[field.type] ?? ANYTHING);
  const inner = field.itemOf ? collection(field.itemOf, item) : item;
  return field.of ? collection(field.of, inner) : inner;
}

const collection = (of: 'list' | 'map', item: JsonSchema): JsonSchema =>
  of === 'list' ? { type: 'array', items: item } : { type: 'object', additionalProperties: item };

/** A kind's own schema with what every object has. */
export function objectSchema(own: JsonSchema, metadata: ObjectSchema): JsonSchema {
  const properties = { ...own.properties, apiVersion: STRING, kind: STRING, metadata: jsonSchemaOf(metadata) };
  return { ...own, type: 'object', properties };
}
