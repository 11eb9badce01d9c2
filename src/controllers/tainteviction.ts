// Watches Nodes and pods; deletes pods from nodes with NoExecute taints, once their tolerations have run out.
import { rfc3339 } from '../apimachinery/clock.js';
import { objectKey, parseKey } from '../apimachinery/object.js';
import { isStatus } from '../apimachinery/status.js';
import { nodes } from '../kinds/core/node.js';
import { pods } from '../kinds/core/pod.js';
import { isPodActive } from '../kinds/core/podutil.js';
import type { Lister } from '../kinds/define.js';
import type { Node, Pod } from '../kinds/types/core_v1.js';
import { defineController, type ReconcileContext } from './define.js';
import { findLive } from './find-live.js';
import { disruptionTarget } from './pod-disruption.js';
import { perRun } from './run-state.js';
import { tolerated_ms } from './tolerations.js';

/** Since when this process has known a pod to be on a node with NoExecute taints, by pod uid: tolerations count from then. */
const tainted = perRun(() => new Map<string, { readonly uid: string; readonly since_ms: number }>());

export const taintEviction = defineController({
  name: 'taint-eviction',
  serviceAccount: 'node-controller',
  inputs: [pods.mapped(ifTainted), nodes.mapped(podsIfTainted)],
  outputs: [pods, pods.status],
  async reconcile(key, context) {
    const pod = context.get(pods, parseKey(key));
    const node = pod?.spec.nodeName ? context.get(nodes, { name: pod.spec.nodeName }) : undefined;
    if (!pod || !node || !isPodActive(pod) || !hasNoExecute(node)) return forget(context, key);
    const waited_ms = context.clock.monotonic() - since_ms(context, key, pod);
    const wait_ms = stay_ms(node, pod) - waited_ms;
    if (wait_ms > 0) return Number.isFinite(wait_ms) ? { requeueAfter_ms: wait_ms } : {};
    // Asked live: a cache that lags behind must cost no pod.
    const live = await findLive(context.client, nodes, node.metadata);
    if (live && stay_ms(live, pod) <= waited_ms) await evict(context, pod);
    return {};
  },
});

const stay_ms = (node: Node, pod: Pod): number => tolerated_ms(node.spec.taints ?? [], pod.spec.tolerations ?? []);

const hasNoExecute = (node: Node): boolean => node.spec.taints?.some(({ effect }) => effect === 'NoExecute') ?? false;

function ifTainted(pod: Pod, lister: Lister): readonly string[] {
  const node = pod.spec.nodeName ? lister.get(nodes, { name: pod.spec.nodeName }) : undefined;
  return node && hasNoExecute(node) ? [objectKey(pod)] : [];
}

/** Called with the old and the new state, so taints that come and taints that go both bring the node's pods. */
function podsIfTainted(node: Node, lister: Lister): readonly string[] {
  if (!hasNoExecute(node)) return [];
  const onNode = lister.list(pods).filter((pod) => pod.spec.nodeName === node.metadata.name);
  return onNode.map(objectKey);
}

function forget(context: ReconcileContext, key: string): void {
  tainted(context).delete(key);
}

function since_ms(context: ReconcileContext, key: string, { metadata: { uid } }: Pod): number {
  const known = tainted(context).get(key);
  if (known?.uid === uid) return known.since_ms;
  const since = context.clock.monotonic();
  tainted(context).set(key, { uid, since_ms: since });
  return since;
}

async function evict(context: ReconcileContext, pod: Pod): Promise<void> {
  const { uid, namespace, name } = pod.metadata;
  context.events.event(pod, 'Normal', 'TaintManagerEviction', `Marking for deletion Pod ${namespace}/${name}`);
  const condition = disruptionTarget(
    'DeletionByTaintManager',
    'Taint manager: deleting due to NoExecute taint',
    rfc3339(context.clock.now()),
  );
  try {
    const patch = { metadata: { uid }, status: { conditions: [condition] } };
    await context.client.patch(pods, pod.metadata, 'application/strategic-merge-patch+json', patch, 'status');
    await context.client.delete(pods, pod.metadata, { preconditions: { uid } });
  } catch (error) {
    if (!isStatus(error, 'NotFound')) throw error;
  }
}
