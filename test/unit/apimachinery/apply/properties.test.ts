// Laws of server-side apply, for configurations of all kinds.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compare } from '../../../../src/apimachinery/apply/compare.js';
import { type Entry, readEntries } from '../../../../src/apimachinery/apply/entries.js';
import { describePath, difference, isEmpty, leaves, pathsOf, setOf, union } from '../../../../src/apimachinery/apply/field-set.js';
import { merge } from '../../../../src/apimachinery/apply/merge.js';
import { ownedBy } from '../../../../src/apimachinery/apply/ownership.js';
import { remove } from '../../../../src/apimachinery/apply/remove.js';
import type { JsonObject } from '../../../../src/apimachinery/json.js';
import { TestManager, typeOf } from './manager.js';

const inner = { type: 'object', properties: { name: { type: 'string' }, a: { type: 'string' }, n: { type: 'integer' } } };
const type = typeOf({
  type: 'object',
  properties: {
    text: { type: 'string' },
    struct: inner,
    map: { type: 'object', additionalProperties: { type: 'string' } },
    structs: { type: 'object', additionalProperties: inner },
    set: { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'set' },
    list: { type: 'array', items: inner, 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] },
    whole: { type: 'array', items: { type: 'string' } },
    free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
  },
});

const text = fc.constantFrom('x', 'y', 'z');
const name = fc.constantFrom('p', 'q', 'r');
const some = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const struct = fc.record({ a: some(text), n: some(fc.nat(3)) }).filter(({ a, n }) => a !== undefined || n !== undefined);
const items = fc.uniqueArray(fc.tuple(name, struct), { minLength: 1, maxLength: 3, selector: ([key]) => key });
const config = fc
  .record({
    text: some(text),
    struct: some(struct),
    map: some(fc.dictionary(name, text, { minKeys: 1, maxKeys: 3 })),
    structs: some(fc.dictionary(name, struct, { minKeys: 1, maxKeys: 3 })),
    set: some(fc.uniqueArray(text, { minLength: 1 })),
    list: some(items.map((pairs) => pairs.map(([key, value]) => ({ name: key, ...value })))),
    whole: some(fc.array(text, { minLength: 1, maxLength: 3 })),
    free: some(fc.dictionary(name, fc.oneof(text, fc.nat(3), fc.dictionary(name, text, { minKeys: 1, maxKeys: 2 })), { minKeys: 1 })),
  })
  // Without members that are undefined: what JSON has.
  .map((value) => JSON.parse(JSON.stringify(value)) as JsonObject);

