// What is to be done next about the pods of a DaemonSet, node by node, and the status that they amount to. Pure.
import { isBeingDeleted } from '../apimachinery/object.js';
import { isPodReady, isPodTerminal } from '../kinds/core/podutil.js';
import type { DaemonSet, DaemonSetStatus } from '../kinds/types/apps_v1.js';
import type { Node, Pod } from '../kinds/types/core_v1.js';
import { isPodAvailable } from './availability.js';
import { placementOn, targetNode } from './daemonset-pods.js';
import { LABEL_REVISION_HASH } from './revisions.js';

export interface PlanInput {
  readonly set: DaemonSet;
  readonly nodes: readonly Node[];
  /** All of the set, those that are terminating among them. */
  readonly pods: readonly Pod[];
  /** What pods of the present template are labelled with. */
  readonly hash: string;
  readonly now_ms: number;
}

export interface EndedPod {
  readonly pod: Pod;
  readonly node: string;
}

export interface Plan {
  /** Names of nodes. */
  readonly create: readonly string[];
  readonly remove: readonly Pod[];
  /** Failed or succeeded, which daemons should not: to be removed, but not too often. */
  readonly ended: readonly EndedPod[];
}

interface MutablePlan {
  readonly create: string[];
  readonly remove: Pod[];
  readonly ended: EndedPod[];
}

/** First each node gets the pod that it should have and loses what it should not; only when nothing of that is left are pods updated. */
export function planDaemonSet(input: PlanInput): Plan {
  const byNode = podsByNode(input.pods);
  const plan = planNodes(input, byNode);
  if (plan.create.length + plan.remove.length + plan.ended.length > 0) return plan;
  if (input.set.spec.updateStrategy.type === 'OnDelete') return plan;
  return planUpdate(input, byNode);
}

function podsByNode(pods: readonly Pod[]): ReadonlyMap<string, readonly Pod[]> {
  const byNode = new Map<string, Pod[]>();
  for (const pod of [...pods].sort(placedThenOldest)) {
    const node = targetNode(pod);
    if (node === undefined) continue;
    const there = byNode.get(node);
    if (there) there.push(pod);
    else byNode.set(node, [pod]);
  }
  return byNode;
}

function placedThenOldest(a: Pod, b: Pod): number {
  const placed = Number(!a.spec.nodeName) - Number(!b.spec.nodeName);
  const age = Date.parse(a.metadata.creationTimestamp) - Date.parse(b.metadata.creationTimestamp);
  return placed || age || (a.metadata.name < b.metadata.name ? -1 : 1);
}

function planNodes(input: PlanInput, byNode: ReadonlyMap<string, readonly Pod[]>): Plan {
  const plan: MutablePlan = { create: [], remove: [], ended: [] };
  const known = new Set<string>();
  for (const node of input.nodes) {
    const { name } = node.metadata;
    known.add(name);
    const { shouldRun, mayStay } = placementOn(input.set, node);
    const there = byNode.get(name) ?? [];
    if (!mayStay) plan.remove.push(...there.filter((pod) => !isBeingDeleted(pod)));
    else if (shouldRun && there.length === 0) plan.create.push(name);
    else planNode(input, { node: name, shouldRun, there }, plan);
  }
  // Those that wait for a node that is gone would wait for ever; those that ran there are the pod collector's.
  for (const [node, there] of byNode)
    if (!known.has(node)) plan.remove.push(...there.filter((pod) => !pod.spec.nodeName && !isBeingDeleted(pod)));
  return plan;
}

interface OneNode {
  readonly node: string;
  readonly shouldRun: boolean;
  readonly there: readonly Pod[];
}

function planNode(input: PlanInput, { node, shouldRun, there }: OneNode, plan: MutablePlan): void {
  const staying = there.filter((pod) => !isBeingDeleted(pod));
  plan.ended.push(...staying.filter(isPodTerminal).map((pod) => ({ pod, node })));
  const running = staying.filter((pod) => !isPodTerminal(pod));
  if (!surges(input.set)) plan.remove.push(...running.slice(1));
  else if (running.length === 0 && shouldRun) plan.create.push(node);
  else plan.remove.push(...surplusOfSurge(input, running));
}

/** Of a node's pods one of each template may stay: the new one until it takes over, the old one until then, as long as it works. */
function surplusOfSurge({ set, hash, now_ms }: PlanInput, running: readonly Pod[]): readonly Pod[] {
  const [fresh, ...moreFresh] = running.filter((pod) => isOfRevision(pod, hash));
  const [old, ...moreOld] = running.filter((pod) => !isOfRevision(pod, hash));
  const isOver = fresh && old && (!isPodReady(old) || isPodAvailable(fresh, set.spec.minReadySeconds ?? 0, now_ms));
  return [...moreFresh, ...moreOld, ...(isOver ? [old] : [])];
}

const isOfRevision = (pod: Pod, hash: string): boolean => pod.metadata.labels?.[LABEL_REVISION_HASH] === hash;
const surges = (set: DaemonSet): boolean => set.spec.updateStrategy.type === 'RollingUpdate' && scaled(set, 'maxSurge', 100) > 0;

