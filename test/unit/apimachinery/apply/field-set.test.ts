// Field sets: the algebra against sets of plain paths, and upstream's form and order.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalElement, describeElement, keyElement, valueElement } from '../../../../src/apimachinery/apply/elements.js';
import {
  describePath,
  difference,
  EMPTY,
  equal,
  type FieldPath,
  type FieldSet,
  has,
  intersection,
  isEmpty,
  leaves,
  pathsOf,
  recursiveDifference,
  setOf,
  union,
} from '../../../../src/apimachinery/apply/field-set.js';

const element = fc.constantFrom('f:a', 'f:b', 'f:c', 'k:{"name":"x"}', 'k:{"port":80}', 'k:{"port":443}', 'v:"y"');
const path = fc.array(element, { minLength: 1, maxLength: 4 });
const paths = fc.array(path, { maxLength: 12 });

const key = (each: FieldPath) => each.join('/');
const model = (set: FieldSet) => new Set(pathsOf(set).map(key));
const modelOf = (list: readonly FieldPath[]) => new Set(list.map(key));
/** Equal sets are equal JSON, character by character: what is stored depends on it. */
const text = (set: FieldSet) => JSON.stringify(set);

describe('the algebra of field sets', () => {
  test('a set has the paths it was made of', () => {
    fc.assert(
      fc.property(paths, (list) => {
        const set = setOf(...list);
        expect(model(set)).toEqual(modelOf(list));
        for (const each of list) expect(has(set, each)).toBe(true);
        expect(isEmpty(set)).toBe(list.length === 0);
      }),
    );
  });

  test('equal sets are equal JSON, however they came about', () => {
    fc.assert(
      fc.property(paths, fc.infiniteStream(fc.nat()), (list, random) => {
        const shuffled = list.map((each) => ({ each, at: random.next().value as number })).sort((a, b) => a.at - b.at);
        expect(text(setOf(...shuffled.map(({ each }) => each)))).toBe(text(setOf(...list)));
      }),
    );
  });

  test('union, intersection and difference are those of the paths', () => {
    fc.assert(
      fc.property(paths, paths, (a, b) => {
        const [x, y] = [setOf(...a), setOf(...b)];
        const [p, q] = [modelOf(a), modelOf(b)];
        expect(model(union(x, y))).toEqual(new Set([...p, ...q]));
        expect(model(intersection(x, y))).toEqual(new Set([...p].filter((each) => q.has(each))));
        expect(model(difference(x, y))).toEqual(new Set([...p].filter((each) => !q.has(each))));
        expect(text(union(x, y))).toBe(text(setOf(...a, ...b)));
        expect(text(union(difference(x, y), intersection(x, y)))).toBe(text(x));
        expect(text(difference(x, EMPTY))).toBe(text(x));
      }),
    );
  });

  test('a recursive difference takes what is below as well', () => {
    fc.assert(
      fc.property(paths, paths, (a, b) => {
        const gone = [...modelOf(b)];
        const stays = [...modelOf(a)].filter((each) => !gone.some((other) => each === other || each.startsWith(`${other}/`)));
        expect(model(recursiveDifference(setOf(...a), setOf(...b)))).toEqual(new Set(stays));
      }),
    );
  });

  test('leaves are the paths that no other goes on from', () => {
    fc.assert(
      fc.property(paths, (list) => {
        const all = [...modelOf(list)];
        const ends = all.filter((each) => !all.some((other) => other.startsWith(`${each}/`)));
        expect(model(leaves(setOf(...list)))).toEqual(new Set(ends));
      }),
    );
  });

  test('what changes nothing gives back the set itself', () => {
    const set = setOf(['f:spec', 'f:replicas'], ['f:spec', 'f:selector']);
    expect(union(set, setOf(['f:spec', 'f:replicas']))).toBe(set);
    expect(difference(set, setOf(['f:status']))).toBe(set);
    expect(recursiveDifference(set, setOf(['f:status']))).toBe(set);
  });

  test('sets are never changed', () => {
    fc.assert(
      fc.property(paths, paths, (a, b) => {
        const [x, y] = [setOf(...a), setOf(...b)];
        const before = [text(x), text(y)];
        for (const operation of [union, difference, intersection, recursiveDifference]) operation(x, y);
        leaves(x);
        expect([text(x), text(y)]).toEqual(before);
        expect(equal(x, setOf(...a))).toBe(true);
      }),
    );
  });
});

describe("upstream's form", () => {
  test('members with children have a dot, others are empty objects, elements are in order', () => {
    const set = setOf(
      ['f:ports', 'k:{"containerPort":443,"protocol":"TCP"}'],
      ['f:ports', 'k:{"containerPort":80,"protocol":"TCP"}'],
      ['f:ports', 'k:{"containerPort":80,"protocol":"TCP"}', 'f:name'],
      ['f:image'],
    );
    expect(JSON.stringify(set)).toBe(
      '{"f:image":{},"f:ports":{"k:{\\"containerPort\\":80,\\"protocol\\":\\"TCP\\"}":{".":{},"f:name":{}},"k:{\\"containerPort\\":443,\\"protocol\\":\\"TCP\\"}":{}}}',
    );
  });

  test('paths as conflicts show them', () => {
    expect(describePath(['f:spec', 'f:containers', 'k:{"name":"a"}', 'f:ports', 'k:{"containerPort":80,"protocol":"TCP"}'])).toBe(
      '.spec.containers[name="a"].ports[containerPort=80,protocol="TCP"]',
    );
    expect(describeElement('v:"example.com/done"')).toBe('[="example.com/done"]');
    expect(describeElement('i:3')).toBe('[3]');
  });

  test("elements are spelled as Go spells them: keys in order, HTML's characters escaped", () => {
    expect(keyElement({ b: 1, a: '<x>' }, ['a', 'b'])).toBe('k:{"a":"\\u003cx\\u003e","b":1}');
    expect(valueElement('a&b')).toBe('v:"a\\u0026b"');
    expect(canonicalElement('k:{"b":1, "a":"x"}')).toBe('k:{"a":"x","b":1}');
    expect(canonicalElement('x:future')).toBeUndefined();
    for (const bad of ['f', 'name', 'i:x', 'k:[]']) expect(() => canonicalElement(bad)).toThrow();
  });
});
