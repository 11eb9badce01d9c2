// Storage: one kind's objects on the etcd backend: keys, reads, and writes that compare before they set.
import { equalJson } from '../../apimachinery/apply/shape.js';
import type { Json } from '../../apimachinery/json.js';
import type { KubeObject, ObjectName } from '../../apimachinery/object.js';
import { alreadyExists, conflict, type GroupResource, notFound } from '../../apimachinery/status.js';
import {
  type Backend,
  type Compare,
  type KeyValue,
  type Operation,
  type OperationResult,
  prefixEnd,
  type RangeResponse,
} from '../../etcd/backend.js';
import type { AnyKind } from '../../kinds/define.js';
import type { Claim } from '../extensions/extension.js';
import { type Awaitable, type Conversion, conversionOf, storedKind } from './conversion.js';
import type { EventLeases } from './event-leases.js';
import { ObjectCodec, type StoredObject } from './stored.js';
import type { Turn, Turns } from './turns.js';

/** A write loses its race only to a write that won; a caller that lost this often is told to come back. */
const MAX_WRITE_ATTEMPTS = 64;

/** Thrown when another object holds one of the claims of a write. */
export class ClaimTakenError extends Error {
  override readonly name = 'ClaimTakenError';
  constructor(readonly claim: Claim) {
    super(`${claim.key} is already claimed`);
  }
}

/** What a change makes of the current object. */
export type Change =
  | { readonly type: 'keep' }
  | { readonly type: 'put'; readonly object: KubeObject; readonly claims?: ClaimChange }
  | { readonly type: 'delete'; readonly release?: readonly Claim[] };

type MakeChange = (current: StoredObject) => Change | Promise<Change>;

export interface ClaimChange {
  readonly take: readonly Claim[];
  readonly release: readonly Claim[];
}

export interface Changed {
  readonly object: StoredObject;
  readonly deleted: boolean;
}

export class Storage {
  /** All keys of the kind start with it. */
  readonly prefix: string;
  /** What a watch cache holds of a key: where that is what is stored, it need not be parsed again. */
  cached: ((key: string) => StoredObject | undefined) | undefined;
  readonly #codec: ObjectCodec;

  constructor(
    readonly kind: AnyKind,
    private readonly backend: Pick<Backend, 'range' | 'txn'>,
    private readonly turns: Turns<KeyState>,
    /** For kinds whose objects expire by themselves. */
    private readonly leases: EventLeases | undefined,
    /** Absent: objects are kept as they are served. */
    private readonly conversion: Conversion | undefined = conversionOf(kind),
  ) {
    this.#codec = new ObjectCodec(conversion?.storedAs ?? kind, kind.selectableFields);
    const { group, plural } = storedKind(kind);
    this.prefix = `/registry/${group ? `${group}/` : ''}${plural}/`;
  }

  get groupResource(): GroupResource {
    return this.kind.groupResource;
  }

  key(name: ObjectName): string {
    return this.kind.namespaced ? `${this.prefix}${name.namespace}/${name.name}` : `${this.prefix}${name.name}`;
  }

  /** The prefix of the keys of one namespace, or of all. */
  prefixOf(namespace: string | undefined): string {
    return namespace === undefined || !this.kind.namespaced ? this.prefix : `${this.prefix}${namespace}/`;
  }

  /** The objects in `kvs`, in their order. */
  decodeAll(kvs: readonly KeyValue[]): Awaitable<readonly StoredObject[]> {
    const { conversion } = this;
    if (!conversion) return kvs.map((kv) => this.#codec.decode(kv.value, kv.modRevision));
    if (kvs.length === 0) return [];
    const parsed = kvs.map((kv) => this.#codec.parse(kv.value));
    const stored = (converted: readonly KubeObject[]) =>
      converted.map((object, i) => this.#codec.converted(object, kvs[i]!.modRevision, object === parsed[i] ? kvs[i]!.value : undefined));
    const converted = conversion.fromStorage(parsed);
    return converted instanceof Promise ? converted.then(stored) : stored(converted);
  }

  /** An object of this kind as one of `other`'s, another version that is kept under the same keys. Throws StatusError. */
  async convertTo(other: Storage, object: KubeObject): Promise<KubeObject> {
    const stored = this.conversion ? await this.conversion.toStorage(object) : object;
    if (!other.conversion) return stored;
    const [converted] = await other.conversion.fromStorage([structuredClone(stored)]);
    return converted!;
  }

  #decode(value: Uint8Array, revision: number): Awaitable<StoredObject> {
    if (!this.conversion) return this.#codec.decode(value, revision);
    const decoded = this.decodeAll([{ value, modRevision: revision } as KeyValue]);
    return decoded instanceof Promise ? decoded.then(([object]) => object!) : decoded[0]!;
  }

  #read({ key, value, modRevision }: KeyValue): Awaitable<StoredObject> {
    const cached = this.cached?.(key);
    return cached?.isOf(value, modRevision) ? cached : this.#decode(value, modRevision);
  }

  /** Of a write that has succeeded: an embedded store has told the cache of it by now. */
  #written(value: Uint8Array, revision: number): Awaitable<StoredObject> {
    const object = this.#decode(value, revision);
    this.#codec.forget(value);
    return object;
  }

