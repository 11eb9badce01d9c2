// EventLeases: the etcd leases that make events go away by themselves; objects of the same minute share one.
import type { Clock } from '../../apimachinery/clock.js';
import type { Backend } from '../../etcd/backend.js';

/** `--event-ttl`. */
export const EVENT_TTL_S = 3600;
/** A lease is shared for so long, so an event lives at most this much longer than its TTL. */
const REUSE_MS = 60_000;

export class EventLeases {
  #lease: Promise<bigint> | undefined;
  #grantedAt_ms = 0;

  constructor(
    private readonly backend: Backend,
    private readonly clock: Clock,
  ) {}

  /** The lease to attach to an object that is written now. */
  current(): Promise<bigint> {
    const now_ms = this.clock.monotonic();
    if (!this.#lease || now_ms - this.#grantedAt_ms > REUSE_MS) {
      this.#grantedAt_ms = now_ms;
      const lease = this.backend.leaseGrant(EVENT_TTL_S + REUSE_MS / 1000).then((granted) => granted.id);
      this.#lease = lease;
      lease.catch(() => {
        // The caller gets the error; the next one tries anew.
        if (this.#lease === lease) this.#lease = undefined;
      });
    }
    return this.#lease;
  }
}
