import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Json, JsonObject } from '../../../../src/apimachinery/json.js';
import { applyMergePatch } from '../../../../src/apimachinery/patch/merge.js';
import { deepFreeze } from '../arbitrary.js';

test.each<[JsonObject, JsonObject, JsonObject]>([
  [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
  [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
  [{ a: 'b' }, { a: null }, {}],
  [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
  [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
  [{ a: { b: 'c', d: 'e' } }, { a: { b: null } }, { a: { d: 'e' } }],
  [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
  [{ a: 'x' }, { a: { b: null, c: 1 } }, { a: { c: 1 } }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
])('%j and %j make %j', (doc, patch, expected) => {
  expect(applyMergePatch(deepFreeze(doc), deepFreeze(patch))).toEqual(expected);
});

test('a patch that is no object is refused', () => {
  for (const patch of ['x', [], null, 1] as Json[])
    expect(() => applyMergePatch({}, patch)).toThrow(expect.objectContaining({ code: 400 }));
});

test('__proto__ is refused', () => {
  expect(() => applyMergePatch({}, JSON.parse('{"__proto__":{"x":1}}') as Json)).toThrow(expect.objectContaining({ code: 400 }));
});

const tree = fc
  .object({ values: [fc.integer(), fc.string(), fc.constant(null)], withNullPrototype: false })
  .filter((o) => !JSON.stringify(o).includes('__proto__'));

test('a patch applied twice is as good as once, and a document merged into nothing has no nulls left in objects', () => {
  fc.assert(
    fc.property(tree, tree, (doc, patch) => {
      const once = applyMergePatch(deepFreeze(doc) as JsonObject, deepFreeze(patch) as JsonObject);
      expect(applyMergePatch(once, patch as JsonObject)).toEqual(once);
    }),
  );
});
