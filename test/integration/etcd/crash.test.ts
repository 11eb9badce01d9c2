// kill -9 of a process that writes to the store on disk, at named points, again and again on the same data.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/apimachinery/clock.js';
import { silentLogger } from '../../../src/apimachinery/logger.js';
import { openLevelBackend } from '../../../src/etcd/leveldb.js';
import { restoreSnapshot, snapshotStatus } from '../../../src/etcd/snapshot.js';
import { firstContradiction, type HistoryEntry, type RegisterOp } from '../../suites/linearizability.js';

const WRITER = join(import.meta.dirname, 'crash-writer.mjs');
const ROUNDS_MIN = 60;
const ROUNDS_MAX = 300;
/** As many rounds as fit: each is mostly the start of a process. */
const LAST_START_MS = 30_000;

/** A writer that is not dead by then never comes to its point. */
const WRITER_TIMEOUT_MS = 20_000;

/** Each with how often it may be passed before it kills. */
const POINTS: readonly (readonly [string, number])[] = [
  ['before batch', 60],
  ['in batch', 60],
  ['after batch', 60],
  ['after answer', 200],
  ['before record', 4],
  ['in record', 4],
  ['after record', 4],
  ['before compaction', 4],
  ['in compaction', 4],
  ['after compaction', 4],
  ['before snapshot', 4],
  ['in snapshot', 16],
  ['ending snapshot', 16],
  ['after snapshot', 4],
  ['before opening', 1],
  ['in opening', 12],
  ['after opening', 1],
];

const root = await mkdtemp(join(tmpdir(), 'porthole-etcd-crash-'));
const [dir, snapshot] = [join(root, 'etcd'), join(root, 'snapshot')];
afterAll(() => rm(root, { recursive: true, force: true }));

describe('kill -9 of a writer', () => {
  it('loses no acknowledged write, uses no revision twice, and leaves watches and compare-and-swaps exact', async () => {
    const seed = Number(process.env['PORTHOLE_TEST_SEED'] ?? systemClock.now() % 1_000_000);
    console.log(`faults by seed ${seed}; PORTHOLE_TEST_SEED=${seed} chooses them again`);
    const random = seeded(seed);
    const story = new Story();
    const begun_ms = systemClock.monotonic();
    const killed = new Map<string, number>();
    // Each point once before any comes again.
    const deck: (typeof POINTS)[number][] = [];
    for (let round = 0; round < ROUNDS_MIN || (round < ROUNDS_MAX && systemClock.monotonic() - begun_ms < LAST_START_MS); round++) {
      if (deck.length === 0) deck.push(...POINTS);
      const [[point, most]] = deck.splice(Math.floor(random() * deck.length), 1) as [(typeof POINTS)[number]];
      const nth = 1 + Math.floor(random() * most);
      await crash(story, [String(round), point, String(nth), String(story.events.length + 2), snapshot]);
      // Whole or not at all, and never less than was told.
      if (story.saved > 0) expect((await snapshotStatus(snapshot)).revision, point).toBeGreaterThanOrEqual(story.saved);
      killed.set(point, (killed.get(point) ?? 0) + 1);
    }
    await story.finish();
    await story.finishSnapshot();
    expect([...killed.keys()].sort()).toEqual(POINTS.map(([point]) => point).sort());
    const rounds = [...killed.values()].reduce((a, b) => a + b, 0);
    console.log(`${rounds} kills, ${story.acknowledged.size} acknowledged writes, ${story.events.length} revisions`);
  }, 300_000);
});

describe('the check of histories', () => {
  const call = (id: number, op: RegisterOp) => ({ type: 'call', id, op }) as const;
  const answer = (id: number) => ({ type: 'answer', id }) as const;
  const swap = (expect: string | undefined, next: string, ok?: boolean) => ({ kind: 'swap', expect, next, ok }) as const;
  const read = (value: string | undefined) => ({ kind: 'read', value }) as const;

  it('finds a stale read, two winners, and a write that comes back after a crash', () => {
    const written = [call(1, swap(undefined, 'a', true)), answer(1)];
    expect(firstContradiction([...written, call(2, read('a')), answer(2)])).toBeUndefined();
    expect(firstContradiction([...written, call(2, read(undefined)), answer(2)])).toBe(3);
    expect(firstContradiction([call(1, swap(undefined, 'a', true)), call(2, swap(undefined, 'b', true)), answer(1), answer(2)])).toBe(3);
    const lost = [call(1, swap(undefined, 'a')), { type: 'crash' }] as const;
    for (const value of ['a', undefined]) expect(firstContradiction([...lost, call(2, read(value)), answer(2)])).toBeUndefined();
    expect(firstContradiction([...lost, call(2, read(undefined)), answer(2), call(3, read('a')), answer(3)])).toBe(5);
  });
});

/** Runs a writer until it kills itself. */
async function crash(story: Story, args: readonly string[]): Promise<void> {
  const writer = spawn(process.execPath, [WRITER, dir, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: WRITER_TIMEOUT_MS,
  });
  const [out, err, [code, signal]] = await Promise.all([text(writer.stdout), text(writer.stderr), once(writer, 'exit')]);
  expect({ code, signal, err }, args.join(' ')).toEqual({ code: null, signal: 'SIGKILL', err: '' });
  for (const line of out.split('\n')) if (line !== '') story.tell(JSON.parse(line) as Line);
  story.crashed();
}

