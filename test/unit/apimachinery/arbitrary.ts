// Random objects of a schema, for property tests; and deep freezing, to catch whoever changes what is shared.
import fc from 'fast-check';
import type { Json, JsonObject } from '../../../src/apimachinery/json.js';
import type { Field, ObjectSchema } from '../../../src/apimachinery/schema.js';

const key = fc.stringMatching(/^[a-z]{1,5}$/);
const jsonMap = (value: fc.Arbitrary<Json>): fc.Arbitrary<Json> => fc.dictionary(key, value, { maxKeys: 3, noNullPrototype: true });
const instant = fc.integer({ min: 1, max: 4_000_000_000 }).map((s) => new Date(s * 1000).toISOString().slice(0, 19));

const SCALARS: { readonly [type: string]: fc.Arbitrary<Json> } = {
  string: fc.string({ unit: 'grapheme', maxLength: 6 }),
  bool: fc.boolean(),
  int32: fc.integer(),
  int64: fc.maxSafeInteger(),
  double: fc.double({ noNaN: true, noDefaultInfinity: true }),
  bytes: fc.uint8Array({ maxLength: 9 }).map((b) => Buffer.from(b).toString('base64')),
  Quantity: fc.constantFrom('0', '100m', '2', '1Gi', '0.5', '1024Mi', '3e2', 5),
  IntOrString: fc.oneof(fc.integer(), fc.string({ maxLength: 4 })),
  Time: instant.map((t) => `${t}Z`),
  MicroTime: instant.map((t) => `${t}.123456Z`),
  Duration: fc.integer({ min: 0, max: 100_000 }).map((ms) => `${ms / 1000}s`),
  Raw: fc.record({ kind: fc.string(), list: fc.array(fc.integer()) }),
  JSON: fc.oneof(fc.integer(), fc.string({ maxLength: 4 }), fc.boolean(), fc.record({ list: fc.array(fc.integer(), { maxLength: 2 }) })),
  FieldsV1: jsonMap(fc.constant({})),
};

/** Objects of the schema with some of their fields, down to `depth` levels. */
export function objectOf(schema: ObjectSchema, depth: number): fc.Arbitrary<JsonObject> {
  const fields = [...schema.fields.values()].filter((field) => !field.object || depth > 0);
  return fc
    .subarray(fields, { maxLength: Math.min(8, fields.length) })
    .chain((chosen) =>
      fc.record(Object.fromEntries(chosen.map((field) => [field.name, valueOfField(field, depth)]))),
    ) as fc.Arbitrary<JsonObject>;
}

/** One of a bare type's forms; a list of nothing has no form in protobuf. */
function structOf(schema: ObjectSchema, depth: number): fc.Arbitrary<Json> {
  if (!schema.bare) return objectOf(schema, depth);
  const forms = schema.messageFields.filter(({ of }) => !of);
  return fc.oneof(...forms.map((form) => valueOfField(form, depth)));
}

function valueOfField(field: Field, depth: number): fc.Arbitrary<Json> {
  let value: fc.Arbitrary<Json> = field.object ? structOf(field.object, depth - 1) : SCALARS[field.type]!;
  for (const of of [field.itemOf, field.of]) {
    if (of === 'list') value = fc.array(value, { maxLength: 3 });
    if (of === 'map') value = jsonMap(value);
  }
  return value;
}

export function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const member of Object.values(value)) deepFreeze(member);
  }
  return value;
}