/** A number of nodes, or a percentage of them rounded up. */
function scaled(set: DaemonSet, field: 'maxSurge' | 'maxUnavailable', nodes: number): number {
  const value = set.spec.updateStrategy.rollingUpdate?.[field] ?? 0;
  return typeof value === 'number' ? value : Math.ceil((Number.parseInt(value, 10) * nodes) / 100);
}

interface NodeToUpdate {
  readonly name: string;
  readonly fresh: Pod | undefined;
  readonly old: Pod | undefined;
}

function planUpdate(input: PlanInput, byNode: ReadonlyMap<string, readonly Pod[]>): Plan {
  const { set, nodes, hash, now_ms } = input;
  const isAvailable = (pod: Pod) => isPodAvailable(pod, set.spec.minReadySeconds ?? 0, now_ms);
  const wanted = nodes.filter((node) => placementOn(set, node).shouldRun).length;
  const maxSurge = scaled(set, 'maxSurge', wanted);
  const updates = nodes
    .filter((node) => placementOn(set, node).shouldRun || byNode.has(node.metadata.name))
    .map(({ metadata: { name } }): NodeToUpdate => {
      const staying = (byNode.get(name) ?? []).filter((pod) => !isBeingDeleted(pod));
      return { name, fresh: staying.find((pod) => isOfRevision(pod, hash)), old: staying.find((pod) => !isOfRevision(pod, hash)) };
    });
  if (maxSurge > 0) return { ...surgeUpdate(updates, maxSurge, isAvailable), ended: [] };
  // Where both come out as none, nothing would ever move.
  const maxUnavailable = Math.max(1, scaled(set, 'maxUnavailable', wanted));
  return { create: [], remove: inPlaceUpdate(updates, maxUnavailable, isAvailable), ended: [] };
}

type IsAvailable = (pod: Pod) => boolean;

/** Old pods that do not work go at once, others as far as there may be nodes without one that works. */
function inPlaceUpdate(updates: readonly NodeToUpdate[], maxUnavailable: number, isAvailable: IsAvailable): readonly Pod[] {
  const old = updates.flatMap(({ fresh, old: pod }) => (pod && !fresh ? [pod] : []));
  const unavailable = updates.filter(({ fresh, old: pod }) => (fresh ? pod || !isAvailable(fresh) : !pod)).length;
  const room = Math.max(0, maxUnavailable - unavailable);
  return [...old.filter((pod) => !isAvailable(pod)), ...old.filter(isAvailable).slice(0, room)];
}

/** A new pod beside the old one, on so many nodes at a time; the old one goes when the new one is available. */
function surgeUpdate(updates: readonly NodeToUpdate[], maxSurge: number, isAvailable: IsAvailable): Pick<Plan, 'create' | 'remove'> {
  const remove = updates.flatMap(({ fresh, old }) => (fresh && old && isAvailable(fresh) ? [old] : []));
  const surging = updates.filter(({ fresh, old }) => fresh && old && !isAvailable(fresh)).length;
  const next = updates.filter(({ fresh, old }) => old && !fresh);
  const broken = next.filter(({ old }) => !isAvailable(old!));
  const working = next.filter(({ old }) => isAvailable(old!)).slice(0, Math.max(0, maxSurge - surging));
  return { create: [...broken, ...working].map(({ name }) => name), remove };
}

export function daemonSetStatus({ set, nodes, pods, hash, now_ms }: PlanInput, collisionCount: number | undefined): DaemonSetStatus {
  const byNode = podsByNode(pods);
  const first = (node: Node) => byNode.get(node.metadata.name)?.[0];
  const wanted = nodes.filter((node) => placementOn(set, node).shouldRun);
  const scheduled = wanted.flatMap((node) => first(node) ?? []);
  const numberAvailable = scheduled.filter((pod) => isPodAvailable(pod, set.spec.minReadySeconds ?? 0, now_ms)).length;
  const { conditions } = set.status;
  return {
    currentNumberScheduled: scheduled.length,
    numberMisscheduled: nodes.filter((node) => !wanted.includes(node) && first(node)).length,
    desiredNumberScheduled: wanted.length,
    numberReady: scheduled.filter(isPodReady).length,
    observedGeneration: set.metadata.generation ?? 0,
    updatedNumberScheduled: scheduled.filter((pod) => isOfRevision(pod, hash)).length,
    numberAvailable,
    numberUnavailable: wanted.length - numberAvailable,
    ...(collisionCount === undefined ? {} : { collisionCount }),
    ...(conditions && { conditions }),
  };
}

const COUNTS = [
  'currentNumberScheduled',
  'numberMisscheduled',
  'desiredNumberScheduled',
  'numberReady',
  'observedGeneration',
  'updatedNumberScheduled',
  'numberAvailable',
  'numberUnavailable',
  'collisionCount',
] as const satisfies readonly (keyof DaemonSetStatus)[];

/** Storage leaves zeros out. */
export const sameStatus = (a: DaemonSetStatus, b: DaemonSetStatus): boolean => COUNTS.every((count) => (a[count] ?? 0) === (b[count] ?? 0));