type Line =
  | readonly ['open']
  | readonly ['end', string]
  | readonly ['event', number, string, string]
  | readonly ['saved', number]
  | readonly ['ack', number, string, string]
  | readonly ['call', number, string, { kind: 'read' } | { kind: 'swap'; expect?: string; next: string }]
  | readonly ['answer', number, string, { value?: string; ok?: boolean }];

/** What the writers have told, all of them together. */
class Story {
  /** One a revision, from 2 on. */
  readonly events: { readonly key: string; readonly value: string }[] = [];
  readonly acknowledged = new Map<number, { readonly key: string; readonly value: string }>();
  /** The revision of the last snapshot that was told. */
  saved = 0;
  readonly #histories = new Map<string, HistoryEntry[]>();
  /** Calls of the running writer without an answer, by its ids, with their place in the history. */
  readonly #underWay = new Map<number, { readonly at: number; readonly history: HistoryEntry[] }>();
  #ids = 0;

  tell(line: Line): void {
    if (line[0] === 'open') return;
    if (line[0] === 'saved') return void (this.saved = line[1]);
    if (line[0] === 'end') throw new Error(`a watch ended: ${line[1]}`);
    if (line[0] === 'event') {
      // Neither gap nor repeat, across all the kills: every revision is told once, and holds one change.
      expect(line[1], 'revision of the next event').toBe(this.events.length + 2);
      this.events.push({ key: line[2], value: line[3] });
    } else if (line[0] === 'ack') {
      expect(this.acknowledged.has(line[1]), `revision ${line[1]} was used before`).toBe(false);
      this.acknowledged.set(line[1], { key: line[2], value: line[3] });
    } else if (line[0] === 'call') this.#call(line[1], line[2], line[3]);
    else this.#answer(line[1], line[3]);
  }

  crashed(): void {
    this.#underWay.clear();
    for (const history of this.#histories.values()) history.push({ type: 'crash' });
  }

  /** Against what is stored in the end. */
  async finish(): Promise<void> {
    const backend = await openLevelBackend({ dir, clock: systemClock, log: silentLogger });
    const { kvs, revision } = await backend.range({ key: '', rangeEnd: '\0' });
    await backend.close();
    // The last writer may have written more than it lived to tell.
    const told = this.events.length + 1;
    expect(revision).toBeGreaterThanOrEqual(told);
    for (const [at, { key, value }] of this.acknowledged) {
      if (at <= told) expect(this.events[at - 2], `revision ${at}`).toEqual({ key, value });
      else expect(kvs.find((kv) => kv.modRevision === at)?.key, `revision ${at}`).toBe(key);
    }
    const newest = new Map(this.events.map(({ key, value }, i) => [key, { value, at: i + 2 }]));
    for (const kv of kvs) {
      if (kv.modRevision > told) continue;
      expect({ value: Buffer.from(kv.value).toString(), at: kv.modRevision }, kv.key).toEqual(newest.get(kv.key));
    }
    expect(kvs.length).toBeGreaterThanOrEqual(newest.size);
    for (const [register, history] of this.#histories) {
      const at = firstContradiction(history);
      expect(at === undefined ? [] : history.slice(Math.max(0, at - 20), at + 1), `the history of ${register}`).toEqual([]);
    }
  }

  /** The last snapshot holds what was there at its revision, and nothing else. */
  async finishSnapshot(): Promise<void> {
    const saved = await restoreSnapshot(snapshot, join(root, 'restored'));
    // The last writer may have saved more than it lived to tell.
    const revision = Math.min(saved.revision, this.events.length + 1);
    const backend = await openLevelBackend({ dir: join(root, 'restored'), clock: systemClock, log: silentLogger });
    const { kvs } = await backend.range({ key: '', rangeEnd: '\0', revision });
    await backend.close();
    const then = new Map(this.events.slice(0, revision - 1).map(({ key, value }) => [key, value]));
    expect(new Map(kvs.map((kv) => [kv.key, Buffer.from(kv.value).toString()]))).toEqual(then);
  }

  #call(id: number, register: string, op: { kind: 'read' } | { kind: 'swap'; expect?: string; next: string }): void {
    const history = this.#histories.get(register) ?? [];
    this.#histories.set(register, history);
    this.#underWay.set(id, { at: history.length, history });
    // A read without an answer says nothing; its place is kept for the answer.
    const asked: RegisterOp = op.kind === 'read' ? NOTHING : { kind: 'swap', expect: op.expect, next: op.next, ok: undefined };
    history.push({ type: 'call', id: ++this.#ids, op: asked });
  }

  #answer(id: number, result: { value?: string; ok?: boolean }): void {
    const { at, history } = this.#underWay.get(id)!;
    this.#underWay.delete(id);
    const call = history[at] as Extract<HistoryEntry, { type: 'call' }>;
    const op: RegisterOp = call.op.kind === 'swap' ? { ...call.op, ok: result.ok! } : { kind: 'read', value: result.value };
    history[at] = { ...call, op };
    history.push({ type: 'answer', id: call.id });
  }
}

/** A read that never is made: no register holds this. */
const NOTHING: RegisterOp = { kind: 'read', value: '\0 never answered' };

/** Mulberry32: numbers in [0, 1) that the seed decides. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
