// Every built-in kind: found by its names, made of a schema, and harmless with an object that says nothing.
import { describe, expect, it } from 'vitest';
import { tableOf } from '../../../src/apimachinery/table.js';
import { kindByGvk, kindByResource, kinds, schemas } from '../../../src/kinds/index.js';
import { validateObjectMeta } from '../../../src/kinds/validation.js';
import { created, NOW_ms } from './objects.js';

describe('finding a kind', () => {
  it('by resource or by kind', () => {
    expect(kindByResource('', 'v1', 'pods')?.kind).toBe('Pod');
    expect(kindByResource('apps', 'v1', 'deployments')?.kind).toBe('Deployment');
    expect(kindByGvk('apps/v1', 'ReplicaSet')?.plural).toBe('replicasets');
    expect(kindByGvk('v1', 'ReplicaSet')).toBeUndefined();
    expect(kindByResource('', 'v1', 'deployments')).toBeUndefined();
  });

  it('by a name or short name that no other kind has', () => {
    // A kind that is stored as another is a view of it, by the same names.
    const names = kinds.filter((kind) => !kind.storage).flatMap((kind) => [kind.plural, kind.singular, ...(kind.shortNames ?? [])]);
    // Endpoints is its own plural; metrics go by what they are of.
    expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual(['endpoints', 'nodes', 'pods']);
  });
});

describe.each(kinds.map((kind) => [kind.apiVersion, kind.kind, kind] as const))('%s %s', (_version, _name, kind) => {
  it('has a schema, and copes with an empty object without a crash', () => {
    expect(schemas.get(kind.schema).id).toBe(kind.schema);
    const object = created<never>(kind as never, {}) as never;
    expect(() => [validateObjectMeta(kind, object), kind.validate?.(object, undefined), kind.validate?.(object, object)]).not.toThrow();
    for (const [path, select] of Object.entries(kind.selectableFields ?? {}))
      expect([path, typeof select(object)]).toEqual([path, 'string']);
  });

  it('can be shown', () => {
    const draft = kind.kind === 'Pod' ? { spec: { containers: [] } } : {};
    const table = tableOf(kind, [created<never>(kind as never, draft)], { now_ms: NOW_ms, resourceVersion: '1' });
    expect(table.rows[0]?.cells).toHaveLength(table.columnDefinitions.length);
    for (const { description } of table.columnDefinitions) expect(description).not.toBe('');
  });

  it('changes no object that is only looked at', () => {
    const freeze = (value: unknown): unknown => {
      if (typeof value === 'object' && value !== null) for (const inner of Object.values(Object.freeze(value))) freeze(inner);
      return value;
    };
    const object = freeze(created<never>(kind as never, {})) as never;
    expect(() => kind.validate?.(object, object)).not.toThrow();
    expect(() => kind.gracePeriodSeconds?.(object, undefined)).not.toThrow();
  });
});
