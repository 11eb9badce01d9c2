// The suite that every Backend runs: what the contract in src/etcd/backend.ts promises, as a client of it sees it.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type Backend,
  type KeyEvent,
  prefixEnd,
  type RangeRequest,
  type TxnRequest,
  type WatchBatch,
  type WatchRequest,
} from '../../src/etcd/backend.js';

export interface BackendUnderTest {
  readonly backend: Backend;
  dispose(): Promise<void>;
}

const bytes = (text: string) => Buffer.from(text);
const put = (key: string, value: string, lease?: bigint) =>
  ({ type: 'put', key, value: bytes(value), ...(lease ? { lease } : {}) }) as const;
const always = (...success: TxnRequest['success']): TxnRequest => ({ compare: [], success, failure: [] });
const text = (value: Uint8Array) => Buffer.from(value).toString();
const shown = (event: KeyEvent) => `${event.type} ${event.kv.key}=${text(event.kv.value)}@${event.kv.modRevision}`;

/** Collects a watch's events until it has `count` of them. */
function collect(backend: Backend, request: WatchRequest) {
  const batches: WatchBatch[] = [];
  const ended: Error[] = [];
  let wake = () => {};
  const watch = backend.watch(request, {
    onBatch(batch) {
      batches.push(batch);
      wake();
    },
    onEnd(error) {
      ended.push(error);
      wake();
    },
  });
  const events = () => batches.flatMap((b) => b.events);
  const until = async (holds: () => boolean) => {
    while (!holds()) await new Promise<void>((resolve) => (wake = resolve));
  };
  return {
    watch,
    batches,
    ended,
    events,
    until,
    seen: (count: number) => until(() => events().length >= count).then(() => events().map(shown)),
  };
}

