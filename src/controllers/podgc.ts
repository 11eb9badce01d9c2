// Watches pods and Nodes; removes pods that no kubelet will: those of nodes that are gone, and terminating ones without a node.
import { rfc3339 } from '../apimachinery/clock.js';
import { isBeingDeleted, objectKey, parseKey } from '../apimachinery/object.js';
import { isStatus } from '../apimachinery/status.js';
import { nodes } from '../kinds/core/node.js';
import { pods } from '../kinds/core/pod.js';
import { isPodTerminal } from '../kinds/core/podutil.js';
import type { Lister } from '../kinds/define.js';
import type { Node, Pod } from '../kinds/types/core_v1.js';
import { defineController, type ReconcileContext } from './define.js';
import { findLive } from './find-live.js';
import { disruptionTarget } from './pod-disruption.js';
import { perRun } from './run-state.js';

/** As upstream's: a node that is registered anew shortly after keeps its pods. */
const QUARANTINE_MS = 40_000;

/** Since when this process has missed a node, by its name. */
const missing = perRun(() => new Map<string, number>());

export const podGc = defineController({
  name: 'pod-garbage-collector',
  serviceAccount: 'pod-garbage-collector',
  inputs: [pods.mapped(ifLost), nodes.mapped(podsIfGone)],
  outputs: [pods, pods.status],
  async reconcile(key, context) {
    const pod = context.get(pods, parseKey(key));
    if (!pod) return;
    const name = pod.spec.nodeName;
    if (!name) {
      if (!isBeingDeleted(pod)) return;
      await fail(context, pod, []);
      return remove(context, pod);
    }
    const since = missing(context);
    if (context.get(nodes, { name })) {
      since.delete(name);
      return;
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

/** A pod that concerns this controller: without its node, or leaving without ever having had one. */
function ifLost(pod: Pod, lister: Lister): readonly string[] {
  const name = pod.spec.nodeName;
  const lost = name ? !lister.get(nodes, { name }) : isBeingDeleted(pod);
  return lost ? [objectKey(pod)] : [];
}

function podsIfGone(node: Node, lister: Lister): readonly string[] {
  const { name } = node.metadata;
  if (lister.get(nodes, { name })) return [];
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
  try {
    await client.delete(pods, metadata, { gracePeriodSeconds: 0, preconditions: { uid: metadata.uid } });
  } catch (error) {
    if (!isStatus(error, 'NotFound')) throw error;
  }
}
