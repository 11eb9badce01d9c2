// Watches Nodes and their Leases; marks nodes that fall silent and the pods on them, and keeps the taints of their conditions.
import { rfc3339 } from '../apimachinery/clock.js';
import { parseKey } from '../apimachinery/object.js';
import { isStatus } from '../apimachinery/status.js';
import { leases } from '../kinds/coordination/lease.js';
import { nodes } from '../kinds/core/node.js';
import { pods } from '../kinds/core/pod.js';
import { isPodReady } from '../kinds/core/podutil.js';
import type { Lister } from '../kinds/define.js';
import type { Node, Pod } from '../kinds/types/core_v1.js';
import { NAMESPACE_NODE_LEASE } from '../kinds/wellknown.js';
import { defineController, type ReconcileContext } from './define.js';
import { conditionOf, heartbeatOf, isHealthTaint, isNodeReady, sameTaints, silentConditions, wantedTaints } from './node-health.js';
import { evictionRate, zoneOf } from './node-zones.js';
import { perRun } from './run-state.js';

/** A node's last sign of life, timed by when this process saw it: neither the node's clock nor a jump of ours counts. */
interface Heartbeat {
  readonly sign: string;
  readonly seen_ms: number;
}

const heartbeats = perRun(() => new Map<string, Heartbeat>());
/** Which node of each zone was last begun to be emptied, and when. */
const begun = perRun(() => new Map<string, { readonly node: string; readonly at_ms: number }>());

export const nodeLifecycle = defineController({
  name: 'node-lifecycle',
  eventSource: 'node-controller',
  serviceAccount: 'node-controller',
  inputs: [
    nodes,
    nodes.mapped(allNodesIfUnready),
    leases.mapped(({ metadata }) => (metadata.namespace === NAMESPACE_NODE_LEASE ? [metadata.name] : [])),
    pods.mapped(nodeIfUnready),
  ],
  outputs: [nodes, nodes.status, pods.status],
  async reconcile(key, context) {
    const { clock } = context;
    const node = context.get(nodes, parseKey(key));
    if (!node) return forget(context, key);
    const silent_ms = silence_ms(context, node);
    const { nodeMonitorGracePeriod_ms, nodeStartupGracePeriod_ms, nodeMonitorPeriod_ms } = context.options;
    const grace_ms = conditionOf(node, 'Ready') ? nodeMonitorGracePeriod_ms : nodeStartupGracePeriod_ms;
    const current = silent_ms >= grace_ms ? await markSilent(context, node) : node;
    const ready = conditionOf(current, 'Ready')?.status;
    const isDown = ready === 'False' || ready === 'Unknown';
    const evict = isDown && mayEvict(context, current) && mayBegin(context, current);
    await writeTaints(context, current, wantedTaints(current, evict, rfc3339(clock.now())));
    if (isDown) await markPodsNotReady(context, current);
    // Silence is no change that would bring this key, so it asks to be brought when the grace period ends; and a node that
    // is down asks again while it is unclear whether the others are well, or not its turn.
    if (isDown && !evict) return { requeueAfter_ms: nodeMonitorPeriod_ms };
    if (silent_ms < grace_ms) return { requeueAfter_ms: grace_ms - silent_ms };
  },
});

/** Whether the last healthy node has gone, or the first come back, decides on the taints of all. */
function allNodesIfUnready(node: Node, lister: Lister): readonly string[] {
  return isNodeReady(node) ? [] : lister.list(nodes).map(({ metadata }) => metadata.name);
}

/** A pod that is, or becomes, ready on a node that is not. */
function nodeIfUnready(pod: Pod, lister: Lister): readonly string[] {
  const name = pod.spec.nodeName;
  if (!name || !isPodReady(pod)) return [];
  const node = lister.get(nodes, { name });
  return node && !isNodeReady(node) ? [name] : [];
}

function forget(context: ReconcileContext, name: string): void {
  heartbeats(context).delete(name);
}

