// Server-side apply as its users see it: who owns what, what conflicts, what goes when it is no longer applied.
import { describe, expect, test } from 'vitest';
import { applyTypeOf } from '../../../../src/apimachinery/apply/built-in.js';
import { UNTYPED_DEDUCED } from '../../../../src/apimachinery/apply/type.js';
import { misfit } from '../../../../src/apimachinery/apply/validate.js';
import type { JsonObject } from '../../../../src/apimachinery/json.js';
import { schemas } from '../../../../src/kinds/index.js';
import { TestManager, typeOf } from './manager.js';

const port = {
  type: 'object',
  properties: { port: { type: 'integer' }, protocol: { type: 'string', default: 'TCP' }, name: { type: 'string' } },
};
const widget = typeOf({
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      properties: {
        size: { type: 'integer' },
        colour: { type: 'string' },
        flag: { type: 'boolean' },
        tags: { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'set' },
        plain: { type: 'array', items: { type: 'string' } },
        ports: { type: 'array', items: port, 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['port', 'protocol'] },
        labels: { type: 'object', additionalProperties: { type: 'string' } },
        whole: { type: 'object', additionalProperties: { type: 'string' }, 'x-kubernetes-map-type': 'atomic' },
        nested: { type: 'object', properties: { a: { type: 'string' }, b: { type: 'string' } } },
        free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
        either: { 'x-kubernetes-int-or-string': true },
      },
    },
  },
});
const spec = (value: JsonObject): JsonObject => ({ spec: value });

describe('ownership', () => {
  test.each<[string, JsonObject, string[]]>([
    ['scalars', { size: 1, colour: 'red' }, ['.spec.colour', '.spec.size']],
    ['members of a map, but not the map', { labels: { a: '1', b: '2' } }, ['.spec.labels.a', '.spec.labels.b']],
    ['an atomic map as a whole', { whole: { a: '1' } }, ['.spec.whole']],
    ['a list without a type as a whole', { plain: ['a', 'b'] }, ['.spec.plain']],
    ['items of a set', { tags: ['a', 'b'] }, ['.spec.tags[="a"]', '.spec.tags[="b"]']],
    [
      'items of a map list with their fields, the key by its default',
      { ports: [{ port: 80 }] },
      ['.spec.ports[port=80,protocol="TCP"]', '.spec.ports[port=80,protocol="TCP"].port'],
    ],
    ['an empty struct, an empty map', { nested: {}, labels: {} }, ['.spec.labels', '.spec.nested']],
    ['nothing of an empty list', { tags: [], size: 1 }, ['.spec.size']],
    ['a null', { colour: null }, ['.spec.colour']],
    [
      'unknown fields that are preserved, piece by piece, lists whole',
      { free: { a: { b: [1] }, c: 2 } },
      ['.spec.free.a', '.spec.free.a.b', '.spec.free.c'],
    ],
  ])('of %s', async (_, config, owned) => {
    const manager = new TestManager(widget);
    await manager.apply('me', spec(config));
    expect(manager.owned('me')).toEqual(owned);
  });

  test('an object without a schema is owned piece by piece, its lists whole', async () => {
    const manager = new TestManager(UNTYPED_DEDUCED);
    await manager.apply('me', { spec: { list: [{ a: 1 }], map: { a: { b: 'c' } } } });
    expect(manager.owned('me')).toEqual(['.spec', '.spec.list', '.spec.map', '.spec.map.a', '.spec.map.a.b']);
  });
});

