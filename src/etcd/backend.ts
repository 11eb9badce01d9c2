// The contract of a revisioned key-value store, as etcd's v3 API describes it; test/suites/backend.ts holds every
// implementation to it.

/**
 * A key: a string of bytes, each char code one byte (0 to 255), so that string order is etcd's byte order and ASCII keys
 * read as they are. The gRPC server maps bytes to it as latin1.
 */
export type Key = string;

/** A revision: counts changes of the whole store from 1 (an empty store), one more for each committed transaction that writes. */
export type Revision = number;

export interface KeyValue {
  readonly key: Key;
  readonly value: Uint8Array;
  readonly createRevision: Revision;
  readonly modRevision: Revision;
  /** 1 when created, one more at each put; back to 1 after a delete. */
  readonly version: number;
  /** The lease the key is attached to, 0n for none. */
  readonly lease: bigint;
}

export interface RangeRequest {
  readonly key: Key;
  /** Exclusive end; absent: only `key`; '\0': every key from `key` on. `prefixEnd` makes the one for a prefix. */
  readonly rangeEnd?: Key;
  /** 0 or absent: all. */
  readonly limit?: number;
  /** 0 or absent: the newest. Below the compacted revision: CompactedError; above the current: FutureRevisionError. */
  readonly revision?: Revision;
  readonly countOnly?: boolean;
  readonly keysOnly?: boolean;
}

export interface RangeResponse {
  /** The store's revision when the range was read. */
  readonly revision: Revision;
  /** In key order. */
  readonly kvs: readonly KeyValue[];
  readonly more: boolean;
  /** How many keys the range holds, the limit set aside. */
  readonly count: number;
}

export type Compare = { readonly key: Key; readonly result: '=' | '!=' | '<' | '>' } & (
  | { readonly target: 'version' | 'create' | 'mod'; readonly value: number }
  | { readonly target: 'value'; readonly value: Uint8Array }
  | { readonly target: 'lease'; readonly value: bigint }
);

export type Operation =
  | { readonly type: 'range'; readonly request: RangeRequest }
  | { readonly type: 'put'; readonly key: Key; readonly value: Uint8Array; readonly lease?: bigint; readonly prevKv?: boolean }
  | { readonly type: 'delete'; readonly key: Key; readonly rangeEnd?: Key; readonly prevKv?: boolean }
  | { readonly type: 'txn'; readonly request: TxnRequest };

export interface TxnRequest {
  readonly compare: readonly Compare[];
  readonly success: readonly Operation[];
  readonly failure: readonly Operation[];
}

export type OperationResult =
  | { readonly type: 'range'; readonly response: RangeResponse }
  | { readonly type: 'put'; readonly prevKv?: KeyValue }
  | { readonly type: 'delete'; readonly deleted: number; readonly prevKvs: readonly KeyValue[] }
  | { readonly type: 'txn'; readonly response: TxnResponse };

export interface TxnResponse {
  /** The revision of this transaction if it wrote, else the current one. */
  readonly revision: Revision;
  readonly succeeded: boolean;
  readonly results: readonly OperationResult[];
}

export interface WatchRequest {
  readonly key: Key;
  readonly rangeEnd?: Key;
  /** First revision to report; 0 or absent: only what comes after this call. */
  readonly startRevision?: Revision;
  readonly prevKv?: boolean;
}

export interface KeyEvent {
  readonly type: 'put' | 'delete';
  /** For a delete: key and modRevision (the deletion's), an empty value. */
  readonly kv: KeyValue;
  readonly prevKv?: KeyValue;
}

/** All events of one or more whole revisions, in order; a revision is never split over two batches. */
export interface WatchBatch {
  /** Everything up to and including this revision has now been reported. */
  readonly revision: Revision;
  readonly events: readonly KeyEvent[];
}

export interface Watch {
  /** Stops the watch; neither callback is called after it returns. */
  cancel(): void;
  /** Asks for an empty batch that tells how far the watch has come. */
  requestProgress(): void;
}

export interface WatchHandlers {
  /** Called in revision order, never concurrently. It must not throw and must not wait. */
  onBatch(batch: WatchBatch): void;
  /** The watch ended by itself: CompactedError (start below the compacted revision), or the backend was closed or lost. */
  onEnd(error: Error): void;
}

export interface LeaseStatus {
  readonly id: bigint;
  readonly grantedTtl_s: number;
  /** -1 when it has expired or never was. */
  readonly ttl_s: number;
  readonly keys: readonly Key[];
}

export interface BackendStatus {
  readonly version: string;
  readonly revision: Revision;
  readonly compactedRevision: Revision;
  readonly dbSize_bytes: number;
}

/**
 * A store. Transactions are atomic and strictly serialised. A promise of a write resolves only once the write and its
 * revision are durable (survive power loss); writes that arrive while a sync is under way share the next one. Reads without
 * a revision see every write acknowledged before the call (linearizable). Watch events are sent only for durable writes.
 */
export interface Backend {
  range(request: RangeRequest): Promise<RangeResponse>;
  txn(request: TxnRequest): Promise<TxnResponse>;
  watch(request: WatchRequest, handlers: WatchHandlers): Watch;
  /** Forgets what is older than `revision`: reads and watches below it get CompactedError from then on. */
  compact(revision: Revision): Promise<void>;
  leaseGrant(ttl_s: number, id?: bigint): Promise<LeaseStatus>;
  leaseRevoke(id: bigint): Promise<void>;
  /** Renews to the granted TTL and returns it; LeaseNotFoundError when it has expired. */
  leaseKeepAlive(id: bigint): Promise<LeaseStatus>;
  leaseTimeToLive(id: bigint, keys?: boolean): Promise<LeaseStatus>;
  leases(): Promise<readonly bigint[]>;
  status(): Promise<BackendStatus>;
  /** Ends every watch, finishes writes under way, releases the data directory. */
  close(): Promise<void>;
}

/** gRPC status codes that etcd's errors carry. */
export type EtcdCode =
  | 'INVALID_ARGUMENT'
  | 'NOT_FOUND'
  | 'FAILED_PRECONDITION'
  | 'OUT_OF_RANGE'
  | 'RESOURCE_EXHAUSTED'
  | 'UNAVAILABLE'
  | 'DATA_LOSS';

export class EtcdError extends Error {
  override readonly name: string = 'EtcdError';
  constructor(
    readonly code: EtcdCode,
    message: string,
  ) {
    super(message);
  }
}

export class CompactedError extends EtcdError {
  override readonly name = 'CompactedError';
  constructor(readonly compactedRevision: Revision) {
    super('OUT_OF_RANGE', 'etcdserver: mvcc: required revision has been compacted');
  }
}

export class FutureRevisionError extends EtcdError {
  override readonly name = 'FutureRevisionError';
  constructor() {
    super('OUT_OF_RANGE', 'etcdserver: mvcc: required revision is a future revision');
  }
}

export class LeaseNotFoundError extends EtcdError {
  override readonly name = 'LeaseNotFoundError';
  constructor() {
    super('NOT_FOUND', 'etcdserver: requested lease not found');
  }
}

/** The end of the range of all keys that start with `prefix`; '\0' (every key) for a prefix of 0xFF bytes or none. */
export function prefixEnd(prefix: Key): Key {
  for (let i = prefix.length - 1; i >= 0; i--) {
    const code = prefix.charCodeAt(i);
    if (code < 0xff) return prefix.slice(0, i) + String.fromCharCode(code + 1);
  }
  return '\0';
}
