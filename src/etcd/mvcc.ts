// The store: the Backend contract over an ordered database. Transactions run one after another; reads use snapshots.
import type { Clock, Random } from '../apimachinery/clock.js';
import {
  type BackendStatus,
  CompactedError,
  EtcdError,
  FutureRevisionError,
  type Key,
  type KeyValue,
  type LeaseStatus,
  type RangeRequest,
  type RangeResponse,
  type Revision,
  type TxnRequest,
  type TxnResponse,
  type Watch,
  type WatchHandlers,
  type WatchRequest,
} from './backend.js';
import { CommitLog } from './commits.js';
import { compactHistory } from './compaction.js';
import type { Database, Snapshot } from './database.js';
import type { EmbeddedBackend } from './embedded.js';
import { CorruptDatabaseError } from './integrity/check.js';
import { ensureLayout } from './layout.js';
import { Leases } from './leases.js';
import { readNewest, readNumber, readRange } from './reads.js';
import { DamagedDatabaseError, encodeNumber, META_COMPACTED, META_REVISION } from './records.js';
import { isPointwise, type Outcome, Transaction, type TransactionState } from './transaction.js';
import { checkTransaction } from './transaction-check.js';
import { WatchHub } from './watch-hub.js';
import { DatabaseWriter } from './writer.js';

/** The etcd version whose API the store follows. */
export const ETCD_VERSION = '3.5.0';

export interface MvccOptions {
  readonly db: Database;
  readonly clock: Clock;
  readonly random: Random;
  /** Bytes that the database takes on disk. */
  size(): Promise<number>;
  /** Rewrites the database without what was deleted from it. Absent: there is nothing to gain. */
  defragment?(): Promise<void>;
  /** Closes the database for good, where there is more to do about it than that. */
  close?(): Promise<void>;
  /** Rejects with the reason where files of the database are not what was written. Absent: there are none. */
  verify?(): Promise<void>;
  /** Something of the database is not what was written; whoever asked for it is refused. */
  onDamage?(error: EtcdError): void;
  /** Closes the database and opens it again, which drops what a failed write left half done. Rejects with a line that says why not. */
  reopen(): Promise<void>;
}

export class MvccBackend implements EmbeddedBackend {
  readonly #db: Database;
  readonly #writer: DatabaseWriter;
  readonly #commits: CommitLog;
  readonly #watches: WatchHub;
  readonly #leases: Leases;
  readonly #state: TransactionState;
  #compacted: Revision;
  /** The last of the transactions that must run alone; pointwise ones wait for it, and for nothing else. */
  #alone: Promise<unknown> | undefined;
  #closed = false;