describe('two appliers', () => {
  test('of one value share it; who wants another gets a conflict that names the other', async () => {
    const manager = new TestManager(widget);
    await manager.apply('a', spec({ size: 1, colour: 'red' }));
    await manager.apply('b', spec({ size: 1 }));
    expect(manager.owned('b')).toEqual(['.spec.size']);
    expect(await manager.conflicts('b', spec({ size: 2, colour: 'blue' }))).toBe(
      'Apply failed with 2 conflicts: conflicts with "a":\n- .spec.colour\n- .spec.size',
    );
    expect(await manager.conflicts('c', spec({ size: 2 }))).toBe(
      'Apply failed with 2 conflicts: conflicts with "a":\n- .spec.size\nconflicts with "b":\n- .spec.size',
    );
    expect(manager.object).toEqual(spec({ size: 1, colour: 'red' }));
  });

  test('force takes the field from the other', async () => {
    const manager = new TestManager(widget);
    await manager.apply('a', spec({ size: 1, colour: 'red' }));
    await manager.apply('b', spec({ size: 2 }), true);
    expect(manager.object).toEqual(spec({ size: 2, colour: 'red' }));
    expect([manager.owned('a'), manager.owned('b')]).toEqual([['.spec.colour'], ['.spec.size']]);
  });

  test('one lets go of a shared field and it stays; the last lets go and it goes', async () => {
    const manager = new TestManager(widget);
    await manager.apply('a', spec({ size: 1, colour: 'red' }));
    await manager.apply('b', spec({ size: 1 }));
    await manager.apply('a', spec({ colour: 'red' }));
    expect(manager.object).toEqual(spec({ size: 1, colour: 'red' }));
    await manager.apply('b', {});
    expect(manager.object).toEqual(spec({ colour: 'red' }));
  });

  test('of items of one list do not get in each other’s way', async () => {
    const manager = new TestManager(widget);
    await manager.apply('a', spec({ ports: [{ port: 80 }], tags: ['x'], labels: { a: '1' } }));
    await manager.apply('b', spec({ ports: [{ port: 443, name: 'tls' }], tags: ['y'], labels: { b: '2' } }));
    expect(manager.object).toEqual(
      spec({ ports: [{ port: 80 }, { port: 443, name: 'tls' }], tags: ['x', 'y'], labels: { a: '1', b: '2' } }),
    );
    await manager.apply('a', {});
    expect(manager.object).toEqual(spec({ ports: [{ port: 443, name: 'tls' }], tags: ['y'], labels: { b: '2' } }));
  });
});

describe('an applier and an updater', () => {
  test('an update takes what it changes; an apply of the old value conflicts with it by manager and version', async () => {
    const manager = new TestManager(widget);
    await manager.apply('a', spec({ size: 1, colour: 'red' }));
    manager.update('kubectl', spec({ size: 5, colour: 'red' }));
    expect(manager.owned('a')).toEqual(['.spec.colour']);
    expect(manager.owned('kubectl', 'Update')).toEqual(['.spec.size']);
    expect(await manager.conflicts('a', spec({ size: 1, colour: 'red' }))).toBe(
      'Apply failed with 1 conflict: conflict with "kubectl" using v1: .spec.size',
    );
  });

  test('a field given up is left to the updater that set it since', async () => {
    const manager = new TestManager(widget);
    await manager.apply('a', spec({ size: 1, colour: 'red' }));
    manager.update('hpa', spec({ size: 5, colour: 'red' }));
    await manager.apply('a', spec({ colour: 'red' }));
    expect(manager.object).toEqual(spec({ size: 5, colour: 'red' }));
    expect(manager.owned('hpa', 'Update')).toEqual(['.spec.size']);
  });

  test('what an applier never owned is not removed', async () => {
    const manager = new TestManager(widget);
    manager.update('u', spec({ size: 5, labels: { theirs: '1' } }));
    await manager.apply('a', spec({ labels: { mine: '1' } }));
    await manager.apply('a', {});
    expect(manager.object).toEqual(spec({ size: 5, labels: { theirs: '1' } }));
  });

  test('a removed field has no managers any more', async () => {
    const manager = new TestManager(widget);
    await manager.apply('a', spec({ size: 1, colour: 'red' }));
    manager.update('b', spec({ colour: 'red' }));
    expect(manager.owned('a')).toEqual(['.spec.colour']);
    expect(manager.owned('b', 'Update')).toEqual([]);
  });

  test('updates of one manager are one entry, of which the last time counts; a write that changes nothing leaves it alone', () => {
    const manager = new TestManager(widget, spec({ size: 1 }));
    manager.update('k', spec({ size: 2 }));
    manager.update('k', spec({ size: 2, colour: 'red' }));
    expect(manager.entries).toHaveLength(1);
    expect(manager.owned('k', 'Update')).toEqual(['.spec.colour', '.spec.size']);
    const entries = manager.entries;
    manager.update('k', spec({ colour: 'red', size: 2 }));
    expect(manager.entries).toBe(entries);
    expect(manager.timeOf('k')).toBe('2026-11-24T10:00:01Z');
  });

  test('fields that a write cannot change are neither taken nor lost', () => {
    const manager = new TestManager(widget, spec({ size: 1 }));
    manager.update('a', spec({ size: 2 }));
    manager.update('b', spec({ size: 3, colour: 'red' }), { 'f:spec': { 'f:size': {} } });
    expect(manager.owned('a', 'Update')).toEqual(['.spec.size']);
    expect(manager.owned('b', 'Update')).toEqual(['.spec.colour']);
  });

  test('a map, list or struct that comes is owned with all it holds', () => {
    const manager = new TestManager(widget, spec({}));
    manager.update('u', spec({ labels: { a: '1' }, ports: [{ port: 1, protocol: 'UDP' }], nested: { a: 'x' } }));
    expect(manager.owned('u', 'Update')).toEqual(
      [
        '.spec.labels',
        '.spec.labels.a',
        '.spec.nested',
        '.spec.nested.a',
        '.spec.ports',
        '.spec.ports[port=1,protocol="UDP"]',
        '.spec.ports[port=1,protocol="UDP"].port',
        '.spec.ports[port=1,protocol="UDP"].protocol',
      ].sort(),
    );
  });

  test('duplicates in a list are owned together, and an applied list may not have any', async () => {
    const manager = new TestManager(widget, spec({ ports: [] }));
    manager.update(
      'u',
      spec({
        ports: [
          { port: 1, name: 'a' },
          { port: 1, name: 'b' },
        ],
      }),
    );
    expect(manager.owned('u', 'Update')).toEqual(['.spec.ports[port=1,protocol="TCP"]']);
    manager.update('v', spec({ ports: [{ port: 1, name: 'a' }] }));
    expect(manager.owned('u', 'Update')).toEqual([]);
    await expect(manager.apply('a', spec({ ports: [{ port: 1 }, { port: 1, protocol: 'TCP' }] }))).rejects.toThrow(
      '.spec.ports: duplicate entries for key [port=1,protocol="TCP"]',
    );
  });
});

