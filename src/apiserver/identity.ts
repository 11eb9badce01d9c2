// IdentityLease: a Lease of kube-system tells that this server is there, as upstream's servers have it; those of servers that are gone go.
import { createHash } from 'node:crypto';
import { type Clock, type Random, type Timer, uuid } from '../apimachinery/clock.js';
import type { Logger } from '../apimachinery/logger.js';
import { isStatus } from '../apimachinery/status.js';
import type { Client } from '../client/client.js';
import { leases } from '../kinds/coordination/lease.js';
import type { Lease } from '../kinds/types/coordination_v1.js';
import { NAMESPACE_SYSTEM } from '../kinds/wellknown.js';

const LABEL_IDENTITY = 'apiserver.kubernetes.io/identity';
const IDENTITY = 'kube-apiserver';
const DURATION_S = 3600;
/** Far more often than it has to be, and still next to no work at rest. */
const RENEW_MS = 300_000;
const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';

export interface IdentityLeaseOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly hostname: string;
}

export class IdentityLease {
  readonly #name: string;
  readonly #holder: string;
  #timer: Timer | undefined;
  #stopped = false;

  constructor(private readonly options: IdentityLeaseOptions) {
    this.#name = `apiserver-${base32(createHash('sha256').update(options.hostname).digest().subarray(0, 16))}`;
    this.#holder = `${this.#name}_${uuid(options.random)}`;
  }

  async start(): Promise<void> {
    try {
      await this.#renew();
      await this.#collect();
    } catch (error) {
      this.options.log.warn({ error: (error as Error).message }, 'the identity lease of this server could not be renewed');
    }
    if (!this.#stopped) this.#timer = this.options.clock.after(RENEW_MS, () => void this.start());
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  async #renew(): Promise<void> {
    const { client, hostname } = this.options;
    const labels = { [LABEL_IDENTITY]: IDENTITY, 'kubernetes.io/hostname': hostname };
    const metadata = { namespace: NAMESPACE_SYSTEM, name: this.#name, labels };
    const spec = { holderIdentity: this.#holder, leaseDurationSeconds: DURATION_S, renewTime: this.#now() };
    try {
      await client.patch(leases, metadata, 'application/merge-patch+json', { metadata: { labels }, spec });
    } catch (error) {
      if (!isStatus(error, 'NotFound')) throw error;
      await client.create(leases, { metadata, spec });
    }
  }

  /** Those that nobody has renewed for as long as they last. */
  async #collect(): Promise<void> {
    const { client } = this.options;
    const { items } = await client.list(leases, { namespace: NAMESPACE_SYSTEM, labelSelector: `${LABEL_IDENTITY}=${IDENTITY}` });
    for (const lease of items.filter((each) => this.#isOver(each))) {
      const { uid, resourceVersion } = lease.metadata;
      await client.delete(leases, lease.metadata, { preconditions: { uid: uid!, resourceVersion: resourceVersion! } });
    }
  }

  #isOver({ spec: { renewTime, leaseDurationSeconds } }: Lease): boolean {
    if (!renewTime || leaseDurationSeconds === undefined) return false;
    return Date.parse(renewTime) + leaseDurationSeconds * 1000 < this.options.clock.now();
  }

  #now(): string {
    return new Date(this.options.clock.now()).toISOString().replace('Z', '000Z');
  }
}

/** In lower case, without padding. */
function base32(bytes: Uint8Array): string {
  let bits = '';
  for (const byte of bytes) bits += byte.toString(2).padStart(8, '0');
  return [...bits.matchAll(/.{1,5}/g)].map(([part]) => BASE32[Number.parseInt(part.padEnd(5, '0'), 2)]).join('');
}
