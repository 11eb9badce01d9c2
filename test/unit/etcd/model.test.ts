// The stores against a plain model: whatever is done to both, in whatever order, they answer the same.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/apimachinery/clock.js';
import { silentLogger } from '../../../src/apimachinery/logger.js';
import {
  type Backend,
  CompactedError,
  type KeyEvent,
  type Operation,
  type RangeRequest,
  type TxnRequest,
  type Watch,
  type WatchBatch,
} from '../../../src/etcd/backend.js';
import { openLevelBackend } from '../../../src/etcd/leveldb.js';
import { createMemoryBackend } from '../../../src/etcd/memory.js';
import { StoreModel, within } from '../../suites/etcd-model.js';

const LEASES = [1n, 2n];
const STEPS_MAX = 60;
/** Some continue others, with bytes at both ends of the order. */
const key = fc.constantFrom('a', 'a\0', 'a\0\x01', 'a\xff', 'ab', 'b', 'b/1', 'c');
const rangeEnd = fc.constantFrom('\0', 'a', 'a\x01', 'b', 'b0', 'd');
const value = fc.string({ maxLength: 3 }).map((text) => Buffer.from(text));
const flag = fc.boolean();
/** A part of what there is at the time, from none to all. */
const part = fc.integer({ min: 0, max: 100 }).map((percent) => percent / 100);
const ranged = fc.oneof(
  fc.record({ key }),
  fc.record({ key, rangeEnd }),
  fc.constantFrom({ key: '', rangeEnd: '\0' }, { key: 'a', rangeEnd: 'b' }, { key: 'b', rangeEnd: '\0' }),
);
const rangeRequest = fc
  .record({ range: ranged, limit: fc.constantFrom(0, 0, 1, 2), countOnly: flag, keysOnly: flag })
  .map(({ range, ...rest }) => ({ ...range, ...rest }));
const result = fc.constantFrom('=', '!=', '<', '>');
const compare = fc.oneof(
  fc.record({ key, result, target: fc.constantFrom('version', 'create', 'mod'), value: fc.nat(6) }),
  fc.record({ key, result, target: fc.constant('value'), value }),
  fc.record({ key, result, target: fc.constant('lease'), value: fc.constantFrom(0n, ...LEASES) }),
);
/** Puts twice as often as each other operation: deletions empty the store soon enough. */
const put = fc.record({ type: fc.constant('put'), key, value, lease: fc.constantFrom(0n, 0n, ...LEASES), prevKv: flag });
const remove = fc.record({ range: ranged, prevKv: flag }).map(({ range, prevKv }) => ({ type: 'delete', ...range, prevKv }));
const { txn } = fc.letrec<{ txn: TxnRequest; op: Operation }>((tie) => ({
  op: fc.oneof({ maxDepth: 2 }, put, put, remove, fc.record({ type: fc.constant('range'), request: rangeRequest }), {
    arbitrary: fc.record({ type: fc.constant('txn'), request: tie('txn') }),
    weight: 1,
  }) as fc.Arbitrary<Operation>,
  txn: fc.record({
    compare: fc.array(compare, { maxLength: 2 }),
    success: fc.array(tie('op'), { maxLength: 4 }),
    failure: fc.array(tie('op'), { maxLength: 2 }),
  }) as fc.Arbitrary<TxnRequest>,
}));

const step = fc.oneof(
  // Several at once share a sync.
  { arbitrary: fc.record({ do: fc.constant('txns'), txns: fc.array(txn, { minLength: 1, maxLength: 5 }) }), weight: 8 },
  { arbitrary: fc.record({ do: fc.constant('range'), request: rangeRequest, at: part }), weight: 3 },
  { arbitrary: fc.record({ do: fc.constant('watch'), range: ranged, from: part }), weight: 2 },
  { arbitrary: fc.record({ do: fc.constant('compact'), at: part }), weight: 1 },
  { arbitrary: fc.record({ do: fc.constantFrom('grant', 'revoke'), id: fc.constantFrom(...LEASES) }), weight: 1 },
  { arbitrary: fc.record({ do: fc.constant('reopen') }), weight: 1 },
) as fc.Arbitrary<Step>;