describe('order of merged lists', () => {
  test.each<[string, string[], string[], string[]]>([
    ['what is new comes behind', ['a', 'b'], ['a', 'b', 'c'], ['a', 'b', 'c']],
    ['what is new comes where it was put', ['a', 'c'], ['a', 'b', 'c'], ['a', 'b', 'c']],
    ['the configuration’s order wins', ['a', 'b', 'c'], ['c', 'a'], ['b', 'c', 'a']],
    ['others stay beside their neighbours', ['a', 'x', 'b', 'y'], ['a', 'b', 'c'], ['a', 'x', 'b', 'y', 'c']],
    ['nothing in common', ['x', 'y'], ['a'], ['x', 'y', 'a']],
  ])('%s', async (_, live, config, merged) => {
    const manager = new TestManager(widget, spec({ tags: live }));
    await manager.apply('me', spec({ tags: config }));
    expect((manager.object['spec'] as JsonObject)['tags']).toEqual(merged);
  });

  test('items are merged where they stand', async () => {
    const manager = new TestManager(
      widget,
      spec({
        ports: [
          { port: 1, protocol: 'TCP', name: 'one' },
          { port: 2, protocol: 'TCP' },
        ],
      }),
    );
    await manager.apply('me', spec({ ports: [{ port: 2, name: 'two' }] }));
    expect(manager.object).toEqual(
      spec({
        ports: [
          { port: 1, protocol: 'TCP', name: 'one' },
          { port: 2, protocol: 'TCP', name: 'two' },
        ],
      }),
    );
  });
});

