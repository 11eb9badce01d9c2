import { describe, expect, test } from 'vitest';
import type { Json, JsonObject } from '../../../../src/apimachinery/json.js';
import { applyJsonPatch } from '../../../../src/apimachinery/patch/json.js';
import { deepFreeze } from '../arbitrary.js';

const doc: JsonObject = deepFreeze({ a: { b: 1 }, list: ['x', 'y'], 'k/e~y': 'v', nothing: null });

describe('operations', () => {
  test.each<[Json, JsonObject]>([
    [[{ op: 'add', path: '/a/c', value: 2 }], { a: { b: 1, c: 2 } }],
    [[{ op: 'add', path: '/list/1', value: 'z' }], { list: ['x', 'z', 'y'] }],
    [[{ op: 'add', path: '/list/-', value: 'z' }], { list: ['x', 'y', 'z'] }],
    [[{ op: 'add', path: '/list/2', value: 'z' }], { list: ['x', 'y', 'z'] }],
    [[{ op: 'remove', path: '/list/0' }], { list: ['y'] }],
    [[{ op: 'replace', path: '/a/b', value: null }], { a: { b: null } }],
    [[{ op: 'replace', path: '/k~1e~0y', value: 'w' }], { 'k/e~y': 'w' }],
    [[{ op: 'move', from: '/a/b', path: '/c' }], { a: {}, c: 1 }],
    [[{ op: 'copy', from: '/a', path: '/c' }], { a: { b: 1 }, c: { b: 1 } }],
    [[{ op: 'test', path: '/a', value: { b: 1 } }], {}],
    [[{ op: 'test', path: '/missing', value: null }], {}],
    [[{ op: 'test', path: '/nothing', value: null }], {}],
    [[], {}],
  ])('%j', (patch, changes) => {
    expect(applyJsonPatch(doc, deepFreeze(patch))).toMatchObject(changes);
  });

  test('remove takes the member out', () => {
    expect(applyJsonPatch(doc, [{ op: 'remove', path: '/a' }])).not.toHaveProperty('a');
  });

  test('the whole document can be replaced', () => {
    expect(applyJsonPatch(doc, [{ op: 'replace', path: '', value: { new: 1 } }])).toEqual({ new: 1 });
  });
});

describe('refusals', () => {
  test.each<[Json, number]>([
    [{ op: 'add' }, 400],
    [['add'], 400],
    [[{ op: 'grow', path: '/a' }], 400],
    [[{ op: 'add', path: 'a', value: 1 }], 400],
    [[{ op: 'add', path: '/a' }], 400],
    [[{ op: 'move', path: '/a' }], 400],
    [[{ op: 'add', path: '/x/y', value: 1 }], 422],
    [[{ op: 'remove', path: '/x' }], 422],
    [[{ op: 'replace', path: '/x', value: 1 }], 422],
    [[{ op: 'remove', path: '/list/2' }], 422],
    [[{ op: 'add', path: '/list/3', value: 1 }], 422],
    [[{ op: 'add', path: '/list/01', value: 1 }], 422],
    [[{ op: 'test', path: '/a/b', value: 2 }], 422],
    [[{ op: 'move', from: '/a', path: '/a/b' }], 422],
    [[{ op: 'replace', path: '', value: 1 }], 422],
    [[{ op: 'remove', path: '' }], 422],
    [[{ op: 'remove', path: '/toString' }], 422],
    [[{ op: 'add', path: '/__proto__', value: {} }], 400],
    [Array.from({ length: 10_001 }, () => ({ op: 'test', path: '/nothing', value: null })), 413],
  ])('%#', (patch, code) => {
    expect(() => applyJsonPatch(doc, patch)).toThrow(expect.objectContaining({ code }));
  });

  test('copies of copies stop at a bound', () => {
    const big = { a: { text: 'x'.repeat(100_000) } };
    const bomb = Array.from({ length: 20 }, (_, i) => ({ op: 'copy', from: '/a', path: `/a/c${i}` }));
    expect(() => applyJsonPatch(big, bomb)).toThrow(/copy operations/);
  });
});
