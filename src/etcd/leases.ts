// Leases: keys that live only as long as someone keeps their lease alive.
import type { Clock, Random, Timer } from '../apimachinery/clock.js';
import { EtcdError, type Key, LeaseNotFoundError, type LeaseStatus } from './backend.js';
import { type Database, scan, type Write } from './database.js';
import { ATTACHED, attachedKey, decodeNumber, encodeNumber, LEASE, leaseKey } from './records.js';
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

export class Leases {
  readonly #leases = new Map<bigint, Lease>();

  constructor(
    private readonly clock: Clock,
    private readonly random: Random,
    /** Revokes an expired lease; its failure is retried with the next expiry check. */
    private readonly onExpired: (id: bigint) => Promise<void>,
  ) {}

  /** Takes up the leases of an opened database, each with its whole TTL again, as etcd does after a change of leader. */
  async load(db: Database): Promise<void> {
    await scan(db, { gte: LEASE, lt: `${LEASE}~` }, undefined, (key, value) => {
      this.#start(BigInt.asIntN(64, BigInt(`0x${key.slice(1)}`)), decodeNumber(value));
    });
    await scan(db, { gte: ATTACHED, lt: `${ATTACHED}~` }, undefined, (stored) => {
      this.#leases.get(BigInt.asIntN(64, BigInt(`0x${stored.slice(1, 17)}`)))?.keys.add(stored.slice(18));
    });
  }

  has(id: bigint): boolean {
    return this.#leases.has(id);
  }

  ids(): bigint[] {
    return [...this.#leases.keys()];
  }

  /** Starts a lease and returns what to write. */
  grant(ttl_s: number, wanted: bigint | undefined): { readonly status: LeaseStatus; readonly writes: readonly Write[] } {
    if (ttl_s > TTL_MAX_S) throw new EtcdError('OUT_OF_RANGE', 'etcdserver: too large lease TTL');
    const id = wanted && wanted !== 0n ? wanted : BigInt(`0x${Buffer.from(this.random.bytes(8)).toString('hex')}`) >> 1n;
    if (this.#leases.has(id)) throw new EtcdError('FAILED_PRECONDITION', 'etcdserver: lease already exists');
    this.#start(id, Math.max(1, ttl_s));
    return { status: this.status(id, false), writes: [{ type: 'put', key: leaseKey(id), value: encodeNumber(Math.max(1, ttl_s)) }] };
  }

  keepAlive(id: bigint): LeaseStatus {
    const lease = this.#get(id);
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

  keysOf(id: bigint): readonly Key[] {
    return [...this.#get(id).keys];
  }

  /** Forgets a lease and returns what to write. */
  revoke(id: bigint): readonly Write[] {
    this.#get(id).timer.cancel();
    this.#leases.delete(id);
    return [{ type: 'del', key: leaseKey(id) }];
  }

  /** Follows the keys of a transaction from lease to lease; returns what to write. */
  follow(changes: readonly KeyChange[]): Write[] {
    const writes: Write[] = [];
    for (const { key, previous, next } of changes) {
      const before = previous?.lease ?? 0n;
      const after = next?.lease ?? 0n;
      if (before === after) continue;
      if (before !== 0n) {
        this.#leases.get(before)?.keys.delete(key);
        writes.push({ type: 'del', key: attachedKey(before, key) });
      }
      if (after !== 0n) {
        this.#leases.get(after)?.keys.add(key);
        writes.push({ type: 'put', key: attachedKey(after, key), value: Buffer.alloc(0) });
      }
    }
    return writes;
  }

  close(): void {
    for (const lease of this.#leases.values()) lease.timer.cancel();
    this.#leases.clear();
  }

  #get(id: bigint): Lease {
    const lease = this.#leases.get(id);
    if (!lease) throw new LeaseNotFoundError();
    return lease;
  }

  #start(id: bigint, ttl_s: number): void {
    const lease: Lease = { id, ttl_s, keys: new Set(), expires_ms: 0, timer: { cancel() {} } };
    this.#leases.set(id, lease);
    this.#arm(lease);
  }

  #arm(lease: Lease): void {
    lease.expires_ms = this.clock.monotonic() + lease.ttl_s * 1000;
    lease.timer = this.clock.after(lease.ttl_s * 1000, () => {
      // A write that fails (a full disk) must not let an expired lease live for ever: it is tried again one TTL later.
      this.onExpired(lease.id).catch(() => this.#leases.has(lease.id) && this.#arm(lease));
    });
  }
}
