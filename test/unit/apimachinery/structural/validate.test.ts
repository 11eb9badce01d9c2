import { expect, test } from 'vitest';
import type { Json } from '../../../../src/apimachinery/json.js';
import { validateListTypes } from '../../../../src/apimachinery/structural/list-types.js';
import type { JsonSchema } from '../../../../src/apimachinery/structural/schema.js';
import { validateValue } from '../../../../src/apimachinery/structural/validate.js';

/** As a Status would say it of `spec`. */
function wrong(schema: JsonSchema, value: Json, old?: Json): string[] {
  const whole: JsonSchema = { type: 'object', properties: { spec: schema } };
  const before = old === undefined ? undefined : { spec: old };
  return validateValue({ spec: value }, whole, before).map(({ field, message }) => `${field}: ${message}`);
}

const object = (properties: { [name: string]: JsonSchema }, more: JsonSchema = {}): JsonSchema => ({ type: 'object', properties, ...more });
const body = 'spec in body';

test.each<[JsonSchema, Json, string[]]>([
  [{ type: 'string' }, 'x', []],
  [{ type: 'string' }, 1, [`spec: Invalid value: "integer": ${body} must be of type string: "integer"`]],
  [{ type: 'integer' }, 'x', [`spec: Invalid value: "string": ${body} must be of type integer: "string"`]],
  [{ type: 'integer' }, 1.5, [`spec: Invalid value: "number": ${body} must be of type integer: "number"`]],
  [{ type: 'number' }, 1, []],
  [{ type: 'object' }, [], [`spec: Invalid value: "array": ${body} must be of type object: "array"`]],
  [{ type: 'boolean' }, null, [`spec: Invalid value: "null": ${body} must be of type boolean: "null"`]],
  [{ type: 'boolean', nullable: true }, null, []],
  [{ 'x-kubernetes-int-or-string': true }, '50%', []],
  [{ 'x-kubernetes-int-or-string': true }, 5, []],
  [{ 'x-kubernetes-int-or-string': true }, true, [`spec: Invalid value: "boolean": ${body} must be of type integer,string: "boolean"`]],
  [{ type: 'string', enum: ['a', 'b'] }, 'c', ['spec: Unsupported value: "c": supported values: "a", "b"']],
  [{ type: 'string', maxLength: 3 }, 'four', ['spec: Too long: may not be more than 3 bytes']],
  [{ type: 'string', maxLength: 1 }, '😀', []],
  [{ type: 'string', minLength: 2 }, 'x', [`spec: Invalid value: "x": ${body} should be at least 2 chars long`]],
  [{ type: 'string', pattern: '^a+$' }, 'b', [`spec: Invalid value: "b": ${body} should match '^a+$'`]],
  [{ type: 'integer', maximum: 10 }, 15, [`spec: Invalid value: 15: ${body} should be less than or equal to 10`]],
  [{ type: 'integer', maximum: 10, exclusiveMaximum: true }, 10, [`spec: Invalid value: 10: ${body} should be less than 10`]],
  [{ type: 'integer', minimum: 1 }, 0, [`spec: Invalid value: 0: ${body} should be greater than or equal to 1`]],
  [{ type: 'integer', minimum: 1, exclusiveMinimum: true }, 1, [`spec: Invalid value: 1: ${body} should be greater than 1`]],
  [{ type: 'integer', multipleOf: 5 }, 7, [`spec: Invalid value: 7: ${body} should be a multiple of 5`]],
  [
    { type: 'integer', format: 'int32' },
    2 ** 31,
    ['<nil>: Invalid value: "": Checked value must be of type integer with format int32 in spec'],
  ],
  [{ type: 'array', items: { type: 'integer' }, maxItems: 1 }, [1, 2], ['spec: Too many: 2: must have at most 1 items']],
  [{ type: 'array', items: { type: 'integer' }, minItems: 1 }, [], [`spec: Invalid value: 0: ${body} should have at least 1 items`]],
  [
    { type: 'array', items: { type: 'integer' } },
    [1, 'a'],
    ['spec[1]: Invalid value: "string": spec[1] in body must be of type integer: "string"'],
  ],
  [object({ a: { type: 'string' } }, { required: ['a', 'b'] }), { a: 'x' }, ['spec.b: Required value']],
  [object({ a: { type: 'string' } }), { a: 1 }, ['spec.a: Invalid value: "integer": spec.a in body must be of type string: "integer"']],
  [
    { type: 'object', additionalProperties: { type: 'string' } },
    { k: 1 },
    ['spec.k: Invalid value: "integer": spec.k in body must be of type string: "integer"'],
  ],
  [{ type: 'object', maxProperties: 1 }, { a: 1, b: 2 }, ['spec: Too many: 2: must have at most 1 items']],
  [
    { type: 'string', anyOf: [{ pattern: '^a' }, { pattern: '^b' }] },
    'c',
    ['<nil>: Invalid value: "": "spec" must validate at least one schema (anyOf)', `spec: Invalid value: "c": ${body} should match '^a'`],
  ],
  [
    object({ a: { type: 'string' }, b: { type: 'string' } }, { oneOf: [{ required: ['a'] }, { required: ['b'] }] }),
    {},
    ['<nil>: Invalid value: "": "spec" must validate one and only one schema (oneOf). Found none valid', 'spec.a: Required value'],
  ],
  [
    object({ a: { type: 'string' }, b: { type: 'string' } }, { oneOf: [{ required: ['a'] }, { required: ['b'] }] }),
    { a: '1', b: '2' },
    ['<nil>: Invalid value: "": "spec" must validate one and only one schema (oneOf). Found 2 valid alternatives'],
  ],
  [{ type: 'string', not: { enum: ['x'] } }, 'x', ['<nil>: Invalid value: "": "spec" must not validate the schema (not)']],
  [
    { type: 'string', allOf: [{ pattern: 'a' }, { pattern: 'b' }] },
    'a',
    [`spec: Invalid value: "a": ${body} should match 'b'`, '<nil>: Invalid value: "": "spec" must validate all the schemas (allOf)'],
  ],
  [{ type: 'string', format: 'date-time' }, 'now', [`spec: Invalid value: "now": ${body} must be of type date-time: "now"`]],
])('%j of %j', (schema, value, expected) => {
  expect(wrong(schema, value)).toEqual(expected);
});