type Step =
  | { readonly do: 'txns'; readonly txns: readonly TxnRequest[] }
  | { readonly do: 'range'; readonly request: RangeRequest; readonly at: number }
  | { readonly do: 'watch'; readonly range: { readonly key: string; readonly rangeEnd?: string }; readonly from: number }
  | { readonly do: 'compact'; readonly at: number }
  | { readonly do: 'grant' | 'revoke'; readonly id: bigint }
  | { readonly do: 'reopen' };

/** How a store is opened: again on what it had, where it keeps anything. */
interface Opener {
  open(): Promise<Backend>;
  readonly durable: boolean;
  dispose(): Promise<void>;
}

const root = await mkdtemp(join(tmpdir(), 'porthole-etcd-model-'));
afterAll(() => rm(root, { recursive: true, force: true }));
let made = 0;

const STORES: readonly { readonly name: string; readonly runs: number; opener(): Opener }[] = [
  {
    name: 'the store in memory',
    runs: 150,
    opener: () => ({ open: () => createMemoryBackend({ clock: systemClock }), durable: false, dispose: async () => {} }),
  },
  {
    name: 'LevelDB',
    runs: 50,
    opener() {
      const dir = join(root, String(++made));
      const open = () => openLevelBackend({ dir, clock: systemClock, log: silentLogger });
      return { open, durable: true, dispose: () => rm(dir, { recursive: true, force: true }) };
    },
  },
];

describe.each(STORES)('$name', ({ runs, opener }) => {
  it('answers as the model does, whatever is done to it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: STEPS_MAX, size: 'max' }), async (steps) => {
        const store = opener();
        const walk = new Walk(store, await store.open());
        try {
          for (const each of steps) await walk.take(each);
          await walk.finish();
        } finally {
          await walk.backend.close();
          await store.dispose();
        }
      }),
      { numRuns: runs },
    );
  });
});

class Walk {
  readonly #model = new StoreModel();
  #watches: Watched[] = [];

  constructor(
    private readonly store: Opener,
    public backend: Backend,
  ) {}

  async take(step: Step): Promise<void> {
    const model = this.#model;
    switch (step.do) {
      case 'txns': {
        const requests = step.txns.map((request) => allowed(request, model));
        const answers = await Promise.all(requests.map((request) => this.backend.txn(request)));
        expect(answers.map(comparable)).toEqual(requests.map((request) => comparable(model.txn(request))));
        return;
      }
      case 'range': {
        const request = { ...step.request, revision: Math.round(step.at * model.revision) };
        return expect(await outcome(() => this.backend.range(request))).toEqual(await outcome(async () => model.range(request)));
      }
      case 'watch':
        this.#watches.push(new Watched(this.backend, step.range, 1 + Math.round(step.from * model.revision)));
        return;
      case 'compact': {
        const revision = Math.round(step.at * model.revision);
        if (revision <= model.compacted) return expect(this.backend.compact(revision)).rejects.toThrow(CompactedError);
        model.compact(revision);
        return this.backend.compact(revision);
      }
      case 'grant':
        if (model.has(step.id)) return expect(this.backend.leaseGrant(600, step.id)).rejects.toThrow('lease already exists');
        model.grant(step.id);
        await this.backend.leaseGrant(600, step.id);
        return;
      case 'revoke':
        if (!model.has(step.id)) return expect(this.backend.leaseRevoke(step.id)).rejects.toThrow('requested lease not found');
        expect((await this.backend.leaseTimeToLive(step.id, true)).keys).toEqual([...model.keysOf(step.id)].sort());
        model.revoke(step.id);
        return this.backend.leaseRevoke(step.id);
      case 'reopen':
        return this.#reopen();
    }
  }

