// A transaction on the store's newest state: compares, then the operations of one branch, as changes that are not yet written.
import {
  type Compare,
  type Key,
  type KeyValue,
  LeaseNotFoundError,
  type Operation,
  type OperationResult,
  type RangeRequest,
  type RangeResponse,
  type Revision,
  type TxnRequest,
  type TxnResponse,
} from './backend.js';

/** The state a transaction reads; its own changes are laid over it. */
export interface TransactionState {
  get(key: Key): KeyValue | undefined;
  /** Only asked by transactions that are not pointwise, which run alone. */
  range(request: RangeRequest): Promise<RangeResponse>;
  hasLease(id: bigint): boolean;
}

/** One changed key: `next` absent for a deletion. */
export interface KeyChange {
  readonly key: Key;
  readonly previous: KeyValue | undefined;
  readonly next: KeyValue | undefined;
}

export interface Outcome {
  readonly response: TxnResponse;
  /** In the order of the operations; empty where nothing was written. */
  readonly changes: readonly KeyChange[];
}

/** Whether every key is named: then it runs in one go on the records of those keys. */
export function isPointwise(request: TxnRequest): boolean {
  return [...request.success, ...request.failure].every((op) => {
    if (op.type === 'txn') return isPointwise(op.request);
    if (op.type === 'range') return op.request.rangeEnd === undefined && !op.request.revision;
    return op.type === 'put' || op.rangeEnd === undefined;
  });
}

/** Runs a transaction that would get `revision`. Pointwise ones never wait: their promise-free form is `runPointwise`. */
export class Transaction {
  readonly #changes = new Map<Key, KeyChange>();
  /** What it has read: most compare the key that they write. */
  readonly #read = new Map<Key, KeyValue | undefined>();

  constructor(
    private readonly state: TransactionState,
    private readonly current: Revision,
  ) {}

