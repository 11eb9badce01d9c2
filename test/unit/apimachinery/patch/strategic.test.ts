import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../../../src/apimachinery/json.js';
import { applyStrategicMergePatch } from '../../../../src/apimachinery/patch/strategic.js';
import { schemas } from '../../../../src/kinds/index.js';
import { deepFreeze, objectOf } from '../arbitrary.js';

const podSchema = schemas.get('core.v1.Pod');
const patched = (doc: JsonObject, patch: JsonObject, id = 'core.v1.Pod') =>
  applyStrategicMergePatch(schemas.get(id), deepFreeze(doc), deepFreeze(patch));
const spec = (members: JsonObject): JsonObject => ({ spec: members });
const containers = (...list: JsonObject[]): JsonObject => spec({ containers: list });

describe('lists with a merge key', () => {
  const doc = containers({ name: 'a', image: 'a:1', args: ['x'] }, { name: 'b', image: 'b:1' });

  test('items merge into those of the same name, new ones are put in', () => {
    expect(patched(doc, containers({ name: 'b', image: 'b:2' }, { name: 'c', image: 'c:1' }))).toEqual(
      containers({ name: 'a', image: 'a:1', args: ['x'] }, { name: 'b', image: 'b:2' }, { name: 'c', image: 'c:1' }),
    );
  });

  test('the patch’s items keep its order; others come before the first that they came before', () => {
    const names = (live: string, patch: string) => {
      const list = (text: string) => containers(...[...text].map((name) => ({ name })));
      const { spec } = patched(list(live), list(patch)) as { spec: { containers: { name: string }[] } };
      return spec.containers.map(({ name }) => name).join('');
    };
    expect(names('a', 'b')).toBe('ba');
    expect(names('ab', 'b')).toBe('ab');
    expect(names('abc', 'cb')).toBe('acb');
    expect(names('abc', 'xc')).toBe('xabc');
    const { metadata } = patched({ metadata: { finalizers: ['a', 'b'] } }, { metadata: { finalizers: ['c', 'b'] } });
    expect(metadata).toEqual({ finalizers: ['c', 'a', 'b'] });
  });

  test('lists without one inside them are replaced', () => {
    expect(patched(doc, containers({ name: 'a', args: ['y', 'z'] }))).toMatchObject(
      containers({ name: 'a', image: 'a:1', args: ['y', 'z'] }, {}),
    );
  });

  test('$patch: delete removes an item, $patch: replace one or all', () => {
    expect(patched(doc, containers({ name: 'a', $patch: 'delete' }))).toEqual(containers({ name: 'b', image: 'b:1' }));
    expect(patched(doc, containers({ name: 'gone', $patch: 'delete' }))).toEqual(doc);
    expect(patched(doc, containers({ $patch: 'replace' }, { name: 'z' }))).toEqual(containers({ name: 'z' }));
  });

  test('$setElementOrder orders; items that the client did not know keep their place', () => {
    const order = (...names: string[]) => ({ '$setElementOrder/containers': names.map((name) => ({ name })) });
    const live = containers({ name: 'a' }, { name: 'injected' }, { name: 'b' });
    expect(patched(live, spec({ ...order('b', 'a') }))).toEqual(containers({ name: 'injected' }, { name: 'b' }, { name: 'a' }));
    expect(patched(live, spec({ ...order('a', 'new', 'b'), containers: [{ name: 'new' }] }))).toEqual(
      containers({ name: 'a' }, { name: 'new' }, { name: 'injected' }, { name: 'b' }),
    );
  });

  test('ports merge by containerPort, of the Service by port', () => {
    const live = containers({ name: 'a', ports: [{ containerPort: 80, protocol: 'TCP', name: 'web' }] });
    expect(patched(live, containers({ name: 'a', ports: [{ containerPort: 80, hostPort: 8080 }] }))).toEqual(
      containers({ name: 'a', ports: [{ containerPort: 80, protocol: 'TCP', name: 'web', hostPort: 8080 }] }),
    );
    const service = spec({ ports: [{ port: 80, nodePort: 30080 }] });
    expect(patched(service, spec({ ports: [{ port: 80, nodePort: 30081 }, { port: 90 }] }), 'core.v1.Service')).toEqual(
      spec({ ports: [{ port: 80, nodePort: 30081 }, { port: 90 }] }),
    );
  });

  test('an item without its merge key is refused', () => {
    expect(() => patched(doc, containers({ image: 'x' }))).toThrow(
      expect.objectContaining({ code: 400, message: expect.stringContaining('merge key: name') }),
    );
  });
});

