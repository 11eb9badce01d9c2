// The small structures under the watch cache, each against a plain model.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../../../src/apimachinery/object.js';
import { CacheEvent } from '../../../src/apiserver/storage/cache-event.js';
import { decodeContinue, encodeContinue } from '../../../src/apiserver/storage/continue-token.js';
import { EventRing } from '../../../src/apiserver/storage/event-ring.js';
import { RecentObjects } from '../../../src/apiserver/storage/recent-objects.js';
import { SortedKeys } from '../../../src/apiserver/storage/sorted-keys.js';
import { ObjectCodec, type StoredObject } from '../../../src/apiserver/storage/stored.js';
import { configMaps } from '../../../src/kinds/core/configmap.js';
import { pods } from '../../../src/kinds/core/pod.js';

describe('sorted keys', () => {
  it('hold what a sorted set holds', () => {
    const key = fc.stringMatching(/^[ab]\/[a-c]{1,2}$/);
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), key)), (steps) => {
        const keys = new SortedKeys();
        const model = new Set<string>();
        for (const [add, each] of steps) {
          if (add) keys.add(each);
          else keys.delete(each);
          if (add) model.add(each);
          else model.delete(each);
        }
        const sorted = [...model].sort();
        expect([...keys.withPrefix('')]).toEqual(sorted);
        expect([...keys.withPrefix('a/')]).toEqual(sorted.filter((each) => each.startsWith('a/')));
      }),
    );
  });

  it('do so also where there are many, coming in any order and going again', () => {
    const name = (i: number) => `${i % 3}/${String((i * 7919) % 10_007).padStart(5, '0')}`;
    const keys = new SortedKeys();
    for (let i = 0; i < 10_000; i++) keys.add(name(i));
    for (let i = 0; i < 10_000; i += 2) keys.delete(name(i));
    for (let i = 0; i < 10_000; i += 4) keys.add(name(i));
    const left = Array.from({ length: 10_000 }, (_, i) => i).filter((i) => i % 2 === 1 || i % 4 === 0);
    const sorted = left.map(name).sort();
    expect([...keys.withPrefix('')]).toEqual(sorted);
    expect([...keys.withPrefix('1/')]).toEqual(sorted.filter((each) => each.startsWith('1/')));
    expect([...keys.withPrefix('3/')]).toEqual([]);
    for (const each of sorted) keys.delete(each);
    expect([...keys.withPrefix('')]).toEqual([]);
  });
});

describe('event ring', () => {
  const event = (revision: number, seenAt_ms: number) => new CacheEvent(`k${revision}`, revision, seenAt_ms, undefined, undefined);

  it('keeps a hundred events however old, and fresh ones beyond that', () => {
    const ring = new EventRing(10);
    for (let i = 1; i <= 300; i++) ring.push(event(10 + i, i * 1000));
    expect(ring.size).toBe(100);
    expect(ring.floor).toBe(210);
    expect(ring.after(305).map(({ revision }) => revision)).toEqual([306, 307, 308, 309, 310]);
    expect(ring.after(210)).toHaveLength(100);
    expect(ring.after(310)).toEqual([]);
  });

  it('is bounded in a burst', () => {
    const ring = new EventRing(0);
    for (let i = 1; i <= 50_000; i++) ring.push(event(i, 0));
    expect(ring.size).toBe(20_000);
    expect(ring.floor).toBe(30_000);
  });
});