  private constructor(private readonly options: MvccOptions) {
    this.#db = options.db;
    this.#compacted = readNumber(this.#db, META_COMPACTED) ?? 0;
    this.#writer = new DatabaseWriter(this.#db, () => this.#recover());
    this.#commits = new CommitLog(this.#writer, readNumber(this.#db, META_REVISION) ?? 1, {
      onDurable: (commits, revision) => this.#watches.publish(commits, revision),
      onFailed: () => this.#leases.forgetUndurable(),
    });
    this.#watches = new WatchHub(
      this.#db,
      () => this.#commits.durable,
      (error) => this.#readFailed(error),
    );
    this.#leases = new Leases(options.clock, options.random, (id) => this.leaseRevoke(id));
    this.#state = {
      get: (key) => this.#newest(key),
      range: (request) => this.#withSnapshot((snapshot) => readRange(this.#db, snapshot, request)),
      hasLease: (id) => this.#leases.has(id),
    };
  }

  /** Takes over an open database. */
  static async open(options: MvccOptions): Promise<MvccBackend> {
    await ensureLayout(options.db);
    const backend = new MvccBackend(options);
    await backend.#leases.load(options.db);
    return backend;
  }

  async range(request: RangeRequest): Promise<RangeResponse> {
    this.#assertOpen();
    if (request.revision && request.revision > this.#commits.durable) throw new FutureRevisionError();
    const settled = this.#settled(request);
    if (settled) return settled;
    const response = await this.#withSnapshot((snapshot) => readRange(this.#db, snapshot, request));
    // A read sees a write a moment before it is acknowledged; told by then, its reader could be ahead of the progress of watches.
    if (response.revision > this.#commits.durable) await this.#commits.acknowledged();
    return response;
  }

  async txn(request: TxnRequest): Promise<TxnResponse> {
    this.#assertOpen();
    checkTransaction(request);
    while (this.#alone) await this.#alone.catch(() => {});
    this.#assertOpen();
    if (!isPointwise(request)) return this.#runAlone(request);
    const transaction = new Transaction(this.#state, this.#commits.assigned);
    return this.#commit(transaction.outcome(transaction.runPointwise(request)));
  }

  watch(request: WatchRequest, handlers: WatchHandlers): Watch {
    this.#assertOpen();
    return this.#watches.add(request, handlers);
  }

  async compact(revision: Revision): Promise<void> {
    this.#assertOpen();
    if (revision > this.#commits.durable) throw new FutureRevisionError();
    if (revision <= this.#compacted) throw new CompactedError(this.#compacted);
    await this.verify();
    if (revision <= this.#compacted) throw new CompactedError(this.#compacted);
    this.#compacted = revision;
    await this.#writer.maintain([{ type: 'put', key: META_COMPACTED, value: encodeNumber(META_COMPACTED, revision) }]);
    await compactHistory(this.#db, this.#writer, revision);
  }

  async leaseGrant(ttl_s: number, id?: bigint): Promise<LeaseStatus> {
    this.#assertOpen();
    const granted = this.#leases.grant(ttl_s, id);
    await this.#commits.append([], granted);
    return this.#leases.status(granted.id, false);
  }

  async leaseRevoke(id: bigint): Promise<void> {
    while (this.#alone) await this.#alone.catch(() => {});
    this.#assertOpen();
    const keys = this.#attachedTo(id);
    const transaction = new Transaction(this.#state, this.#commits.assigned);
    const response = transaction.runPointwise({ compare: [], success: keys.map((key) => ({ type: 'delete', key })), failure: [] });
    const { changes } = transaction.outcome(response);
    await this.#commits.append(changes, this.#leases.follow(changes), this.#leases.revoke(id));
  }

  async leaseKeepAlive(id: bigint): Promise<LeaseStatus> {
    this.#assertOpen();
    return this.#leases.keepAlive(id);
  }

  async leaseTimeToLive(id: bigint, keys = false): Promise<LeaseStatus> {
    this.#assertOpen();
    return this.#leases.status(id, keys);
  }

  async leases(): Promise<readonly bigint[]> {
    return this.#leases.ids();
  }

  get database(): Database {
    this.#assertOpen();
    return this.#db;
  }

  async verify(): Promise<void> {
    this.#assertOpen();
    try {
      await this.options.verify?.();
    } catch (error) {
      throw this.#readFailed(error instanceof CorruptDatabaseError ? new DamagedDatabaseError(error.message) : error);
    }
  }

  async defragment(): Promise<void> {
    this.#assertOpen();
    await this.verify();
    await this.options.defragment?.();
  }

  async status(): Promise<BackendStatus> {
    this.#assertOpen();
    return {
      version: ETCD_VERSION,
      revision: this.#commits.durable,
      compactedRevision: this.#compacted,
      dbSize_bytes: await this.options.size(),
    };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#leases.close();
    await this.#commits.drained();
    this.#watches.endAll('server stopped');
    await (this.options.close?.() ?? this.#db.close());
  }

  /** The keys of a lease after all that is being written. */
  #attachedTo(lease: bigint): readonly Key[] {
    const keys = new Set(this.#leases.keysOf(lease));
    for (const [key, kv] of this.#commits.undurableKeys()) {
      if (kv?.lease === lease) keys.add(key);
      else keys.delete(key);
    }
    return [...keys];
  }

  #newest(key: Key): KeyValue | undefined {
    const undurable = this.#commits.undurable(key);
    if (undurable !== undefined) return undurable ?? undefined;
    const known = this.#commits.recent.get(key);
    if (known) return known;
    try {
      const read = readNewest(this.#db, key);
      // It may be on disk although its write is said to have failed.
      if (read && read.modRevision <= this.#commits.durable) this.#commits.recent.set(read);
      return read;
    } catch (error) {
      throw this.#readFailed(error);
    }
  }

  /** One key that nobody is writing to is what it was at the newest revision on disk: that takes no snapshot. Undefined for all else. */
  #settled({ key, rangeEnd, revision, countOnly, keysOnly }: RangeRequest): RangeResponse | undefined {
    if (rangeEnd !== undefined || revision || countOnly || keysOnly || this.#commits.undurable(key) !== undefined) return undefined;
    const kv = this.#newest(key);
    const { durable } = this.#commits;
    // On disk although its write is said to have failed.
    if (kv && kv.modRevision > durable) return undefined;
    return { revision: durable, kvs: kv ? [kv] : [], count: kv ? 1 : 0, more: false };
  }

  /** What the reader is told; damage is told to whoever runs the store, too. */
  #readFailed(error: unknown): unknown {
    const told = errorOf(error);
    if (told instanceof DamagedDatabaseError) this.options.onDamage?.(told);
    return told;
  }

  /** After a write that failed, before the next one. A write may have failed and still be on disk: then all goes on behind it. */
  async #recover(): Promise<void> {
    await this.options.reopen();
    // Also where no revision was lost: leases come and go without one.
    await this.#leases.load(this.#db);
    const found = readNumber(this.#db, META_REVISION) ?? 1;
    if (found === this.#commits.durable) return;
    this.#commits.restart(found);
    this.#watches.endAll('the database was recovered');
    // The waiting transactions have not seen what was found.
    throw new Error('the database was recovered just now: try again');
  }

  async #commit(outcome: Outcome): Promise<TxnResponse> {
    if (outcome.changes.length > 0) await this.#commits.append(outcome.changes, this.#leases.follow(outcome.changes));
    // What a read inside the transaction saw may not be on disk yet: it is not told before it is.
    else if (this.#commits.assigned > this.#commits.durable) await this.#commits.append([]);
    return outcome.response;
  }

  /** For transactions that read ranges: with everything before them on disk, and nothing beside them. */
  async #runAlone(request: TxnRequest): Promise<TxnResponse> {
    const run = async () => {
      await this.#commits.drained();
      const transaction = new Transaction(this.#state, this.#commits.assigned);
      return this.#commit(transaction.outcome(await transaction.run(request)));
    };
    const running = run();
    this.#alone = running;
    try {
      return await running;
    } finally {
      this.#alone = undefined;
    }
  }

  async #withSnapshot<T>(read: (snapshot: Snapshot) => Promise<T>): Promise<T> {
    try {
      const snapshot = this.#db.snapshot();
      try {
        return await read(snapshot);
      } finally {
        await snapshot.close();
      }
    } catch (error) {
      throw this.#readFailed(error);
    }
  }

  #assertOpen(): void {
    if (this.#closed) throw new EtcdError('UNAVAILABLE', 'etcdserver: server stopped');
  }
}

/** What a read meets in a damaged block, or while the database is closed for its recovery. */
function errorOf(error: unknown): unknown {
  const { code, message } = error as { readonly code?: unknown; readonly message: string };
  if (code === 'LEVEL_CORRUPTION') return new DamagedDatabaseError(message);
  const isClosed = typeof code === 'string' && code.startsWith('LEVEL_') && code.endsWith('_NOT_OPEN');
  return isClosed ? new EtcdError('UNAVAILABLE', 'etcdserver: the database is being recovered') : error;
}