describe('apply', () => {
  test('the same configuration twice changes nothing', async () => {
    await fc.assert(
      fc.asyncProperty(config, config, async (live, wanted) => {
        const manager = new TestManager(type);
        manager.update('someone', live);
        await manager.apply('me', wanted, true);
        const { object, entries } = manager;
        await manager.apply('me', wanted);
        expect(manager.object).toBe(object);
        expect(manager.entries).toEqual(entries);
      }),
    );
  });

  test('whoever applies owns what the configuration sets, and the object has it', async () => {
    await fc.assert(
      fc.asyncProperty(config, config, async (live, wanted) => {
        const manager = new TestManager(type);
        manager.update('someone', live);
        await manager.apply('me', wanted, true);
        expect(manager.owned('me')).toEqual(pathsOf(ownedBy(type, wanted)).map(describePath).sort());
        expect(merge(type, manager.object, wanted)).toEqual(manager.object);
      }),
    );
  });

  test('two appliers of disjoint fields never conflict, and both get what they want', async () => {
    await fc.assert(
      fc.asyncProperty(config, config, async (mine, theirs) => {
        // A field without a declared type may be a map to one and a text to the other: that is no disjoint pair.
        const { free: _, ...declared } = theirs;
        // Keys of items are set by whoever names the item, and equal: sharing them is no conflict.
        const contested = pathsOf(leaves(ownedBy(type, mine))).filter((path) => path.at(-1) !== 'f:name');
        const disjoint = remove(type, mine['free'] ? declared : theirs, setOf(...contested));
        const manager = new TestManager(type);
        await manager.apply('me', mine);
        expect(await manager.conflicts('them', disjoint)).toBe('');
        // Only the order of items may be the second's.
        expect(compare(type, manager.object, merge(type, manager.object, mine))).toEqual({ added: {}, modified: {}, removed: {} });
      }),
    );
  });

  test('what was applied and then dropped is gone, what others own stays', async () => {
    await fc.assert(
      fc.asyncProperty(config, config, async (mine, theirs) => {
        const manager = new TestManager(type);
        await manager.apply('me', mine);
        await manager.apply('them', theirs, true);
        await manager.apply('me', {});
        expect(manager.owned('me')).toEqual([]);
        const left = new TestManager(type);
        await left.apply('them', theirs);
        expect(compare(type, left.object, manager.object).added).toEqual({});
        expect(isEmpty(compare(type, left.object, manager.object).modified)).toBe(true);
        expect(isEmpty(compare(type, left.object, manager.object).removed)).toBe(true);
      }),
    );
  });

  test('without force, an apply either conflicts and changes nothing or takes nothing from anybody', async () => {
    await fc.assert(
      fc.asyncProperty(config, config, async (mine, theirs) => {
        const manager = new TestManager(type);
        await manager.apply('them', theirs);
        const [before, owned] = [manager.object, manager.owned('them')];
        const conflicts = await manager.conflicts('me', mine);
        expect(manager.owned('them')).toEqual(owned);
        if (conflicts) expect(manager.object).toBe(before);
      }),
    );
  });
});

describe('update', () => {
  test('only changed fields change hands', () => {
    fc.assert(
      fc.property(config, config, config, (first, second, third) => {
        const manager = new TestManager(type);
        manager.update('a', first);
        manager.update('b', second);
        manager.update('c', third);
        // Everything that was set by somebody has an owner, and one only.
        const sets = manager.entries.map(({ fieldsV1 }) => fieldsV1);
        const all = sets.reduce(union, {});
        expect(isEmpty(difference(leaves(ownedBy(type, third)), all))).toBe(true);
        expect(sets.reduce((sum, set) => sum + pathsOf(set).length, 0)).toBe(pathsOf(all).length);
      }),
    );
  });

  test('a comparison with itself finds nothing, and both directions mirror each other', () => {
    fc.assert(
      fc.property(config, config, (a, b) => {
        expect(compare(type, a, structuredClone(a))).toEqual({ added: {}, modified: {}, removed: {} });
        const [there, back] = [compare(type, a, b), compare(type, b, a)];
        expect(JSON.stringify(there.added)).toBe(JSON.stringify(back.removed));
        expect(JSON.stringify(there.removed)).toBe(JSON.stringify(back.added));
        expect(JSON.stringify(there.modified)).toBe(JSON.stringify(back.modified));
      }),
    );
  });

  test('entries survive a trip through JSON, and come back in canonical form whatever order they were written in', () => {
    fc.assert(
      fc.property(config, config, (a, b) => {
        const manager = new TestManager(type);
        manager.update('a', a);
        manager.update('b', b);
        const sent = JSON.parse(JSON.stringify(manager.entries)) as Entry[];
        expect(JSON.stringify(readEntries(sent))).toBe(JSON.stringify(manager.entries));
        const reversed = sent.map((entry) => ({ ...entry, fieldsV1: reverse(entry.fieldsV1) }));
        expect(JSON.stringify(readEntries(reversed))).toBe(JSON.stringify(manager.entries));
      }),
    );
  });
});

const reverse = (node: Entry['fieldsV1']): Entry['fieldsV1'] =>
  Object.fromEntries(
    Object.entries(node)
      .reverse()
      .map(([key, value]) => [key, reverse(value)]),
  );