describe('stored objects', () => {
  const codec = new ObjectCodec(configMaps);
  const object = (data: { [key: string]: string }): KubeObject =>
    ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'ä', namespace: 'n', uid: 'u', creationTimestamp: 't' },
      data,
    }) as unknown as KubeObject;

  it('carry the revision of their write as resourceVersion, parsed and encoded alike', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.string()), (data) => {
        const value = codec.encode(object(data));
        // Foreign bytes, as from another process, are parsed; our own are not.
        for (const bytes of [value, Buffer.from(value)]) {
          const stored = codec.decode(bytes, 42);
          expect(stored.object.metadata.resourceVersion).toBe('42');
          expect(JSON.parse(stored.bytes.toString())).toEqual(stored.object);
        }
        expect(Buffer.from(value).toString()).not.toContain('resourceVersion');
      }),
    );
  });

  it('are the same object for everyone who reads the same write', () => {
    const value = codec.encode(object({ a: 'b' }));
    expect(codec.decode(value, 7)).toBe(codec.decode(value, 7));
    expect(codec.decode(value, 7)).not.toBe(codec.decode(value, 8));
  });

  it('show the same object to all for as long as somebody has it, and what selectors ask about without it', () => {
    const labelled = { ...object({ a: 'b' }), metadata: { name: 'x', namespace: 'n', labels: { app: 'web' } } } as unknown as KubeObject;
    const stored = codec.decode(Buffer.from(codec.encode(labelled)), 7);
    expect(stored.object).toBe(stored.object);
    expect(stored.selectable).toEqual({ labels: { app: 'web' }, fields: { 'metadata.name': 'x', 'metadata.namespace': 'n' } });
    const phases = new ObjectCodec(pods, pods.selectableFields).decode(
      Buffer.from('{"kind":"Pod","apiVersion":"v1","metadata":{"name":"p","namespace":"n"},"spec":{"nodeName":"one"},"status":{}}'),
      8,
    );
    expect(phases.selectable.fields).toMatchObject({ 'metadata.name': 'p', 'spec.nodeName': 'one', 'status.phase': '' });
  });

  it('of a later revision are the same but for it', () => {
    const stored = codec.decode(Buffer.from(codec.encode(object({ a: 'b' }))), 9).at(12);
    expect(stored.revision).toBe(12);
    expect(JSON.parse(stored.bytes.toString())).toEqual({
      ...object({ a: 'b' }),
      metadata: { ...object({}).metadata, resourceVersion: '12' },
    });
  });

  it('hold on to no more than their own bytes', () => {
    const large = Buffer.alloc(100_000);
    const value = large.subarray(0, codec.encode(object({ a: 'b' })).length);
    value.set(codec.encode(object({ a: 'b' })));
    const { bytes, length } = codec.decode(value, 9);
    large.fill(0);
    expect(JSON.parse(bytes.toString()).data).toEqual({ a: 'b' });
    expect(length).toBe(bytes.length);
  });

  it('that others wrote in another order of fields are encoded anew', () => {
    const stored = codec.decode(Buffer.from('{"metadata":{"name":"a"},"kind":"ConfigMap","apiVersion":"v1"}'), 3);
    expect(JSON.parse(stored.bytes.toString())).toEqual({
      kind: 'ConfigMap',
      apiVersion: 'v1',
      metadata: { name: 'a', resourceVersion: '3' },
    });
  });

  it('of an event are seen by the eyes of each selector', () => {
    const [before, after] = [object({ a: '1' }), object({ a: '2' })].map((each, i) => codec.decode(codec.encode(each), i + 1));
    const event = new CacheEvent('k', 2, 0, after, before);
    const has = (value: string) => (stored: StoredObject) => (stored.object as unknown as { data: { a: string } }).data.a === value;
    expect(event.viewFor(undefined)?.type).toBe('MODIFIED');
    expect(event.viewFor(has('2'))?.type).toBe('ADDED');
    const gone = event.viewFor(has('1'));
    expect(gone?.type).toBe('DELETED');
    expect(gone?.object.object).toMatchObject({ data: { a: '1' }, metadata: { resourceVersion: '2' } });
    expect(event.viewFor(has('3'))).toBeUndefined();
  });
});

describe('the objects that were used last', () => {
  const object = { metadata: {} } as KubeObject;

  it('are bounded in number and in bytes', () => {
    const many = new RecentObjects();
    for (let i = 0; i < 10_000; i++) many.keep(object, 10);
    expect(many.count).toBe(2048);
    const large = new RecentObjects();
    for (let i = 0; i < 10_000; i++) large.keep(object, 1 << 20);
    expect(large.count).toBe(4);
    large.keep(object, 1 << 30);
    expect(large.count).toBe(0);
    large.keep(object, 10);
    expect(large.count).toBe(1);
  });
});

describe('continue tokens', () => {
  it('come back as they were given', () => {
    const token = { revision: 12, start: '/registry/pods/a/b\0' };
    expect(decodeContinue(encodeContinue(token), '/registry/pods/')).toEqual(token);
  });

  it('of other lists, other servers and nobody are refused', () => {
    const token = encodeContinue({ revision: 12, start: '/registry/secrets/a/b\0' });
    expect(() => decodeContinue(token, '/registry/pods/')).toThrow(/does not belong to this list/);
    expect(() => decodeContinue('rubbish', '/registry/pods/')).toThrow(/continue key is not valid/);
    expect(() => decodeContinue('x'.repeat(5000), '/registry/pods/')).toThrow(/continue key is not valid/);
  });
});
