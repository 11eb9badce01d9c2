import { expect, test } from 'vitest';
import type { JsonSchema } from '../../../../src/apimachinery/structural/schema.js';
import { checkStructural } from '../../../../src/apimachinery/structural/structurality.js';
import { checkWellFormed, schemaAt } from '../../../../src/apimachinery/structural/well-formed.js';

const of = (spec: JsonSchema): JsonSchema => ({ type: 'object', properties: { spec } });
const lines = (errors: readonly { field: string; message: string }[]) => errors.map(({ field, message }) => `${field}: ${message}`);
const string: JsonSchema = { type: 'string' };

test.each<[string, JsonSchema, string[]]>([
  ['good', of({ type: 'object', properties: { a: string }, anyOf: [{ required: ['a'] }] }), []],
  ['no type at the root', {}, ['s.type: Required value: must not be empty at the root']],
  ['another type at the root', { type: 'string' }, ['s.type: Invalid value: "string": must be object at the root']],
  ['no type of a field', of({}), ['s.properties[spec].type: Required value: must not be empty for specified object fields']],
  [
    'no type of items',
    of({ type: 'array', items: {} }),
    ['s.properties[spec].items.type: Required value: must not be empty for specified array items'],
  ],
  ['no items', of({ type: 'array' }), ['s.properties[spec].items: Required value: must be specified']],
  [
    'a type in an alternative',
    of({ type: 'string', anyOf: [{ type: 'string' }] }),
    ['s.properties[spec].anyOf[0].type: Forbidden: must be empty to be structural'],
  ],
  ['integer or string', of({ 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, { type: 'string' }] }), []],
  [
    'a field in an alternative only',
    of({ type: 'object', not: { properties: { a: { minimum: 1 } } } }),
    ['s.properties[spec].properties[a]: Required value: because it is defined in s.properties[spec].not.properties[a]'],
  ],
  [
    'a bad pattern',
    of({ type: 'string', pattern: '(' }),
    [
      's.properties[spec].pattern: Invalid value: "(": must be a valid regular expression, but isn\'t: error parsing regexp: missing closing ): `(`',
    ],
  ],
  [
    'restricted metadata',
    { type: 'object', properties: { metadata: { type: 'object', properties: { labels: { type: 'object' } } } } },
    ['s.properties[metadata]: Forbidden: must not specify anything other than name and generateName, but metadata is implicitly specified'],
  ],
  [
    'restricted names',
    { type: 'object', properties: { metadata: { type: 'object', properties: { name: { type: 'string', maxLength: 5 } } } } },
    [],
  ],
  [
    'a map at the root',
    { type: 'object', additionalProperties: string },
    ['s.additionalProperties: Forbidden: must not be used at the root'],
  ],
])('structural: %s', (_name, schema, expected) => {
  expect(lines(checkStructural(schema, 's'))).toEqual(expected);
});

test.each<[string, JsonSchema, string[]]>([
  ['good', { type: 'array', items: string, 'x-kubernetes-list-type': 'set' }, []],
  [
    'an unknown type',
    { type: 'text' },
    ['type: Unsupported value: "text": supported values: "array", "boolean", "integer", "number", "object", "string"'],
  ],
  [
    'unique items',
    { type: 'array', items: string, uniqueItems: true },
    ['uniqueItems: Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes quadratic'],
  ],
  [
    'properties of a map',
    { type: 'object', properties: { a: string }, additionalProperties: string },
    ['additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive'],
  ],
  [
    'a default of another type',
    { type: 'string', default: 1 },
    ['default: Invalid value: "integer": s.properties[spec].default in body must be of type string: "integer"'],
  ],
  [
    'a default with unknown fields',
    { type: 'object', default: { a: 1 } },
    ['default: Invalid value: {"a":1}: must not have unknown fields'],
  ],
  [
    'keys without a list',
    { type: 'array', items: string, 'x-kubernetes-list-map-keys': ['a'] },
    ['x-kubernetes-list-type: Required value: must be map if x-kubernetes-list-map-keys is non-empty'],
  ],
  [
    'a key that is optional',
    {
      type: 'array',
      items: { type: 'object', properties: { a: string } },
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['a'],
    },
    [
      'items.properties[a].default: Required value: this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property',
    ],
  ],
  [
    'an empty rule',
    { ...string, 'x-kubernetes-validations': [{ rule: ' ' }] },
    ['x-kubernetes-validations[0].rule: Required value: rule is not specified'],
  ],
  [
    'a rule about a field that is not there',
    { type: 'object', 'x-kubernetes-validations': [{ rule: 'true', fieldPath: '.b' }] },
    ['x-kubernetes-validations[0].fieldPath: Invalid value: ".b": must be a valid path'],
  ],
])('well formed: %s', (_name, schema, expected) => {
  expect(lines(checkWellFormed(of(schema), 's'))).toEqual(expected.map((line) => `s.properties[spec].${line}`));
});

test('paths lead through properties and maps', () => {
  const schema = of({ type: 'object', properties: { 'a.b': string, m: { type: 'object', additionalProperties: string } } });
  expect(schemaAt(schema, ".spec['a.b']")).toBe(string);
  expect(schemaAt(schema, '.spec.m.any')).toBe(string);
  expect(schemaAt(schema, 'spec')).toBeUndefined();
  expect(schemaAt(schema, '.spec.nope')).toBeUndefined();
});