  outcome(response: TxnResponse): Outcome {
    return { response, changes: [...this.#changes.values()] };
  }

  runPointwise(request: TxnRequest): TxnResponse {
    const succeeded = this.#succeeds(request);
    const results = (succeeded ? request.success : request.failure).map((op) => this.#runPoint(op));
    return { revision: this.#revision(), succeeded, results };
  }

  async run(request: TxnRequest): Promise<TxnResponse> {
    const succeeded = this.#succeeds(request);
    const results: OperationResult[] = [];
    for (const op of succeeded ? request.success : request.failure) {
      if (op.type === 'txn') results.push({ type: 'txn', response: await this.run(op.request) });
      else if (op.type === 'range') results.push({ type: 'range', response: await this.#range(op.request) });
      else if (op.type === 'delete' && op.rangeEnd !== undefined) results.push(await this.#deleteRange(op.key, op.rangeEnd, op.prevKv));
      else results.push(this.#runPoint(op));
    }
    return { revision: this.#revision(), succeeded, results };
  }

  /** As in etcd, also nested compares see the state before the whole transaction. */
  #succeeds({ compare }: TxnRequest): boolean {
    return compare.every((one) => holds(one, this.#stored(one.key)));
  }

  #stored(key: Key): KeyValue | undefined {
    if (!this.#read.has(key)) this.#read.set(key, this.state.get(key));
    return this.#read.get(key);
  }

  #revision(): Revision {
    return this.#changes.size > 0 ? this.current + 1 : this.current;
  }

  #get(key: Key): KeyValue | undefined {
    const change = this.#changes.get(key);
    return change ? change.next : this.#stored(key);
  }

  #runPoint(op: Operation): OperationResult {
    if (op.type === 'txn') return { type: 'txn', response: this.runPointwise(op.request) };
    if (op.type === 'put') return this.#put(op.key, op.value, op.lease ?? 0n, op.prevKv);
    if (op.type === 'delete') {
      const previous = this.#delete(op.key);
      return { type: 'delete', deleted: previous ? 1 : 0, prevKvs: previous && op.prevKv ? [previous] : [] };
    }
    const kv = this.#get(op.request.key);
    const kvs = shown(kv ? [kv] : [], op.request);
    return { type: 'range', response: { revision: this.#revision(), kvs, more: false, count: kv ? 1 : 0 } };
  }

  #put(key: Key, value: Uint8Array, lease: bigint, prevKv: boolean | undefined): OperationResult {
    if (lease && !this.state.hasLease(lease)) throw new LeaseNotFoundError();
    const stored = this.#stored(key);
    const change = this.#changes.get(key);
    const previous = change ? change.next : stored;
    const revision = this.current + 1;
    const next = {
      key,
      value,
      createRevision: previous?.createRevision ?? revision,
      modRevision: revision,
      version: (previous?.version ?? 0) + 1,
      lease,
    };
    this.#changes.set(key, { key, previous: stored, next });
    return previous && prevKv ? { type: 'put', prevKv: previous } : { type: 'put' };
  }

  #delete(key: Key): KeyValue | undefined {
    const previous = this.#get(key);
    if (!previous) return undefined;
    const stored = this.#stored(key);
    if (stored) this.#changes.set(key, { key, previous: stored, next: undefined });
    else this.#changes.delete(key);
    return previous;
  }

  async #deleteRange(key: Key, rangeEnd: Key, prevKv: boolean | undefined): Promise<OperationResult> {
    const { kvs } = await this.#range({ key, rangeEnd });
    for (const kv of kvs) this.#delete(kv.key);
    return { type: 'delete', deleted: kvs.length, prevKvs: prevKv ? kvs : [] };
  }

  async #range(request: RangeRequest): Promise<RangeResponse> {
    if (request.revision || this.#changes.size === 0) return this.state.range(request);
    const stored = await this.state.range({ key: request.key, ...(request.rangeEnd === undefined ? {} : { rangeEnd: request.rangeEnd }) });
    const merged = new Map(stored.kvs.map((kv) => [kv.key, kv]));
    for (const { key, next } of this.#changes.values()) {
      if (!inRange(key, request.key, request.rangeEnd)) continue;
      if (next) merged.set(key, next);
      else merged.delete(key);
    }
    const kvs = [...merged.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
    const some = shown(kvs, request);
    return { revision: this.#revision(), kvs: some, count: kvs.length, more: !request.countOnly && some.length < kvs.length };
  }
}

const NO_VALUE = Buffer.alloc(0);

function shown(kvs: readonly KeyValue[], { countOnly, keysOnly, limit }: RangeRequest): readonly KeyValue[] {
  if (countOnly) return [];
  const some = limit ? kvs.slice(0, limit) : kvs;
  return keysOnly ? some.map((kv) => ({ ...kv, value: NO_VALUE })) : some;
}

export function inRange(key: Key, from: Key, rangeEnd: Key | undefined): boolean {
  if (rangeEnd === undefined) return key === from;
  return key >= from && (rangeEnd === '\0' || key < rangeEnd);
}

function holds(compare: Compare, kv: KeyValue | undefined): boolean {
  const order = compareTarget(compare, kv);
  if (order === undefined) return false;
  if (compare.result === '=') return order === 0;
  if (compare.result === '!=') return order !== 0;
  return compare.result === '<' ? order < 0 : order > 0;
}

/** How the key's property compares to the value asked for; undefined: the value of a key that does not exist. */
function compareTarget(compare: Compare, kv: KeyValue | undefined): number | undefined {
  if (compare.target === 'value') return kv ? Buffer.compare(kv.value, compare.value) : undefined;
  if (compare.target === 'lease') return Number((kv?.lease ?? 0n) - compare.value);
  const actual = compare.target === 'version' ? kv?.version : compare.target === 'create' ? kv?.createRevision : kv?.modRevision;
  return (actual ?? 0) - compare.value;
}
