import { beforeAll, describe, expect, test } from 'vitest';
import { loadCel, loadedCel } from '../../../../src/apimachinery/cel/library.js';
import type { Json } from '../../../../src/apimachinery/json.js';
import { checkRules } from '../../../../src/apimachinery/structural/rules/check.js';
import { compileRules } from '../../../../src/apimachinery/structural/rules/compile.js';
import type { JsonSchema, ValidationRule } from '../../../../src/apimachinery/structural/schema.js';

beforeAll(() => loadCel());

const rules = (...all: (string | ValidationRule)[]) => ({
  'x-kubernetes-validations': all.map((rule) => (typeof rule === 'string' ? { rule } : rule)),
});
const string: JsonSchema = { type: 'string' };
const integer: JsonSchema = { type: 'integer' };

const compile = (schema: JsonSchema) => compileRules({ type: 'object', properties: { spec: schema } }, loadedCel(), 's');
const lines = (errors: readonly { field: string; message: string }[]) => errors.map(({ field, message }) => `${field}: ${message}`);

function broken(schema: JsonSchema, spec: Json, old?: Json): string[] {
  const { root, errors } = compile(schema);
  expect(lines(errors)).toEqual([]);
  return lines(checkRules(root!, { spec }, old === undefined ? undefined : { spec: old }));
}

const SCALE: JsonSchema = {
  type: 'object',
  properties: {
    min: integer,
    max: integer,
    'a-b': string,
    namespace: string,
    ratio: { type: 'number' },
    any: { 'x-kubernetes-preserve-unknown-fields': true },
  },
};

test.each<[string, Json, string[]]>([
  ['self.min <= self.max', { min: 1, max: 2 }, []],
  ['self.min <= self.max', { min: 3, max: 2 }, ['spec: Invalid value: failed rule: self.min <= self.max']],
  ['!has(self.min) || self.min > 0', {}, []],
  ['self.a__dash__b == "x" && self.__namespace__ == "y"', { 'a-b': 'x', namespace: 'y' }, []],
  ['self.ratio > 0.5', { ratio: 1 }, []],
  ['self.any.deep[0] == 5', { any: { deep: [5] } }, []],
  ['self.min > 0', {}, ['spec: Invalid value: "object": no such key: min evaluating rule: self.min > 0']],
  ['self == self', { min: 1, any: [1] }, []],
])('%s of %j', (rule, value, expected) => {
  expect(broken({ ...SCALE, ...rules(rule) }, value)).toEqual(expected);
});

test('what a broken rule says, and where', () => {
  const schema = (rule: ValidationRule) => ({ ...SCALE, ...rules(rule) });
  const value = { min: 3, max: 2 };
  const rule = 'self.min <= self.max';
  expect(broken(schema({ rule, message: 'too few' }), value)).toEqual(['spec: Invalid value: too few']);
  expect(broken(schema({ rule, messageExpression: '"at most %d".format([self.max])' }), value)).toEqual(['spec: Invalid value: at most 2']);
  expect(broken(schema({ rule, message: 'm', messageExpression: 'self.any.x' }), value)).toEqual(['spec: Invalid value: m']);
  expect(broken(schema({ rule, message: 'm', reason: 'FieldValueForbidden', fieldPath: '.min' }), value)).toEqual([
    'spec.min: Forbidden: m',
  ]);
  expect(broken({ type: 'object', properties: { n: { ...integer, ...rules({ rule: 'self > 3', message: 'm' }) } } }, { n: 1 })).toEqual([
    'spec.n: Invalid value: 1: m',
  ]);
});