describe('times', () => {
  test('an apply that changes nothing leaves the object and the time', async () => {
    const manager = new TestManager(widget);
    await manager.apply('a', spec({ size: 1 }));
    const { object, entries } = manager;
    await manager.apply('a', spec({ size: 1 }));
    expect(manager.object).toBe(object);
    expect(manager.entries).toEqual(entries);
  });

  test('entries come appliers first, then by time', async () => {
    const manager = new TestManager(widget);
    manager.update('u', spec({ colour: 'red' }));
    await manager.apply('a', spec({ size: 1 }));
    manager.update('v', spec({ colour: 'red', size: 1, flag: true }));
    expect(manager.entries.map((entry) => `${entry.operation} ${entry.manager}`)).toEqual(['Apply a', 'Update u', 'Update v']);
  });
});

describe('the number of updaters', () => {
  test('the oldest of more than ten become one', () => {
    const manager = new TestManager(widget, spec({ labels: {} }));
    const labels: { [name: string]: string } = {};
    for (let i = 0; i < 13; i++) {
      labels[`l${i}`] = 'x';
      manager.update(`m${i}`, spec({ labels: { ...labels } }));
    }
    expect(manager.entries).toHaveLength(10);
    expect(manager.entries[0]).toMatchObject({ manager: 'ancient-changes', operation: 'Update' });
    expect(manager.owned('ancient-changes', 'Update')).toEqual([
      '.spec.labels.l0',
      '.spec.labels.l1',
      '.spec.labels.l2',
      '.spec.labels.l3',
    ]);
    expect(manager.owned('m12', 'Update')).toEqual(['.spec.labels.l12']);
  });
});

describe('what does not fit', () => {
  test.each<[string, JsonObject, string]>([
    ['an unknown field', { foo: 1 }, '.spec.foo: field not declared in schema'],
    ['a text for a number', { size: 'x' }, '.spec.size: expected numeric (int or float), got string'],
    ['a number for a text', { colour: 1 }, '.spec.colour: expected string, got &value.valueUnstructured{Value:1}'],
    ['a text for a boolean', { flag: 'yes' }, '.spec.flag: expected boolean, got &{yes}'],
    ['a list for a map', { labels: ['a'] }, '.spec.labels: expected map, got &{[a]}'],
    ['a map for a list', { tags: { a: 1 } }, '.spec.tags: expected list, got &{map[a:1]}'],
    ['an item without its key', { ports: [{ name: 'x' }], tags: ['a', 'a'] }, '.spec.tags: duplicate entries for key [="a"]'],
  ])('%s', (_, config, message) => {
    expect(misfit(widget, spec(config))).toBe(message);
  });

  test('everything at once', () => {
    expect(misfit(widget, spec({ size: 'x', flag: 1 }))).toBe(
      'errors:\n  .spec.size: expected numeric (int or float), got string\n  .spec.flag: expected boolean, got &{1}',
    );
  });
});

describe('built-in types', () => {
  const deployment = applyTypeOf(schemas.get('apps.v1.Deployment'));

  test('a Deployment by its lists’ keys', async () => {
    const manager = new TestManager(deployment);
    const container = { name: 'web', image: 'nginx', ports: [{ containerPort: 80 }], env: [{ name: 'A', value: '1' }], args: ['x'] };
    await manager.apply('me', {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: {
        name: 'web',
        labels: { app: 'web' },
        finalizers: ['x.io/f'],
        ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'u' }],
      },
      spec: { replicas: 1, selector: { matchLabels: { app: 'web' } }, template: { spec: { containers: [container] } } },
    });
    const c = '.spec.template.spec.containers[name="web"]';
    expect(manager.owned('me')).toEqual(
      [
        '.metadata.finalizers[="x.io/f"]',
        '.metadata.labels.app',
        '.metadata.ownerReferences[uid="u"]',
        '.spec.replicas',
        '.spec.selector',
        c,
        `${c}.args`,
        `${c}.env[name="A"]`,
        `${c}.env[name="A"].name`,
        `${c}.env[name="A"].value`,
        `${c}.image`,
        `${c}.name`,
        `${c}.ports[containerPort=80,protocol="TCP"]`,
        `${c}.ports[containerPort=80,protocol="TCP"].containerPort`,
      ].sort(),
    );
  });

  test('a field that no type has', () => {
    expect(misfit(deployment, { apiVersion: 'apps/v1', kind: 'Deployment', spec: { template: { kind: 'x' } } })).toBe(
      '.spec.template.kind: field not declared in schema',
    );
  });
});
