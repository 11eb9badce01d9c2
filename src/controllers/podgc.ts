// Watches pods and Nodes; removes pods that no kubelet will: those of nodes that are gone or out of service, terminating ones without a node,
// and the oldest of too many that are over.
import { rfc3339 } from '../apimachinery/clock.js';
import { isBeingDeleted, objectKey, parseKey } from '../apimachinery/object.js';
import { isStatus } from '../apimachinery/status.js';
import { nodes } from '../kinds/core/node.js';
import { pods } from '../kinds/core/pod.js';
import { isPodTerminal } from '../kinds/core/podutil.js';
import type { Lister } from '../kinds/define.js';
import type { Node, Pod } from '../kinds/types/core_v1.js';
import { defineController, type ReconcileContext, type ReconcileResult } from './define.js';
import { findLive } from './find-live.js';
import { isNodeReady } from './node-health.js';
import { disruptionTarget } from './pod-disruption.js';
import { perRun } from './run-state.js';

/** As upstream's: a node that is registered anew shortly after keeps its pods. */
const QUARANTINE_MS = 40_000;

/** Upstream's period: counting all pods is not for each that ends. */
const COUNT_INTERVAL_MS = 20_000;
/** A key of its own: no pod is called so. */
const TERMINATED = '/terminated';
const TAINT_OUT_OF_SERVICE = 'node.kubernetes.io/out-of-service';

/** When this process last counted the pods that are over. */
const counted = perRun(() => ({ at_ms: Number.NEGATIVE_INFINITY }));

/** Since when this process has missed a node, by its name. */
const missing = perRun(() => new Map<string, number>());

export const podGc = defineController({
  name: 'pod-garbage-collector',
  serviceAccount: 'pod-garbage-collector',
  inputs: [pods.mapped(ifLost), pods.mapped((pod) => (isPodTerminal(pod) ? [TERMINATED] : [])), nodes.mapped(podsIfLost)],
  outputs: [pods, pods.status],
  async reconcile(key, context) {
    if (key === TERMINATED) return collectTerminated(context);
    const pod = context.get(pods, parseKey(key));
    if (!pod) return;
    const name = pod.spec.nodeName;
    if (!name) {
      if (!isBeingDeleted(pod)) return;
      await fail(context, pod, []);
      return remove(context, pod);
    }
    const since = missing(context);
    const node = context.get(nodes, { name });
    if (node) {
      since.delete(name);
      return isAbandoned(pod, node) ? abandon(context, pod) : undefined;
    }
    const now_ms = context.clock.monotonic();
    if (!since.has(name)) since.set(name, now_ms);
    const wait_ms = since.get(name)! + QUARANTINE_MS - now_ms;
    if (wait_ms > 0) return { requeueAfter_ms: wait_ms };
    if (await nodeExists(context, name)) return;
    await fail(context, pod, [disruptionTarget('DeletionByPodGC', 'PodGC: node no longer exists', rfc3339(context.clock.now()))]);
    await remove(context, pod);
  },
});

async function collectTerminated(context: ReconcileContext): Promise<ReconcileResult | void> {
  const max = context.options.terminatedPodGcThreshold;
  if (max === 0) return;
  const state = counted(context);
  const wait_ms = state.at_ms + COUNT_INTERVAL_MS - context.clock.monotonic();
  if (wait_ms > 0) return { requeueAfter_ms: wait_ms };
  state.at_ms = context.clock.monotonic();
  for (const pod of superfluous(context.list(pods), max)) await remove(context, pod);
}

/** Of more than `max` pods that are over, those that go: evicted ones first, then the oldest. Ones that are being deleted go by themselves. Pure. */
export function superfluous(all: readonly Pod[], max: number): readonly Pod[] {
  const over = all.filter((pod) => isPodTerminal(pod) && !isBeingDeleted(pod));
  if (over.length <= max) return [];
  const order = ({ status, metadata }: Pod) => `${status.reason === 'Evicted' ? 0 : 1} ${metadata.creationTimestamp}`;
  return over.sort((a, b) => (order(a) < order(b) ? -1 : 1)).slice(0, over.length - max);
}

/** A person has said, by the taint, that the node is off for good: its kubelet will end nothing any more. */
const isOutOfService = (node: Node): boolean =>
  !isNodeReady(node) && (node.spec.taints?.some(({ key }) => key === TAINT_OUT_OF_SERVICE) ?? false);

const isAbandoned = (pod: Pod, node: Node): boolean => isBeingDeleted(pod) && isOutOfService(node);

async function abandon(context: ReconcileContext, pod: Pod): Promise<void> {
  await fail(context, pod, []);
  await remove(context, pod);
}

/** A pod that concerns this controller: without its node, or leaving without ever having had one. */
function ifLost(pod: Pod, lister: Lister): readonly string[] {
  const name = pod.spec.nodeName;
  const node = name ? lister.get(nodes, { name }) : undefined;
  const lost = name ? !node || isAbandoned(pod, node) : isBeingDeleted(pod);
  return lost ? [objectKey(pod)] : [];
}

function podsIfLost(node: Node, lister: Lister): readonly string[] {
  const { name } = node.metadata;
  if (lister.get(nodes, { name }) && !isOutOfService(node)) return [];
  return lister
    .list(pods)
    .filter((pod) => pod.spec.nodeName === name)
    .map(objectKey);
}

/** Asked live: a cache that lags behind must cost no pod. */
async function nodeExists({ client }: ReconcileContext, name: string): Promise<boolean> {
  return (await findLive(client, nodes, { name })) !== undefined;
}

/** Says in the pod what became of it, for whoever holds it by a finalizer. */
async function fail({ client }: ReconcileContext, pod: Pod, conditions: readonly object[]): Promise<void> {
  if (isPodTerminal(pod)) return;
  const patch = { metadata: { uid: pod.metadata.uid }, status: { phase: 'Failed', conditions } };
  try {
    await client.patch(pods, pod.metadata, 'application/strategic-merge-patch+json', patch, 'status');
  } catch (error) {
    if (!isStatus(error, 'NotFound')) throw error;
  }
}

async function remove({ client }: ReconcileContext, { metadata }: Pod): Promise<void> {
  // Held by finalizers alone: there is nothing left to ask for.
  if (metadata.deletionGracePeriodSeconds === 0) return;
  try {
    await client.delete(pods, metadata, { gracePeriodSeconds: 0, preconditions: { uid: metadata.uid } });
  } catch (error) {
    if (!isStatus(error, 'NotFound')) throw error;
  }
}
