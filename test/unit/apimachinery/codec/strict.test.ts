// Fields that are there twice, and fields that nobody knows.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeBody } from '../../../../src/apimachinery/codec/index.js';
import { parseJson } from '../../../../src/apimachinery/codec/json.js';
import { strictErrorsOf } from '../../../../src/apimachinery/codec/strict.js';

const errors = (text: string, unknown: readonly string[] = []) => strictErrorsOf(parseJson(Buffer.from(text)), unknown);

describe('JSON', () => {
  test.each<[string, string[], string[]]>([
    ['{"a":1,"b":{"a":1},"c":[{"a":1},{"a":2}]}', [], []],
    ['{"a":1,"a":2}', [], ['duplicate field "a"']],
    ['{"a":1,"a":2,"a":3}', [], ['duplicate field "a"']],
    ['{"spec":{"c":[{"n":1},{"n":1,"n":2}]}}', [], ['duplicate field "spec.c[1].n"']],
    ['{"spec":{"a":1},"spec":{"a":2}}', [], ['duplicate field "spec"']],
    [' { "a" : "x:\\"y\\"" , "\\u0061" : [ ] } ', [], ['duplicate field "a"']],
    ['{"__proto__":1,"__proto__":2}', [], ['duplicate field "__proto__"']],
    ['{"constructor":1,"toString":2}', [], []],
    // In the order of the text, and nothing about what an unknown field holds.
    ['{"x":{"q":1,"q":2},"a":1,"a":1,"y":2}', ['x', 'y'], ['unknown field "x"', 'duplicate field "a"', 'unknown field "y"']],
    ['{"x":1}', ['x'], ['unknown field "x"']],
  ])('%s', (text, unknown, wanted) => expect(errors(text, unknown)).toEqual(wanted));

  test('a hundred are enough', () => {
    const members = Array.from({ length: 1000 }, (_, i) => `"k${i}":1`).join();
    expect(errors(`{${members},${members}}`)).toHaveLength(100);
  });

  test('whatever is written once has none, whatever is written twice has one', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 }), { minKeys: 1, maxKeys: 5 }), fc.nat(), (object, pick) => {
        const text = JSON.stringify(object);
        expect(errors(text)).toEqual([]);
        const keys = Object.keys(object);
        const key = keys[pick % keys.length]!;
        expect(errors(`{${JSON.stringify(key)}:0,${text.slice(1)}`)).toEqual([`duplicate field ${JSON.stringify(key)}`]);
      }),
      { numRuns: 300 },
    );
  });
});

test('YAML: the last one counts, and strictly it is an error with its line', () => {
  const { value, strictErrors } = decodeBody('application/yaml', Buffer.from('a: 1\na: 2\nb:\n- {1: x, "1": z}\n'), () => undefined);
  expect(value).toEqual({ a: 2, b: [{ 1: 'z' }] });
  expect(strictErrors(['x'])).toEqual([
    'yaml: unmarshal errors:\n  line 2: key "a" already set in map\n  line 4: key "1" already set in map',
    'unknown field "x"',
  ]);
});
