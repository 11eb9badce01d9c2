// What happens to nodes in a simulation: they fall silent and come back, are drained and tainted, and one may be removed, or be new.
import { isBeingDeleted } from '../../src/apimachinery/object.js';
import { isStatus, StatusError } from '../../src/apimachinery/status.js';
import type { Client } from '../../src/client/client.js';
import { nodes } from '../../src/kinds/core/node.js';
import { pods } from '../../src/kinds/core/pod.js';
import type { Taint } from '../../src/kinds/types/core_v1.js';
import { LABEL_OWN, type Planner } from './users.js';

const MERGE = 'application/merge-patch+json';
const MAINTENANCE: Taint = { key: 'simulation/maintenance', effect: 'NoExecute' };
/** Who drains gives up on pods that may not go. */
const DRAIN_TRIES = 6;

export function planNodes({ random, busy_ms, add, between }: Planner, mayRemove: boolean): void {
  for (let i = random.below(3); i > 0; i--) {
    const nth = random.below(100);
    const at_ms = between(busy_ms / 4, busy_ms);
    add(at_ms, `node ${nth} falls silent`, async ({ nodes: all }) => void (all[nth % all.length]!.alive = false));
    add(at_ms + between(10_000, busy_ms / 2), `node ${nth} is back`, async ({ nodes: all }) => all[nth % all.length]!.wake());
  }
  if (random.chance(0.3)) {
    const name = `node-${random.below(2)}`;
    const at_ms = between(busy_ms / 2, busy_ms);
    let tries = 0;
    const cordon = (client: Client, unschedulable: boolean | null) => client.patch(nodes, { name }, MERGE, { spec: { unschedulable } });
    add(at_ms, `drain ${name}`, async ({ client }) => {
      if (tries++ === 0) await cordon(client, true);
      const done = await evictFrom(client, name);
      if (!done && tries < DRAIN_TRIES) return 'again';
      await cordon(client, null);
    });
  }
  if (random.chance(0.2)) {
    const name = `node-${random.below(3)}`;
    const at_ms = between(busy_ms / 4, busy_ms);
    add(at_ms, `taint ${name} NoExecute`, ({ client }) => retaint(client, name, [MAINTENANCE]));
    add(at_ms + between(10_000, busy_ms / 4), `take the taint from ${name}`, ({ client }) => retaint(client, name, []));
  }
  if (random.chance(0.2)) add(between(busy_ms / 4, busy_ms), 'a node joins', ({ newNode }) => newNode.join());
  if (!mayRemove || !random.chance(0.3)) return;
  add(between(busy_ms / 4, busy_ms), 'the last node is removed', async ({ client, nodes: all }) => {
    const last = all.at(-1)!;
    last.leave();
    await client.delete(nodes, { name: last.name });
  });
}

/** As kubectl taint does it, beside what controllers do with other taints. */
async function retaint(client: Client, name: string, ours: readonly Taint[]): Promise<void> {
  for (;;) {
    const node = await client.get(nodes, { name });
    const others = (node.spec.taints ?? []).filter(({ key }) => key !== MAINTENANCE.key);
    try {
      await client.update(nodes, { ...node, spec: { ...node.spec, taints: [...others, ...ours] } });
      return;
    } catch (error) {
      if (!isStatus(error, 'Conflict')) throw error;
    }
  }
}

/** False where a budget has put one off. Those of a namespace that is going may not be evicted, and go with it. */
async function evictFrom(client: Client, node: string): Promise<boolean> {
  const { items } = await client.list(pods, { fieldSelector: `spec.nodeName=${node}` });
  let done = true;
  for (const pod of items) {
    if (isBeingDeleted(pod) || pod.metadata.labels?.[LABEL_OWN]) continue;
    const { namespace, name } = pod.metadata;
    const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { namespace: namespace!, name } };
    try {
      await client.post(pods, pod.metadata, 'eviction', body);
    } catch (error) {
      if (!(error instanceof StatusError) || ![403, 404, 409, 429].includes(error.code)) throw error;
      if (error.code === 429) done = false;
    }
  }
  return done;
}
