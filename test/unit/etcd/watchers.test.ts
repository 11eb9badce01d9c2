// WatcherIndex finds whom a key concerns, as asking each of them would; RecentKeys keeps what was written last, and no more than fits.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { KeyValue } from '../../../src/etcd/backend.js';
import { RecentKeys } from '../../../src/etcd/recent-keys.js';
import { inRange } from '../../../src/etcd/transaction.js';
import { type Ranged, WatcherIndex } from '../../../src/etcd/watchers.js';

/** Few letters, so that ranges meet, nest and are the same. */
const key = fc.string({ unit: fc.constantFrom('a', 'b', '\0', '\xff'), maxLength: 3 });
const watcher = fc
  .record({ key, rangeEnd: fc.option(fc.oneof(key, fc.constant('\0')), { nil: undefined }) })
  .map(({ key, rangeEnd }): Ranged => ({ request: rangeEnd === undefined ? { key } : { key, rangeEnd } }));

describe('WatcherIndex', () => {
  it('finds each watcher of a key once, whichever came and went', () => {
    fc.assert(
      fc.property(fc.array(watcher, { maxLength: 30 }), fc.array(fc.nat(29), { maxLength: 10 }), fc.array(key), (all, gone, keys) => {
        const index = new WatcherIndex<Ranged>();
        for (const each of all) index.add(each);
        const check = (left: readonly Ranged[]) => {
          for (const at of keys) {
            const found: Ranged[] = [];
            index.visit(at, (each) => found.push(each));
            const wanted = left.filter(({ request }) => inRange(at, request.key, request.rangeEnd));
            expect(found).toHaveLength(wanted.length);
            expect(new Set(found)).toEqual(new Set(wanted));
          }
        };
        check(all);
        for (const i of gone) if (all[i]) index.delete(all[i]);
        check(all.filter((_, i) => !gone.includes(i)));
        expect([...index]).toHaveLength(new Set(all.filter((_, i) => !gone.includes(i))).size);
      }),
    );
  });
});

describe('RecentKeys', () => {
  const kv = (name: string, bytes: number): KeyValue => ({
    key: name,
    value: Buffer.alloc(bytes),
    createRevision: 1,
    modRevision: bytes,
    version: 1,
    lease: 0n,
  });

  it('has a key as it was last set, until it is deleted', () => {
    const keys = new RecentKeys();
    keys.set(kv('a', 1));
    keys.set(kv('a', 2));
    expect(keys.get('a')?.modRevision).toBe(2);
    keys.delete('a');
    expect(keys.get('a')).toBeUndefined();
  });

  it('lets the oldest go where there are too many, and counts what it keeps', () => {
    const keys = new RecentKeys();
    for (let round = 0; round < 3; round++) for (let i = 0; i < 100; i++) keys.set(kv(`k${i}`, 1 << 20));
    const kept = Array.from({ length: 100 }, (_, i) => i).filter((i) => keys.get(`k${i}`));
    expect(kept).toEqual(Array.from({ length: 15 }, (_, i) => 85 + i));
    keys.clear();
    for (let i = 0; i < 15; i++) keys.set(kv(`n${i}`, 1 << 20));
    expect(keys.get('n0')).toBeDefined();
  });
});