describe('rules about changes', () => {
  const item: JsonSchema = {
    type: 'object',
    properties: { name: string, size: { ...integer, ...rules({ rule: 'self >= oldSelf', message: 'shrunk' }) } },
  };
  const list: JsonSchema = { type: 'array', items: item, 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] };

  test('are asked where there was something before', () => {
    expect(broken(list, [{ name: 'a', size: 1 }])).toEqual([]);
    expect(broken(list, [{ name: 'a', size: 1 }], [{ name: 'b', size: 5 }])).toEqual([]);
    expect(broken(list, [{ name: 'x' }, { name: 'a', size: 1 }], [{ name: 'a', size: 5 }])).toEqual([
      'spec[1].size: Invalid value: 1: shrunk',
    ]);
  });

  test('may be about the absence of something before', () => {
    const schema = { ...string, ...rules({ rule: 'oldSelf.hasValue() || self == "new"', message: 'm', optionalOldSelf: true }) };
    expect(broken(schema, 'new')).toEqual([]);
    expect(broken(schema, 'other')).toEqual(['spec: Invalid value: "other": m']);
    expect(broken(schema, 'other', 'old')).toEqual([]);
  });

  test('are refused where old and new cannot be told apart', () => {
    const { errors } = compile({ type: 'array', items: item });
    expect(lines(errors)).toEqual([
      's.properties[spec].items.properties[size].x-kubernetes-validations[0].rule: Invalid value: "self >= oldSelf": ' +
        'oldSelf cannot be used on the uncorrelatable portion of the schema within s.properties[spec]',
    ]);
  });
});

test('what was wrong already and is as it was does not fail an update', () => {
  const schema: JsonSchema = {
    type: 'object',
    properties: { a: { ...string, ...rules({ rule: 'self.size() > 3', message: 'short' }) }, b: string },
  };
  expect(broken(schema, { a: 'x', b: '1' }, { a: 'x', b: '2' })).toEqual([]);
  expect(broken(schema, { a: 'y', b: '1' }, { a: 'x', b: '2' })).toEqual(['spec.a: Invalid value: "y": short']);
});

test('rules that cost too much are stopped', () => {
  const schema: JsonSchema = { type: 'array', items: integer, ...rules('self.all(a, self.all(b, self.all(c, a + b + c >= 0)))') };
  const { root } = compile(schema);
  const spec = Array.from({ length: 200 }, (_, i) => i);
  const [error] = lines(checkRules(root!, { spec }, undefined));
  expect(error).toContain('operation cancelled: actual cost limit exceeded');
});

const long = Array(30).fill('self.a > 0').join(' && ');
const item: JsonSchema = { type: 'object', properties: { a: integer }, ...rules(long) };

test.each<[string, JsonSchema, string | undefined]>([
  ['a loop', { type: 'array', items: integer, ...rules('self.all(a, a > 0)') }, undefined],
  ['a loop in a loop', { type: 'array', items: integer, ...rules('self.all(a, self.all(b, a == b))') }, 'more than 100x'],
  ['a bounded loop in a loop', { type: 'array', maxItems: 100, items: integer, ...rules('self.all(a, self.all(b, a == b))') }, undefined],
  ['a long rule at each item', { type: 'array', items: item }, '\\d+\\.\\dx'],
  ['a long rule at each of a few', { type: 'array', maxItems: 1000, items: item }, undefined],
])('what rules can cost is estimated: %s', (_name, schema, factor) => {
  const errors = lines(compile(schema).errors);
  if (factor === undefined) expect(errors).toEqual([]);
  else
    expect(errors[0]).toMatch(
      new RegExp(`Forbidden: estimated rule cost exceeds budget by factor of ${factor} \\(try simplifying the rule`),
    );
});

test.each<[string | ValidationRule, string]>([
  [
    'self.nope',
    'rule: Invalid value: {"rule":"self.nope"}: compilation failed: ERROR: <input>:1:5: undefined field \'nope\'\n | self.nope\n | ....^',
  ],
  ['self.min', 'rule: Invalid value: {"rule":"self.min"}: cel expression must evaluate to a bool'],
  ['self.min >', 'rule: Invalid value: {"rule":"self.min >"}: compilation failed: ERROR:'],
  ['self.min == "x"', "found no matching overload for '_==_' applied to '(int, string)'"],
  [{ rule: 'true', messageExpression: '1' }, 'messageExpression must evaluate to a string'],
  [{ rule: 'true', optionalOldSelf: true }, 'optionalOldSelf: Invalid value: true: may not be set if oldSelf is not used in rule'],
])('%j is refused', (rule, message) => {
  const { errors } = compile({ ...SCALE, ...rules(rule) });
  expect(lines(errors).join()).toContain(message);
});