function silence_ms(context: ReconcileContext, node: Node): number {
  const seen = heartbeats(context);
  const { name, uid } = node.metadata;
  const now_ms = context.clock.monotonic();
  const sign = `${uid}|${heartbeatOf(node, context.get(leases, { namespace: NAMESPACE_NODE_LEASE, name }))}`;
  const last = seen.get(name);
  if (last?.sign === sign) return now_ms - last.seen_ms;
  seen.set(name, { sign, seen_ms: now_ms });
  return 0;
}

/**
 * Whether pods may be evicted from a node that is down: only while another is well, or the fault is more likely here. Nodes
 * cut off together fall silent within a heartbeat of one another, so to begin with the other must have been heard of lately.
 */
function mayEvict(context: ReconcileContext, node: Node): boolean {
  const grace_ms = context.options.nodeMonitorGracePeriod_ms;
  const longest_ms = isBegun(node) ? grace_ms : grace_ms / 2;
  return context
    .list(nodes)
    .some((other) => other.metadata.name !== node.metadata.name && isNodeReady(other) && silence_ms(context, other) < longest_ms);
}

const isBegun = ({ spec }: Node) => spec.taints?.some(({ key, effect }) => effect === 'NoExecute' && isHealthTaint(key)) ?? false;

/** Nodes of a zone are emptied one after the other, so that what takes them down one by one can be seen before all their pods have moved. */
function mayBegin(context: ReconcileContext, node: Node): boolean {
  if (isBegun(node)) return true;
  const zone = zoneOf(node);
  const inZone = context.list(nodes).filter((other) => zoneOf(other) === zone);
  const rate = evictionRate(inZone, context.options);
  if (rate === 0) return false;
  const last = begun(context).get(zone);
  const now_ms = context.clock.monotonic();
  // Whose turn it was and whose taint could not be written has not begun yet.
  if (last && last.node !== node.metadata.name && now_ms - last.at_ms < 1000 / rate) return false;
  begun(context).set(zone, { node: node.metadata.name, at_ms: now_ms });
  return true;
}

async function markSilent(context: ReconcileContext, node: Node): Promise<Node> {
  const conditions = silentConditions(node, rfc3339(context.clock.now()));
  if (!conditions) return node;
  const { name, uid, resourceVersion } = node.metadata;
  // With the version: should the kubelet's report cross this one, it wins, and the change brings the key again.
  const patch = { metadata: { uid, resourceVersion }, status: { conditions } };
  const marked = await context.client.patch(nodes, node.metadata, 'application/merge-patch+json', patch, 'status');
  if (isNodeReady(node)) context.events.event(node, 'Normal', 'NodeNotReady', `Node ${name} status is now: NodeNotReady`);
  return marked;
}

async function writeTaints(context: ReconcileContext, node: Node, taints: Node['spec']['taints'] & object): Promise<void> {
  if (sameTaints(node.spec.taints ?? [], taints)) return;
  const { uid, resourceVersion } = node.metadata;
  const patch = { metadata: { uid, resourceVersion }, spec: { taints } };
  await context.client.patch(nodes, node.metadata, 'application/merge-patch+json', patch);
}

/** Nobody reports on these pods any more, so Services must stop sending to them. */
async function markPodsNotReady(context: ReconcileContext, node: Node): Promise<void> {
  const onNode = context.list(pods).filter((pod) => pod.spec.nodeName === node.metadata.name && isPodReady(pod));
  for (const pod of onNode) {
    const lastTransitionTime = rfc3339(context.clock.now());
    const conditions = pod.status.conditions!.map((condition) =>
      condition.type === 'Ready' ? { ...condition, status: 'False', lastTransitionTime } : condition,
    );
    const { uid, resourceVersion } = pod.metadata;
    try {
      const patch = { metadata: { uid, resourceVersion }, status: { conditions } };
      await context.client.patch(pods, pod.metadata, 'application/merge-patch+json', patch, 'status');
      context.events.event(pod, 'Warning', 'NodeNotReady', 'Node is not ready');
    } catch (error) {
      if (!isStatus(error, 'NotFound')) throw error;
    }
  }
}
