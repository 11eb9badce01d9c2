// Lists of completion indexes: whatever is put in comes out, as text, too.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { IndexList } from '../../../src/controllers/job-indexes.js';

const COMPLETIONS = 40;
const sets = fc.uniqueArray(fc.integer({ min: 0, max: COMPLETIONS - 1 }));
const listOf = (indexes: readonly number[]) => IndexList.NONE.with(indexes);
const all = Array.from({ length: COMPLETIONS }, (_, index) => index);
const inOrder = (indexes: readonly number[]) => [...indexes].sort((a, b) => a - b);

test.each([
  [[], ''],
  [[3], '3'],
  [[1, 2], '1,2'],
  [[1, 2, 3], '1-3'],
  [[9, 1, 5, 3, 4, 7], '1,3-5,7,9'],
])('%j reads %s', (indexes, text) => {
  expect(listOf(indexes).toString()).toBe(text);
});

test('holds the indexes of both, each once, and comes back from its text', () => {
  fc.assert(
    fc.property(sets, sets, (a, b) => {
      const expected = inOrder([...new Set([...a, ...b])]);
      const list = listOf(a).union(listOf(b));
      expect(all.filter((index) => list.has(index))).toEqual(expected);
      expect(list.size).toBe(expected.length);
      const read = IndexList.parse(list.toString(), COMPLETIONS);
      expect(read.toString()).toBe(list.toString());
      expect(listOf(a).shared(listOf(b))).toBe(a.filter((index) => b.includes(index)).length);
    }),
  );
});

test('what is missing is the first that are not in it', () => {
  fc.assert(
    fc.property(sets, fc.integer({ min: 0, max: 50 }), (indexes, count) => {
      const expected = all.filter((index) => !indexes.includes(index)).slice(0, count);
      expect(listOf(indexes).missing(count, COMPLETIONS)).toEqual(expected);
    }),
  );
});

test('indexes that a smaller Job does not have are left out', () => {
  expect(IndexList.parse('0,2-5,8', 4).toString()).toBe('0,2,3');
  expect(IndexList.parse('no list', 4).size).toBe(0);
});