export function backendSuite(name: string, open: () => Promise<BackendUnderTest>): void {
  describe(`${name} keeps the Backend contract`, () => {
    let backend: Backend;
    let dispose: () => Promise<void>;
    beforeEach(async () => {
      ({ backend, dispose } = await open());
    });
    afterEach(() => dispose());

    it('starts empty at revision 1 and counts one revision a writing transaction', async () => {
      expect((await backend.range({ key: '', rangeEnd: '\0' })).revision).toBe(1);
      expect((await backend.txn(always(put('a', '1'), put('b', '1')))).revision).toBe(2);
      expect((await backend.txn(always({ type: 'range', request: { key: 'a' } }))).revision).toBe(2);
      expect((await backend.txn(always({ type: 'delete', key: 'nothing' }))).revision).toBe(2);
      const { kvs, count, revision } = await backend.range({ key: '', rangeEnd: '\0' });
      expect([kvs.map((kv) => kv.key), count, revision]).toEqual([['a', 'b'], 2, 2]);
    });

    it('tells create and mod revision and version of a key, anew after a delete', async () => {
      await backend.txn(always(put('k', '1')));
      await backend.txn(always(put('k', '2')));
      expect((await backend.range({ key: 'k' })).kvs[0]).toMatchObject({ createRevision: 2, modRevision: 3, version: 2 });
      await backend.txn(always({ type: 'delete', key: 'k' }));
      await backend.txn(always(put('k', '3')));
      expect((await backend.range({ key: 'k' })).kvs[0]).toMatchObject({ createRevision: 5, modRevision: 5, version: 1 });
    });

    it('reads ranges, prefixes, from a key on, with limit, count and keys only', async () => {
      await backend.txn(always(...['a', 'b/1', 'b/2', 'b/3', 'c', 'b\xff'].map((k) => put(k, k))));
      const keys = async (request: Parameters<Backend['range']>[0]) => (await backend.range(request)).kvs.map((kv) => kv.key);
      expect(await keys({ key: 'b/', rangeEnd: prefixEnd('b/') })).toEqual(['b/1', 'b/2', 'b/3']);
      expect(await keys({ key: 'b/2', rangeEnd: 'c' })).toEqual(['b/2', 'b/3', 'b\xff']);
      expect(await keys({ key: 'b\xff', rangeEnd: '\0' })).toEqual(['b\xff', 'c']);
      expect(await backend.range({ key: 'b/', rangeEnd: prefixEnd('b/'), limit: 2 })).toMatchObject({ count: 3, more: true });
      expect(await backend.range({ key: 'b/', rangeEnd: prefixEnd('b/'), limit: 3 })).toMatchObject({ count: 3, more: false });
      expect(await backend.range({ key: 'b/', rangeEnd: prefixEnd('b/'), countOnly: true })).toMatchObject({ count: 3, kvs: [] });
      expect((await backend.range({ key: 'a', keysOnly: true })).kvs[0]!.value).toHaveLength(0);
    });

    it('keeps keys with zero bytes apart and in order, now and in the past', async () => {
      await backend.txn(always(put('k', 'short'), put('k\0', 'zero'), put('k\0x', 'long')));
      await backend.txn(always(put('k', 'short2'), { type: 'delete', key: 'k\0' }));
      expect((await backend.range({ key: 'k', rangeEnd: 'l' })).kvs.map((kv) => kv.key)).toEqual(['k', 'k\0x']);
      const past = await backend.range({ key: 'k', rangeEnd: 'l', revision: 2 });
      expect(past.kvs.map((kv) => [kv.key, text(kv.value)])).toEqual([
        ['k', 'short'],
        ['k\0', 'zero'],
        ['k\0x', 'long'],
      ]);
      expect((await backend.range({ key: 'k', revision: 2 })).kvs.map((kv) => text(kv.value))).toEqual(['short']);
    });

    it('reads any past revision until compaction, and no future one', async () => {
      for (const value of ['1', '2', '3']) await backend.txn(always(put('k', value)));
      await backend.txn(always({ type: 'delete', key: 'k' }));
      const at = async (revision: number) => (await backend.range({ key: 'k', revision })).kvs.map((kv) => text(kv.value));
      expect([await at(1), await at(2), await at(3), await at(4), await at(5)]).toEqual([[], ['1'], ['2'], ['3'], []]);
      await expect(at(6)).rejects.toThrow('required revision is a future revision');
      await backend.compact(3);
      await expect(at(2)).rejects.toThrow('required revision has been compacted');
      expect([await at(3), await at(4)]).toEqual([['2'], ['3']]);
      await expect(backend.compact(3)).rejects.toThrow('required revision has been compacted');
      await expect(backend.compact(9)).rejects.toThrow('required revision is a future revision');
    });

    it('commits either branch by its compares, and nothing of the other', async () => {
      await backend.txn(always(put('k', 'old')));
      const swap = (mod: number): TxnRequest => ({
        compare: [{ key: 'k', target: 'mod', result: '=', value: mod }],
        success: [put('k', 'new')],
        failure: [{ type: 'range', request: { key: 'k' } }],
      });
      const lost = await backend.txn(swap(99));
      expect(lost).toMatchObject({ succeeded: false, revision: 2, results: [{ type: 'range', response: { count: 1 } }] });
      expect(await backend.txn(swap(2))).toMatchObject({ succeeded: true, revision: 3 });
      const compares: [TxnRequest['compare'][number], boolean][] = [
        [{ key: 'k', target: 'version', result: '>', value: 1 }, true],
        [{ key: 'k', target: 'create', result: '<', value: 2 }, false],
        [{ key: 'none', target: 'create', result: '=', value: 0 }, true],
        [{ key: 'k', target: 'value', result: '=', value: bytes('new') }, true],
        [{ key: 'k', target: 'value', result: '!=', value: bytes('new') }, false],
        [{ key: 'none', target: 'value', result: '!=', value: bytes('x') }, false],
      ];
      for (const [compare, succeeded] of compares)
        expect(await backend.txn({ compare: [compare], success: [], failure: [] })).toMatchObject({ succeeded });
    });

    it('runs operations on the state that earlier ones leave, and every compare on the state before the transaction', async () => {
      await backend.txn(always(put('p/1', 'x'), put('p/2', 'x')));
      const all = { key: 'p/', rangeEnd: prefixEnd('p/') };
      const range = (request: RangeRequest) => ({ type: 'range', request }) as const;
      const { results, revision } = await backend.txn(
        always(
          put('q', 'y'),
          range({ key: 'q' }),
          range({ key: 'q', keysOnly: true }),
          { type: 'delete', ...all, prevKv: true },
          range(all),
          {
            type: 'txn',
            request: { compare: [{ key: 'p/1', target: 'create', result: '=', value: 2 }], success: [put('r', 'z')], failure: [] },
          },
          range({ key: '', rangeEnd: '\0', keysOnly: true }),
        ),
      );
      expect(results).toMatchObject([
        { type: 'put' },
        { response: { count: 1, kvs: [{ value: bytes('y'), modRevision: 3 }] } },
        { response: { count: 1, kvs: [{ value: bytes('') }] } },
        { deleted: 2, prevKvs: [{ key: 'p/1' }, { key: 'p/2' }] },
        { response: { count: 0 } },
        { response: { succeeded: true } },
        { response: { kvs: [{ key: 'q', value: bytes('') }, { key: 'r' }] } },
      ]);
      expect(revision).toBe(3);
      expect((await backend.range({ key: '', rangeEnd: '\0' })).kvs.map((kv) => kv.key)).toEqual(['q', 'r']);
    });

    it('refuses to write a key twice, also by a deletion or in a nested transaction, but not in two branches', async () => {
      const nested = (success: TxnRequest['success'], failure: TxnRequest['failure']) =>
        ({ type: 'txn', request: { compare: [], success, failure } }) as const;
      for (const operations of [
        [put('k', '1'), { type: 'delete', key: 'k' }],
        [{ type: 'delete', key: 'a', rangeEnd: 'z' }, put('k', '1')],
        [put('k', '1'), nested([put('k', '2')], [])],
        [{ type: 'delete', key: 'k' }, nested([], [put('k', '2')])],
        [put('k', '1'), nested([{ type: 'delete', key: 'k' }], [])],
      ] as const) {
        await expect(backend.txn(always(...operations))).rejects.toThrow('duplicate key given in txn request');
      }
      await backend.txn(always(nested([put('k', 'then')], [put('k', 'else')])));
      expect(await backend.range({ key: 'k' })).toMatchObject({ revision: 2, kvs: [{ value: bytes('then') }] });
    });

    it('needs the lease of a put only in the branch that runs', async () => {
      const request = (value: number): TxnRequest => ({
        compare: [{ key: 'none', target: 'mod', result: '=', value }],
        success: [put('k', '1')],
        failure: [put('k', '2', 77n)],
      });
      expect(await backend.txn(request(0))).toMatchObject({ succeeded: true });
      await expect(backend.txn(request(1))).rejects.toThrow('requested lease not found');
    });

    it('lets exactly one of many racing compare-and-swaps win each round', async () => {
      await backend.txn(always(put('n', '0')));
      const increment = async () => {
        for (;;) {
          const kv = (await backend.range({ key: 'n' })).kvs[0]!;
          const swap: TxnRequest = {
            compare: [{ key: 'n', target: 'mod', result: '=', value: kv.modRevision }],
            success: [put('n', String(Number(text(kv.value)) + 1))],
            failure: [],
          };
          if ((await backend.txn(swap)).succeeded) return;
        }
      };
      await Promise.all(Array.from({ length: 20 }, increment));
      expect(text((await backend.range({ key: 'n' })).kvs[0]!.value)).toBe('20');
    });

    it('refuses what etcd refuses, and stores nothing of it', async () => {
      const many = Array.from({ length: 129 }, (_, i) => put(`k${i}`, ''));
      await expect(backend.txn(always(...many))).rejects.toThrow('too many operations in txn request');
      await expect(backend.txn(always(put('k', '1'), put('k', '2')))).rejects.toThrow('duplicate key given in txn request');
      await expect(backend.txn(always(put('k', 'x'.repeat(1_600_000))))).rejects.toThrow('request is too large');
      await expect(backend.txn(always(put('', 'x')))).rejects.toThrow('key is not provided');
      await expect(backend.txn(always(put('k', 'x', 77n)))).rejects.toThrow('requested lease not found');
      expect(await backend.range({ key: '', rangeEnd: '\0' })).toMatchObject({ revision: 1, count: 0 });
    });

    it('watches from a past revision into the present without gap or repeat', async () => {
      for (let i = 0; i < 50; i++) await backend.txn(always(put(`w/${i % 3}`, String(i)), put('other', String(i))));
      const watch = collect(backend, { key: 'w/', rangeEnd: prefixEnd('w/'), startRevision: 12 });
      for (let i = 50; i < 100; i++) await backend.txn(always(put(`w/${i % 3}`, String(i))));
      const expected = Array.from({ length: 90 }, (_, n) => `put w/${(n + 10) % 3}=${n + 10}@${n + 12}`);
      expect(await watch.seen(90)).toEqual(expected);
      expect(watch.batches.map((b) => b.revision)).toEqual([...new Set(watch.batches.map((b) => b.revision))].sort((a, b) => a - b));
      watch.watch.cancel();
    });

    it('tells deletions with previous values, live and from the past, and only the keys asked for', async () => {
      const request = { key: 'k', prevKv: true };
      const live = collect(backend, request);
      await backend.txn(always(put('k', '1'), put('kk', 'not asked for')));
      await backend.txn(always(put('k', '2')));
      await backend.txn(always({ type: 'delete', key: 'k' }));
      expect(await live.seen(3)).toEqual(['put k=1@2', 'put k=2@3', 'delete k=@4']);
      const past = collect(backend, { ...request, startRevision: 2 });
      await past.seen(3);
      for (const watch of [live, past]) expect(watch.events().map((e) => e.prevKv && text(e.prevKv.value))).toEqual([undefined, '1', '2']);
    });

    it('answers a progress request, waits for a future revision, and says nothing after cancel', async () => {
      const far = collect(backend, { key: 'k', startRevision: 4 });
      const cancelled = collect(backend, { key: 'k' });
      cancelled.watch.cancel();
      for (const value of ['1', '2', '3']) await backend.txn(always(put('k', value)));
      expect(await far.seen(1)).toEqual(['put k=3@4']);
      far.watch.requestProgress();
      await far.until(() => far.batches.at(-1)!.events.length === 0);
      expect(far.batches.at(-1)!.revision).toBe(4);
      expect(cancelled.batches).toEqual([]);
    });

    it('never tells a reader of a revision that the progress of watches has not reached', async () => {
      const { watch, batches } = collect(backend, { key: 'quiet' });
      let writing = true;
      const writes = (async () => {
        for (let i = 0; i < 100; i++) await backend.txn(always(put('k', String(i))));
        writing = false;
      })();
      while (writing) {
        const { revision } = await backend.range({ key: 'quiet' });
        const before = batches.length;
        watch.requestProgress();
        while (batches.length === before) await new Promise((resolve) => setImmediate(resolve));
        expect(batches.at(-1)!.revision).toBeGreaterThanOrEqual(revision);
        // A read of one key may take no turn of the event loop, and the writes need some.
        await new Promise((resolve) => setImmediate(resolve));
      }
      await writes;
    });

    it('ends a watch that starts below the compacted revision, and all of them on close', async () => {
      for (const value of ['1', '2', '3']) await backend.txn(always(put('k', value)));
      await backend.compact(3);
      const old = collect(backend, { key: 'k', startRevision: 2 });
      await old.until(() => old.ended.length > 0);
      expect(old.ended[0]!.message).toContain('compacted');
      const kept = collect(backend, { key: 'k', startRevision: 3 });
      expect(await kept.seen(2)).toEqual(['put k=2@3', 'put k=3@4']);
      await backend.close();
      expect(kept.ended).toHaveLength(1);
      await expect(backend.range({ key: 'k' })).rejects.toThrow();
    });

    it('gives a deletion by lease its own revision, at whatever moment of a transaction it comes', async () => {
      const watch = collect(backend, { key: '', rangeEnd: '\0', startRevision: 2 });
      const expected: string[] = [];
      for (let moment = 0; moment < 12; moment++) {
        const { id } = await backend.leaseGrant(60);
        const { revision } = await backend.txn(always(put('leased', '1', id), put('p/1', 'x')));
        const replacing = backend.txn(always({ type: 'delete', key: 'p/', rangeEnd: prefixEnd('p/') }, put('q', 'y')));
        for (let i = 0; i < moment; i++) await null;
        await backend.leaseRevoke(id);
        const at = (await replacing).revision;
        const other = at === revision + 1 ? at + 1 : at - 1;
        expected.push(`put leased=1@${revision}`, `put p/1=x@${revision}`);
        expected.push(`delete leased=@${other}`, `delete p/1=@${at}`, `put q=y@${at}`);
      }
      expect((await watch.seen(expected.length)).toSorted()).toEqual(expected.toSorted());
      watch.watch.cancel();
    });

    it('removes the keys of a revoked lease, and follows keys that change lease', async () => {
      const { id } = await backend.leaseGrant(60);
      await backend.leaseGrant(60, 7n);
      expect((await backend.leases()).length).toBe(2);
      await backend.txn(always(put('a', '1', id), put('b', '1', id), put('c', '1')));
      await backend.txn(always(put('b', '2', 7n)));
      expect((await backend.leaseTimeToLive(id, true)).keys).toEqual(['a']);
      expect(await backend.leaseKeepAlive(id)).toMatchObject({ grantedTtl_s: 60, ttl_s: 60 });
      await backend.leaseRevoke(id);
      expect((await backend.range({ key: '', rangeEnd: '\0' })).kvs.map((kv) => kv.key)).toEqual(['b', 'c']);
      expect(await backend.leaseTimeToLive(id)).toMatchObject({ ttl_s: -1 });
      await expect(backend.leaseKeepAlive(id)).rejects.toThrow('requested lease not found');
    });
  });
}