  /** All that the watches have told is what happened since they began. */
  async finish(): Promise<void> {
    const status = await this.backend.status();
    expect([status.revision, status.compactedRevision]).toEqual([this.#model.revision, this.#model.compacted]);
    for (const watch of this.#watches) {
      await watch.until(this.#model.revision);
      if (watch.ended) {
        // Only what it had not come to yet can have been compacted away under it.
        expect(watch.ended).toBeInstanceOf(CompactedError);
        expect(watch.next).toBeLessThan(this.#model.compacted);
      }
      const { key, rangeEnd } = watch.range;
      const happened = this.#model.events(watch.from, key, rangeEnd);
      const told = watch.events.map(plain);
      expect(told).toEqual(happened.map(plain).slice(0, watch.ended ? told.length : undefined));
    }
  }

  async #reopen(): Promise<void> {
    if (!this.store.durable) return;
    const live = this.#watches.filter((watch) => !watch.ended);
    await this.backend.close();
    this.backend = await this.store.open();
    for (const watch of live) watch.resume(this.backend);
  }
}

class Watched {
  readonly events: KeyEvent[] = [];
  ended: Error | undefined;
  next: number;
  #watch!: Watch;
  #wake = () => {};

  constructor(
    backend: Backend,
    readonly range: { readonly key: string; readonly rangeEnd?: string },
    readonly from: number,
  ) {
    this.next = from;
    this.resume(backend);
  }

  resume(backend: Backend): void {
    this.ended = undefined;
    const onEnd = (error: Error) => {
      this.ended = error;
      this.#wake();
    };
    this.#watch = backend.watch(
      { ...this.range, prevKv: true, startRevision: this.next },
      { onBatch: (batch) => this.#take(batch), onEnd },
    );
  }

  async until(revision: number): Promise<void> {
    while (!this.ended && this.next <= revision) {
      const woken = new Promise<void>((resolve) => (this.#wake = resolve));
      this.#watch.requestProgress();
      await woken;
    }
  }

  #take({ revision, events }: WatchBatch): void {
    for (const event of events) expect(event.kv.modRevision).toBeGreaterThanOrEqual(this.next);
    // The order of the keys within a revision is the store's own affair.
    this.events.push(...[...events].sort((a, b) => a.kv.modRevision - b.kv.modRevision || (a.kv.key < b.kv.key ? -1 : 1)));
    this.next = Math.max(this.next, revision + 1);
    this.#wake();
  }
}

/** Without what every store refuses: leases there are not, and keys that are written twice. */
function allowed(request: TxnRequest, model: StoreModel): TxnRequest {
  const puts = new Set<string>();
  const deletes: { key: string; rangeEnd?: string }[] = [];
  const keep = (op: Operation): Operation[] => {
    if (op.type === 'txn') return [{ type: 'txn', request: branches(op.request) }];
    if (op.type === 'put') {
      if (puts.has(op.key) || deletes.some((range) => within(op.key, range.key, range.rangeEnd))) return [];
      puts.add(op.key);
      return [op.lease && !model.has(op.lease) ? { ...op, lease: 0n } : op];
    }
    if (op.type === 'range') return [op];
    if ([...puts].some((each) => within(each, op.key, op.rangeEnd))) return [];
    deletes.push(op);
    return [op];
  };
  const branches = ({ compare, success, failure }: TxnRequest): TxnRequest => ({
    compare,
    success: success.flatMap(keep),
    failure: failure.flatMap(keep),
  });
  return branches(request);
}

async function outcome(run: () => Promise<unknown>): Promise<unknown> {
  try {
    return comparable(await run());
  } catch (error) {
    if (!(error instanceof CompactedError)) throw error;
    return error.message;
  }
}

/** Values as text, and without the revision of what is nested, which etcd leaves open. */
function comparable(answer: unknown): unknown {
  const nested = (name: string, each: unknown) => (name === 'response' ? { ...(each as object), revision: 0 } : each);
  return JSON.parse(JSON.stringify(answer, (name, each) => nested(name, typeof each === 'bigint' ? String(each) : asText(each))));
}

const plain = (event: KeyEvent) => comparable(event);

/** What a Buffer has become by its own toJSON. */
function asText(each: unknown): unknown {
  const { type, data } = (each ?? {}) as { type?: unknown; data?: unknown };
  return type === 'Buffer' && Array.isArray(data) ? Buffer.from(data).toString('latin1') : each;
}
