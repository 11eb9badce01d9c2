// Leases: keys that live only as long as someone keeps their lease alive.
import type { Clock, Random, Timer } from '../apimachinery/clock.js';
import { EtcdError, type Key, LeaseNotFoundError, type LeaseStatus } from './backend.js';
import { type Database, scan, type Write } from './database.js';
import { ATTACHED, attachedKey, check, decodeNumber, emptyEntry, encodeNumber, LEASE, leaseKey } from './records.js';
import type { KeyChange } from './transaction.js';

/** etcd's largest TTL. */
const TTL_MAX_S = 9_000_000_000;

interface Lease {
  readonly id: bigint;
  readonly ttl_s: number;
  readonly keys: Set<Key>;
  /** On the monotonic clock. */
  expires_ms: number;
  timer: Timer;
}

/** What to write for a change of leases, and what is to be done once that is on disk. */
export interface LeaseChange {
  readonly writes: readonly Write[];
  readonly onDurable: () => void;
}

/** The leases as they are on disk, and which of them come and go with what is being written: that is for the next transactions only. */
export class Leases {
  readonly #leases = new Map<bigint, Lease>();
  /** Of those that come and go with what is being written: whether they exist after it. */
  readonly #undurable = new Map<bigint, { readonly exists: boolean }>();

  constructor(
    private readonly clock: Clock,
    private readonly random: Random,
    /** Revokes an expired lease; its failure is retried with the next expiry check. */
    private readonly onExpired: (id: bigint) => Promise<void>,
  ) {}

  /** Takes up the leases of an opened database in place of all others, each with its whole TTL again, as etcd does after a change of leader. */
  async load(db: Database): Promise<void> {
    const found = new Map<bigint, { readonly ttl_s: number; readonly keys: Set<Key> }>();
    await scan(db, { gte: LEASE, lt: `${LEASE}~` }, undefined, (key, value) => {
      found.set(BigInt.asIntN(64, BigInt(`0x${key.slice(1)}`)), { ttl_s: decodeNumber(key, value), keys: new Set() });
    });
    await scan(db, { gte: ATTACHED, lt: `${ATTACHED}~` }, undefined, (stored, value) => {
      check(stored, value);
      found.get(BigInt.asIntN(64, BigInt(`0x${stored.slice(1, 17)}`)))?.keys.add(stored.slice(18));
    });
    this.close();
    for (const [id, { ttl_s, keys }] of found) this.#start(id, ttl_s, keys);
  }

  /** Also a lease that is not on disk yet: what is attached to it is written after it. */
  has(id: bigint): boolean {
    return this.#undurable.get(id)?.exists ?? this.#leases.has(id);
  }

  ids(): bigint[] {
    return [...this.#leases.keys()];
  }

  grant(ttl_s: number, wanted: bigint | undefined): LeaseChange & { readonly id: bigint } {
    if (ttl_s > TTL_MAX_S) throw new EtcdError('OUT_OF_RANGE', 'etcdserver: too large lease TTL');
    const id = wanted && wanted !== 0n ? wanted : BigInt(`0x${Buffer.from(this.random.bytes(8)).toString('hex')}`) >> 1n;
    if (this.has(id)) throw new EtcdError('FAILED_PRECONDITION', 'etcdserver: lease already exists');
    const granted_s = Math.max(1, ttl_s);
    const settle = this.#stage(id, true);
    const onDurable = () => {
      settle();
      this.#start(id, granted_s, new Set());
    };
    return { id, writes: [{ type: 'put', key: leaseKey(id), value: encodeNumber(leaseKey(id), granted_s) }], onDurable };
  }

  keepAlive(id: bigint): LeaseStatus {
    const lease = this.#leases.get(id);
    if (!lease) throw new LeaseNotFoundError();
    lease.timer.cancel();
    this.#arm(lease);
    return this.status(id, false);
  }

  status(id: bigint, withKeys: boolean): LeaseStatus {
    const lease = this.#leases.get(id);
    if (!lease) return { id, grantedTtl_s: 0, ttl_s: -1, keys: [] };
    const ttl_s = Math.max(0, Math.ceil((lease.expires_ms - this.clock.monotonic()) / 1000));
    return { id, grantedTtl_s: lease.ttl_s, ttl_s, keys: withKeys ? [...lease.keys].sort() : [] };
  }

  /** Those that are on disk. */
  keysOf(id: bigint): Iterable<Key> {
    if (!this.has(id)) throw new LeaseNotFoundError();
    return this.#leases.get(id)?.keys ?? [];
  }

  revoke(id: bigint): LeaseChange {
    const settle = this.#stage(id, false);
    const onDurable = () => {
      settle();
      this.#leases.get(id)?.timer.cancel();
      this.#leases.delete(id);
    };
    return { writes: [{ type: 'del', key: leaseKey(id) }], onDurable };
  }

  /** Follows the keys of a transaction from lease to lease; undefined where none is about them. */
  follow(changes: readonly KeyChange[]): LeaseChange | undefined {
    const moved = changes.filter(({ previous, next }) => (previous?.lease ?? 0n) !== (next?.lease ?? 0n));
    if (moved.length === 0) return undefined;
    const writes: Write[] = [];
    for (const { key, previous, next } of moved) {
      if (previous?.lease) writes.push({ type: 'del', key: attachedKey(previous.lease, key) });
      if (!next?.lease) continue;
      const attached = attachedKey(next.lease, key);
      writes.push({ type: 'put', key: attached, value: emptyEntry(attached) });
    }
    const onDurable = () => {
      for (const { key, previous, next } of moved) {
        if (previous?.lease) this.#leases.get(previous.lease)?.keys.delete(key);
        if (next?.lease) this.#leases.get(next.lease)?.keys.add(key);
      }
    };
    return { writes, onDurable };
  }

  /** Whatever was being written could not be. */
  forgetUndurable(): void {
    this.#undurable.clear();
  }

  close(): void {
    for (const lease of this.#leases.values()) lease.timer.cancel();
    this.#leases.clear();
  }

  /** Until it is settled, unless something else is staged for the same lease meanwhile. */
  #stage(id: bigint, exists: boolean): () => void {
    const staged = { exists };
    this.#undurable.set(id, staged);
    return () => {
      if (this.#undurable.get(id) === staged) this.#undurable.delete(id);
    };
  }

  #start(id: bigint, ttl_s: number, keys: Set<Key>): void {
    const lease: Lease = { id, ttl_s, keys, expires_ms: 0, timer: { cancel() {} } };
    this.#leases.set(id, lease);
    this.#arm(lease);
  }

  #arm(lease: Lease): void {
    lease.expires_ms = this.clock.monotonic() + lease.ttl_s * 1000;
    lease.timer = this.clock.after(lease.ttl_s * 1000, () => {
      // A write that fails (a full disk) must not let an expired lease live for ever: it is tried again one TTL later.
      this.onExpired(lease.id).catch(() => this.#leases.get(lease.id) === lease && this.#arm(lease));
    });
  }
}