describe('lists of primitives', () => {
  const doc: JsonObject = { metadata: { finalizers: ['a', 'b'] } };

  test('with merge take what they lack, and give by $deleteFromPrimitiveList', () => {
    expect(patched(doc, { metadata: { finalizers: ['b', 'c'] } })).toEqual({ metadata: { finalizers: ['a', 'b', 'c'] } });
    expect(patched(doc, { metadata: { '$deleteFromPrimitiveList/finalizers': ['a'] } })).toEqual({ metadata: { finalizers: ['b'] } });
    expect(
      patched(doc, {
        metadata: { '$deleteFromPrimitiveList/finalizers': ['a'], '$setElementOrder/finalizers': ['c', 'b'], finalizers: ['c'] },
      }),
    ).toEqual({ metadata: { finalizers: ['c', 'b'] } });
  });
});

describe('directives in objects', () => {
  test('$patch: replace and delete', () => {
    const doc = spec({ securityContext: { runAsUser: 1, fsGroup: 2 }, nodeSelector: { a: 'b' } });
    expect(patched(doc, spec({ securityContext: { $patch: 'replace', runAsUser: 3 } }))).toEqual(
      spec({ securityContext: { runAsUser: 3 }, nodeSelector: { a: 'b' } }),
    );
    expect(patched(doc, spec({ nodeSelector: { $patch: 'delete' } }))).toMatchObject(spec({ nodeSelector: {} }));
    expect(() => patched(doc, spec({ $patch: 'explode' }))).toThrow(expect.objectContaining({ code: 400 }));
  });

  test('$retainKeys drops what it does not name: the other type of a volume, the old strategy', () => {
    const live = spec({ strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } } });
    const patch = spec({ strategy: { $retainKeys: ['type'], type: 'Recreate' } });
    expect(patched(live, patch, 'apps.v1.Deployment')).toEqual(spec({ strategy: { type: 'Recreate' } }));
    const volumes = spec({ volumes: [{ name: 'v', emptyDir: {} }] });
    expect(patched(volumes, spec({ volumes: [{ $retainKeys: ['name', 'configMap'], name: 'v', configMap: { name: 'c' } }] }))).toEqual(
      spec({ volumes: [{ name: 'v', configMap: { name: 'c' } }] }),
    );
    expect(() => patched(live, spec({ strategy: { $retainKeys: [], type: 'Recreate' } }), 'apps.v1.Deployment')).toThrow(
      expect.objectContaining({ code: 400 }),
    );
  });

  test('nulls and directives do not end up in what was not there before', () => {
    expect(patched({}, { metadata: { labels: { a: null, b: 'c' } }, ...containers({ name: 'x', $patch: 'delete' }) })).toEqual({
      metadata: { labels: { b: 'c' } },
      spec: { containers: [] },
    });
  });
});

test('labels and annotations merge by key, null removes', () => {
  const doc: JsonObject = { metadata: { labels: { a: '1', b: '2' } } };
  expect(patched(doc, { metadata: { labels: { a: null, c: '3' } } })).toEqual({ metadata: { labels: { b: '2', c: '3' } } });
});

test('malformed patches are refused', () => {
  for (const patch of [[], 'x', null])
    expect(() => applyStrategicMergePatch(podSchema, {}, patch)).toThrow(expect.objectContaining({ code: 400 }));
  expect(() => patched({}, containers('x' as unknown as JsonObject))).toThrow(expect.objectContaining({ code: 400 }));
  expect(() => patched({}, { metadata: { '$setElementOrder/finalizers': 'x' } })).toThrow(expect.objectContaining({ code: 400 }));
});

test('the empty patch changes nothing, and any patch leaves the document alone', () => {
  fc.assert(
    fc.property(objectOf(podSchema, 3), objectOf(schemas.get('meta.v1.ObjectMeta'), 0), (doc, metadata) => {
      expect(patched(doc, {})).toEqual(doc);
      const before = JSON.stringify(doc);
      patched(doc, { metadata });
      expect(JSON.stringify(doc)).toBe(before);
    }),
    { numRuns: 60 },
  );
});
