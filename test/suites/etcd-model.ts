// A plain model of the store, for tests: every state it ever had, kept whole; slow and obvious.
import {
  CompactedError,
  type Compare,
  type Key,
  type KeyEvent,
  type KeyValue,
  type Operation,
  type OperationResult,
  type RangeRequest,
  type RangeResponse,
  type TxnRequest,
  type TxnResponse,
} from '../../src/etcd/backend.js';

type State = ReadonlyMap<Key, KeyValue>;
const NO_VALUE = Buffer.alloc(0);

export const within = (key: Key, from: Key, end: Key | undefined) =>
  end === undefined ? key === from : key >= from && (end === '\0' || key < end);

export class StoreModel {
  /** The state at each revision; none at 0. */
  readonly #states: State[] = [new Map(), new Map()];
  readonly #leases = new Set<bigint>();
  compacted = 0;

  get revision(): number {
    return this.#states.length - 1;
  }

  range(request: RangeRequest): RangeResponse {
    if (request.revision && request.revision < this.compacted) throw new CompactedError(this.compacted);
    return { ...select(this.#states[request.revision || this.revision]!, request), revision: this.revision };
  }

  /** Throws CompactedError where it reads what is compacted, and then changes nothing. */
  txn(request: TxnRequest): TxnResponse {
    const before = this.#states.at(-1)!;
    const after = new Map(before);
    const { succeeded, results } = this.#run(request, before, after);
    const changed = JSON.stringify(shape(before)) !== JSON.stringify(shape(after));
    if (changed) this.#states.push(after);
    return { succeeded, results, revision: this.revision };
  }

  compact(revision: number): void {
    this.compacted = revision;
  }

  grant(id: bigint): void {
    this.#leases.add(id);
  }

  has(id: bigint): boolean {
    return this.#leases.has(id);
  }

  revoke(id: bigint): void {
    this.#leases.delete(id);
    const before = this.#states.at(-1)!;
    const after = new Map([...before].filter(([, kv]) => kv.lease !== id));
    if (after.size < before.size) this.#states.push(after);
  }

  keysOf(id: bigint): readonly Key[] {
    return [...this.#states.at(-1)!.values()].filter((kv) => kv.lease === id).map((kv) => kv.key);
  }

  /** By revision, and by key within one. */
  events(from: number, key: Key, rangeEnd: Key | undefined): KeyEvent[] {
    const events: KeyEvent[] = [];
    for (let revision = Math.max(from, 2); revision <= this.revision; revision++) {
      const [before, after] = [this.#states[revision - 1]!, this.#states[revision]!];
      for (const each of [...new Set([...before.keys(), ...after.keys()])].sort(byText)) {
        const [prevKv, kv] = [before.get(each), after.get(each)];
        if (!within(each, key, rangeEnd) || prevKv?.modRevision === kv?.modRevision) continue;
        const deleted = { key: each, value: NO_VALUE, createRevision: 0, modRevision: revision, version: 0, lease: 0n };
        events.push({ type: kv ? 'put' : 'delete', kv: kv ?? deleted, ...(prevKv && { prevKv }) });
      }
    }
    return events;
  }

  #run(request: TxnRequest, before: State, state: Map<Key, KeyValue>): { succeeded: boolean; results: OperationResult[] } {
    const succeeded = request.compare.every((compare) => holds(compare, before.get(compare.key)));
    const results = (succeeded ? request.success : request.failure).map((op) => this.#operate(op, before, state));
    return { succeeded, results };
  }

  #operate(op: Operation, before: State, state: Map<Key, KeyValue>): OperationResult {
    const revision = this.revision + 1;
    if (op.type === 'txn') return { type: 'txn', response: { ...this.#run(op.request, before, state), revision } };
    if (op.type === 'range') {
      const past = op.request.revision ? this.range(op.request) : undefined;
      return { type: 'range', response: { ...(past ?? select(state, op.request)), revision } };
    }
    const prevKv = state.get(op.key);
    if (op.type === 'put') {
      const { createRevision, version } = prevKv ?? { createRevision: revision, version: 0 };
      const { key, value, lease = 0n } = op;
      state.set(key, { key, value, createRevision, modRevision: revision, version: version + 1, lease });
      return { type: 'put', ...(op.prevKv && prevKv && { prevKv }) };
    }
    const gone = [...state.values()].filter((kv) => within(kv.key, op.key, op.rangeEnd)).sort((a, b) => byText(a.key, b.key));
    for (const kv of gone) state.delete(kv.key);
    return { type: 'delete', deleted: gone.length, prevKvs: op.prevKv ? gone : [] };
  }
}

const byText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
const shape = (state: State) => [...state.values()].map((kv) => [kv.key, kv.modRevision]).sort();

function select(state: State, { key, rangeEnd, limit, countOnly, keysOnly }: RangeRequest) {
  const all = [...state.values()].filter((kv) => within(kv.key, key, rangeEnd)).sort((a, b) => byText(a.key, b.key));
  const some = countOnly ? [] : limit ? all.slice(0, limit) : all;
  const kvs = keysOnly ? some.map((kv) => ({ ...kv, value: NO_VALUE })) : some;
  return { kvs, count: all.length, more: !countOnly && some.length < all.length };
}

function holds(compare: Compare, kv: KeyValue | undefined): boolean {
  if (compare.target === 'value') return kv !== undefined && ordered(compare.result, Buffer.compare(kv.value, compare.value));
  if (compare.target === 'lease') return ordered(compare.result, Number((kv?.lease ?? 0n) - compare.value));
  const properties = { version: kv?.version, create: kv?.createRevision, mod: kv?.modRevision };
  return ordered(compare.result, (properties[compare.target] ?? 0) - compare.value);
}

const ordered = (result: Compare['result'], order: number) =>
  ({ '=': order === 0, '!=': order !== 0, '<': order < 0, '>': order > 0 })[result];