  #encode(object: KubeObject): Awaitable<Uint8Array> {
    if (!this.conversion) return this.#codec.encode(object);
    const stored = this.conversion.toStorage(object);
    return stored instanceof Promise ? stored.then((each) => this.#codec.encode(each)) : this.#codec.encode(stored);
  }

  /** The newest state; sees every write acknowledged before the call. */
  async get(name: ObjectName): Promise<StoredObject | undefined> {
    const { kvs } = await this.backend.range({ key: this.key(name) });
    return kvs[0] && this.#read(kvs[0]);
  }

  /** Objects in key order from `start` on, as of `revision` (0: now). */
  range(prefix: string, start: string, limit: number, revision: number): Promise<RangeResponse> {
    return this.backend.range({ key: start, rangeEnd: prefixEnd(prefix), limit, revision });
  }

  /** How many objects there are. */
  async count(): Promise<number> {
    const { count } = await this.backend.range({ key: this.prefix, rangeEnd: prefixEnd(this.prefix), countOnly: true });
    return count;
  }

  /** 409 AlreadyExists; ClaimTakenError. */
  async create(object: KubeObject, claims: readonly Claim[] = []): Promise<StoredObject> {
    const key = this.key(object.metadata);
    const value = await this.#encode(object);
    const lease = this.leases && (await this.leases.current());
    const { succeeded, revision, results } = await this.backend.txn({
      compare: [absent(key), ...keysOf(claims).map(absent)],
      success: [{ type: 'put', key, value, ...(lease === undefined ? {} : { lease }) }, ...claims.flatMap((claim) => take(claim, key))],
      failure: [existence(key), ...keysOf(claims).map(existence)],
    });
    if (succeeded) return this.#written(value, revision);
    if (countOf(results[0]) > 0) throw alreadyExists(this.groupResource, object.metadata.name);
    throw new ClaimTakenError(takenClaim(claims, results.slice(1)));
  }

  /**
   * Reads, asks `change` what to make of it, and writes if nobody wrote in between; else all again. `change` may throw.
   * 404 NotFound; 409 Conflict after too many lost races; ClaimTakenError.
   */
  async change(name: ObjectName, change: MakeChange): Promise<Changed> {
    const key = this.key(name);
    // Who comes alone need not wait for anybody, not even for one who waits for what this changes.
    let turn = this.turns.busy(key) ? this.turns.enter(key) : undefined;
    for (let attempt = 0; attempt < MAX_WRITE_ATTEMPTS; attempt++) {
      try {
        const before = await turn?.before;
        // Who has lost a race looks at what is stored: what the one before builds on may never have got there.
        if (attempt > 0) await before?.written;
        const state = before && attempt === 0 ? before : await this.#stored(name, key);
        const changed = await this.#attempt(key, state, change, turn);
        if (changed) return changed;
      } finally {
        turn?.leave();
      }
      turn = this.turns.enter(key);
    }
    throw conflict(this.groupResource, name.name);
  }

  async #stored({ name }: ObjectName, key: string): Promise<KeyState> {
    const { kvs } = await this.backend.range({ key });
    const kv = kvs[0];
    if (!kv) throw notFound(this.groupResource, name);
    return { object: await this.#read(kv), value: kv.value, lease: kv.lease, unchanged: unchanged(kv) };
  }

