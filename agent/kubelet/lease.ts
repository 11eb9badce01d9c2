// The node's heartbeat: its Lease in kube-node-lease, renewed every few seconds.
import { type Clock, type Random, rfc3339Micro, sleep } from '../../src/apimachinery/clock.js';
import type { Logger } from '../../src/apimachinery/logger.js';
import { StatusError } from '../../src/apimachinery/status.js';
import type { Client } from '../../src/client/client.js';
import { leases } from '../../src/kinds/coordination/lease.js';
import type { Lease } from '../../src/kinds/types/coordination_v1.js';
import type { Node } from '../../src/kinds/types/core_v1.js';
import { NAMESPACE_NODE_LEASE } from '../../src/kinds/wellknown.js';

/** So that nodes that were started together do not all renew in the same moment. */
const JITTER = 0.04;

export interface LeaseOptions {
  readonly client: Client;
  readonly node: () => Node | undefined;
  readonly nodeName: string;
  /** What the Lease says of itself. */
  readonly duration_s: number;
  readonly interval_ms: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly stopping: AbortSignal;
}

/** Renews until the agent stops; a renewal that fails is tried again at the next interval. */
export async function keepLease(options: LeaseOptions): Promise<void> {
  const { clock, random, log, stopping, interval_ms } = options;
  let failing = false;
  while (!stopping.aborted) {
    try {
      await renew(options);
      if (failing) log.info({}, 'the heartbeat reaches the API server again');
      failing = false;
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      if (!failing) log.warn({ error: error.message }, 'the heartbeat does not reach the API server');
      failing = true;
    }
    const stopped = await sleep(clock, interval_ms * (1 + JITTER * (random.next() - 0.5)), stopping).then(
      () => false,
      () => true,
    );
    if (stopped) return;
  }
}

/** A patch, so that whoever else writes to the Lease does not make the heartbeat fail. */
async function renew({ client, nodeName, node, duration_s, clock }: LeaseOptions): Promise<void> {
  const spec = { holderIdentity: nodeName, leaseDurationSeconds: duration_s, renewTime: rfc3339Micro(clock.now()) };
  const name = { namespace: NAMESPACE_NODE_LEASE, name: nodeName };
  try {
    await client.patch(leases, name, 'application/merge-patch+json', { spec });
  } catch (error) {
    if (!(error instanceof StatusError) || error.code !== 404) throw error;
    const owner = node();
    const ownerReferences = owner ? [{ apiVersion: 'v1', kind: 'Node', name: nodeName, uid: owner.metadata.uid }] : [];
    await client.create<Lease>(leases, { metadata: { ...name, ownerReferences }, spec });
  }
}
