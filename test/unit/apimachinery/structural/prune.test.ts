import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cloneJson, type MutableJsonObject } from '../../../../src/apimachinery/clone.js';
import type { Json } from '../../../../src/apimachinery/json.js';
import { applyDefaults } from '../../../../src/apimachinery/structural/default.js';
import { prune } from '../../../../src/apimachinery/structural/prune.js';
import type { JsonSchema } from '../../../../src/apimachinery/structural/schema.js';

const PRESERVE = { 'x-kubernetes-preserve-unknown-fields': true } as const;
const string: JsonSchema = { type: 'string' };

test.each<[string, JsonSchema, Json, Json, string[]]>([
  ['unknown members go', { type: 'object', properties: { a: string } }, { a: 'x', b: 1 }, { a: 'x' }, ['spec.b']],
  ['also in lists', { type: 'array', items: { type: 'object', properties: { a: string } } }, [{ b: 1 }], [{}], ['spec[0].b']],
  ['all members of a map are known', { type: 'object', additionalProperties: string }, { a: 'x' }, { a: 'x' }, []],
  ['preserved', { type: 'object', ...PRESERVE }, { a: { b: 1 } }, { a: { b: 1 } }, []],
  [
    'preserved, but not in what is declared',
    { type: 'object', ...PRESERVE, properties: { a: { type: 'object' } } },
    { a: { b: 1 }, c: { d: 1 } },
    { a: {}, c: { d: 1 } },
    ['spec.a.b'],
  ],
  [
    'an embedded object keeps its metadata',
    { type: 'object', 'x-kubernetes-embedded-resource': true, properties: { spec: { type: 'object' } } },
    { apiVersion: 'v1', kind: 'X', metadata: { name: 'x' }, spec: { a: 1 }, other: 1 },
    { apiVersion: 'v1', kind: 'X', metadata: { name: 'x' }, spec: {} },
    ['spec.other', 'spec.spec.a'],
  ],
])('%s', (_name, schema, value, expected, unknown) => {
  const object = { apiVersion: 'g/v1', kind: 'K', metadata: { any: 1 }, spec: cloneJson(value) } as MutableJsonObject;
  expect(prune(object, { type: 'object', properties: { spec: schema } })).toEqual(unknown);
  expect(object).toEqual({ apiVersion: 'g/v1', kind: 'K', metadata: { any: 1 }, spec: expected });
});

test.each<[string, JsonSchema, Json, Json]>([
  ['what is missing', { type: 'object', properties: { a: { type: 'integer', default: 1 } } }, {}, { a: 1 }],
  ['not what is there', { type: 'object', properties: { a: { type: 'integer', default: 1 } } }, { a: 0 }, { a: 0 }],
  [
    'inside of defaults, too',
    { type: 'object', properties: { a: { type: 'object', default: {}, properties: { b: { ...string, default: 'x' } } } } },
    {},
    { a: { b: 'x' } },
  ],
  [
    'not inside of what is missing',
    { type: 'object', properties: { a: { type: 'object', properties: { b: { ...string, default: 'x' } } } } },
    {},
    {},
  ],
  ['a null that may not be is replaced', { type: 'object', properties: { a: { ...string, default: 'x' } } }, { a: null }, { a: 'x' }],
  [
    'a null that may be stays',
    { type: 'object', properties: { a: { ...string, nullable: true, default: 'x' } } },
    { a: null },
    { a: null },
  ],
  ['a null without a default goes', { type: 'object', properties: { a: string } }, { a: null }, {}],
  [
    'items',
    { type: 'array', items: { type: 'object', properties: { a: { ...string, default: 'x' } } } },
    [{}, { a: 'y' }],
    [{ a: 'x' }, { a: 'y' }],
  ],
  [
    'values of maps',
    { type: 'object', additionalProperties: { type: 'object', properties: { a: { ...string, default: 'x' } } } },
    { k: {} },
    { k: { a: 'x' } },
  ],
])('defaults: %s', (_name, schema, value, expected) => {
  const copy = cloneJson(value);
  const changed = applyDefaults(copy, schema);
  expect(copy).toEqual(expected);
  expect(changed).toBe(JSON.stringify(value) !== JSON.stringify(expected));
  expect(applyDefaults(copy, schema)).toBe(false);
});

test('pruning twice is pruning once, and nothing unknown is left', () => {
  const schema: JsonSchema = {
    type: 'object',
    properties: { a: string, b: { type: 'array', items: { type: 'object', properties: { c: string } } } },
  };
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), fc.jsonValue() as fc.Arbitrary<Json>), (spec) => {
      // Refused as soon as a body is read.
      fc.pre(!JSON.stringify(spec).includes('__proto__'));
      const object = { spec: cloneJson(spec) } as MutableJsonObject;
      prune(object, { type: 'object', properties: { spec: schema } });
      const once = structuredClone(object);
      expect(prune(object, { type: 'object', properties: { spec: schema } })).toEqual([]);
      expect(object).toEqual(once);
      expect(Object.keys(object['spec'] as object).every((key) => key === 'a' || key === 'b')).toBe(true);
    }),
  );
});