  /** Undefined where another write came between, or the one that this builds on failed. */
  async #attempt(key: string, state: KeyState, change: MakeChange, turn: Turn<KeyState> | undefined): Promise<Changed | undefined> {
    const wanted = await change(state.object);
    if (wanted.type === 'keep') return kept(state);
    if (wanted.type === 'delete') return this.#delete(key, state, wanted.release ?? []);
    const value = await this.#encode(wanted.object);
    // As upstream: a write that changes nothing is no write, so no revision and no event, unless it moves the object to the version that is stored now.
    if (this.#codec.isCurrent(state.value) && isSame(value, state.value, wanted.object, state.object.object)) return kept(state);
    const mine = turn ?? (this.turns.busy(key) ? undefined : this.turns.enter(key));
    try {
      const writing = this.#put(key, state, value, wanted.claims ?? NO_CLAIMS);
      mine?.pass({
        // What its revision will be is not known, and no client has seen it yet.
        object: this.#codec.converted(wanted.object, 0, this.conversion ? undefined : value),
        value,
        lease: state.lease,
        unchanged: { key, target: 'value', result: '=', value },
        written: writing.catch(() => undefined),
      });
      const object = await writing;
      return object && { object, deleted: false };
    } finally {
      if (mine !== turn) mine?.leave();
    }
  }

  async #put(key: string, state: KeyState, value: Uint8Array, { take: taken, release }: ClaimChange): Promise<StoredObject | undefined> {
    const { succeeded, revision, results } = await this.backend.txn({
      compare: [state.unchanged, ...keysOf(taken).map(absent)],
      success: [
        { type: 'put', key, value, lease: state.lease },
        ...taken.flatMap((claim) => take(claim, key)),
        ...keysOf(release).map(drop),
      ],
      failure: keysOf(taken).map(existence),
    });
    if (succeeded) return this.#written(value, revision);
    if (results.some((result) => countOf(result) > 0)) throw new ClaimTakenError(takenClaim(taken, results));
    return undefined;
  }

  async #delete(key: string, state: KeyState, release: readonly Claim[]): Promise<Changed | undefined> {
    const { succeeded } = await this.backend.txn({
      compare: [state.unchanged],
      success: [{ type: 'delete', key }, ...keysOf(release).map(drop)],
      failure: [],
    });
    return succeeded ? { object: (await state.written) ?? state.object, deleted: true } : undefined;
  }
}

/** What a change begins with. */
export interface KeyState {
  readonly object: StoredObject;
  readonly value: Uint8Array;
  readonly lease: bigint;
  /** Holds as long as nobody else has written. */
  readonly unchanged: Compare;
  /** Of a state that is on its way to the store: what becomes of it; undefined if it does not get there. */
  readonly written?: Promise<StoredObject | undefined>;
}

const NO_CLAIMS: ClaimChange = { take: [], release: [] };

async function kept({ object, written }: KeyState): Promise<Changed | undefined> {
  const known = written ? await written : object;
  return known && { object: known, deleted: false };
}

/** Also where only the order of fields is another: then both are as long. */
function isSame(value: Uint8Array, stored: Uint8Array, object: KubeObject, current: KubeObject): boolean {
  if (value.length !== stored.length) return false;
  if (Buffer.compare(value, stored) === 0) return true;
  const { resourceVersion } = current.metadata;
  return equalJson({ ...object, metadata: { ...object.metadata, resourceVersion } } as unknown as Json, current as unknown as Json);
}

const absent = (key: string): Compare => ({ key, target: 'version', result: '=', value: 0 });
const unchanged = (kv: KeyValue): Compare => ({ key: kv.key, target: 'mod', result: '=', value: kv.modRevision });
const existence = (key: string): Operation => ({ type: 'range', request: { key, countOnly: true } });
const drop = (key: string): Operation => ({ type: 'delete', key });

const keysOfClaim = ({ key, shown }: Claim): readonly string[] => (shown ? [key, shown.key] : [key]);
/** Of the claims and of what shows them. */
const keysOf = (claims: readonly Claim[]): readonly string[] => claims.flatMap(keysOfClaim);

function take({ key, shown }: Claim, holder: string): readonly Operation[] {
  const claim: Operation = { type: 'put', key, value: Buffer.from(holder) };
  return shown ? [claim, { type: 'put', key: shown.key, value: shown.value() }] : [claim];
}

function countOf(result: OperationResult | undefined): number {
  return result?.type === 'range' ? result.response.count : 0;
}

function takenClaim(claims: readonly Claim[], results: readonly OperationResult[]): Claim {
  const claim = claims.flatMap((each) => keysOfClaim(each).map(() => each))[results.findIndex((result) => countOf(result) > 0)];
  // Whoever held it let go between the comparison and now: that is impossible within one transaction.
  if (!claim) throw new Error('storage: a transaction failed though nothing it compares differs');
  return claim;
}