test.each<[string, string[], string[]]>([
  ['date', ['2026-02-28', '2024-02-29'], ['2026-02-29', '2026-13-01', '26-01-01']],
  ['date-time', ['2026-01-01T10:00:00Z', '2026-01-01t10:00:00.5+02:00'], ['2026-01-01', '2026-01-01T25:00:00Z']],
  ['duration', ['1h30m', '22 ns', '5s', '1.5h'], ['x', '5 parsecs']],
  ['email', ['a@b.c', 'Jo <jo@example.com>'], ['a', '@b', 'a b@c']],
  ['uri', ['https://example.com/x?y', '/path', 'urn:x'], ['', 'example.com', 'http://a b/']],
  ['hostname', ['localhost', 'a.example.com', '1and1.com'], ['-a.com', 'a..b', 'a.1']],
  ['ipv4', ['10.0.0.1'], ['10.0.0', '::1']],
  ['ipv6', ['::1', 'fe80::1'], ['10.0.0.1', 'fe80::1%eth0']],
  ['cidr', ['10.0.0.0/8', '::/0'], ['10.0.0.0', '10.0.0.0/33']],
  ['mac', ['01:23:45:67:89:ab'], ['01:23']],
  ['uuid', ['8d3d9c43-7d2f-4f0e-9f0a-0d9f7d3c2b1a'], ['8d3d9c43']],
  ['uuid4', ['8d3d9c43-7d2f-4f0e-9f0a-0d9f7d3c2b1a'], ['8d3d9c43-7d2f-5f0e-9f0a-0d9f7d3c2b1a']],
  ['isbn10', ['0321751043'], ['0321751044']],
  ['isbn13', ['978-0321751041'], ['978-0321751042']],
  ['creditcard', ['4111 1111 1111 1111'], ['4111 1111 1111 1112']],
  ['ssn', ['123-45-6789'], ['123-45-678']],
  ['hexcolor', ['#ffF', '00ff00'], ['#ff']],
  ['rgbcolor', ['rgb(255, 0, 7)'], ['rgb(256,0,0)']],
  ['byte', ['aGk='], ['aGk', 'a']],
  ['bsonobjectid', ['507f1f77bcf86cd799439011'], ['507f']],
  ['k8s-short-name', ['web-1'], ['Web', 'a.b']],
  ['k8s-long-name', ['a.b-c'], ['a..b']],
  ['unheard-of', ['anything'], []],
])('format %s', (format, good, bad) => {
  for (const text of good) expect(wrong({ type: 'string', format }, text), text).toEqual([]);
  for (const text of bad) expect(wrong({ type: 'string', format }, text), text).toHaveLength(1);
});

test('names of JavaScript objects are names like any other', () => {
  const schema = object({ a: { type: 'string' } }, { required: ['constructor'] });
  expect(wrong(schema, { toString: 1 })).toEqual(['spec.constructor: Required value']);
});

const item = object({ name: { type: 'string' }, size: { type: 'integer', maximum: 3 } });
const list: JsonSchema = { type: 'array', items: item, 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] };

test('what was wrong already and is as it was does not fail an update', () => {
  const tooBig = 'spec[1].size: Invalid value: 9: spec[1].size in body should be less than or equal to 3';
  expect(wrong(list, [{ name: 'a' }, { name: 'b', size: 9 }])).toEqual([tooBig]);
  expect(wrong(list, [{ name: 'a' }, { name: 'b', size: 9 }], [{ name: 'b', size: 9 }])).toEqual([]);
  expect(wrong(list, [{ name: 'a' }, { name: 'b', size: 9 }], [{ name: 'b', size: 8 }])).toEqual([tooBig]);
  const atomic: JsonSchema = { type: 'array', items: item };
  expect(wrong(atomic, [{ name: 'b', size: 9 }, {}], [{ name: 'b', size: 9 }])).toHaveLength(1);
});

test('lists that are sets or maps have nothing twice', () => {
  const set: JsonSchema = { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'set' };
  const whole = object({ set, map: list });
  const errors = validateListTypes({ set: ['a', 'b', 'a', 'a'], map: [{ name: 'x', size: 1 }, { name: 'x' }] }, whole);
  expect(errors.map(({ field, message }) => `${field}: ${message}`)).toEqual([
    'set[2]: Duplicate value: "a"',
    'map[1]: Duplicate value: {"name":"x"}',
  ]);
});
