// Watches DaemonSets, nodes, pods and revisions; keeps a pod on every node that should have one and updates them in turn.
// What to do is decided by daemonset-plan.ts; this carries it out.
import { selectorOf } from '../apimachinery/labels.js';
import { isBeingDeleted, objectKey, parseKey } from '../apimachinery/object.js';
import { StatusError } from '../apimachinery/status.js';
import { controllerRevisions } from '../kinds/apps/controllerrevision.js';
import { daemonSets } from '../kinds/apps/daemonset.js';
import { nodes } from '../kinds/core/node.js';
import { pods } from '../kinds/core/pod.js';
import type { DaemonSet } from '../kinds/types/apps_v1.js';
import type { Pod } from '../kinds/types/core_v1.js';
import { untilAvailable_ms } from './availability.js';
import { adoptersOf, claim } from './controller-ref.js';
import { daemonSetStatus, type EndedPod, type Plan, type PlanInput, planDaemonSet, sameStatus } from './daemonset-plan.js';
import { daemonTemplate, placementOn, templateForNode } from './daemonset-pods.js';
import { defineController, type ReconcileContext } from './define.js';
import { FailureBackoff } from './failure-backoff.js';
import { createPod, deletePod, isNamespaceTerminating, slowStart } from './pod-control.js';
import { deleteRevisions, type History, historyOf, LABEL_REVISION_HASH } from './revisions.js';
import { perRun } from './run-state.js';

/** Most pods made, and most deleted, in one reconcile, as upstream's: other keys get their turn in between. */
const BURST_REPLICAS = 250;
/** As upstream's: each looks at all nodes. */
const CONCURRENCY = 2;

const selectorFor = ({ spec }: DaemonSet) => selectorOf(spec.selector);

/** Failed pods are deleted less and less often: a node that refuses a pod would be given the next one at once. */
const failures = perRun(() => new FailureBackoff());

export const daemonSet = defineController({
  name: 'daemonset',
  serviceAccount: 'daemon-set-controller',
  inputs: [
    daemonSets,
    ...[pods, controllerRevisions].flatMap((kind) => [kind.ownedBy(daemonSets), kind.mapped(adoptersOf(daemonSets, selectorFor))]),
    nodes.mapped((node, lister) =>
      lister
        .list(daemonSets)
        .filter((set) => placementOn(set, node).mayStay)
        .map(objectKey),
    ),
  ],
  outputs: [pods, controllerRevisions, daemonSets.status],
  concurrency: CONCURRENCY,
  async reconcile(key, context) {
    const set = context.get(daemonSets, parseKey(key));
    if (!set || isBeingDeleted(set)) return;
    const history = await historyOf(context, daemonSets, set, LABEL_REVISION_HASH);
    const hash = history.update.metadata.labels![LABEL_REVISION_HASH]!;
    const owner = { kind: daemonSets, object: set, selector: selectorFor(set) };
    const own = await claim(context, owner, pods, context.claimable(pods, set));
    const input = { set, nodes: context.list(nodes), pods: own, hash, now_ms: context.clock.now() };
    const { failure, wait_ms } = await carryOut(context, input, planDaemonSet(input));
    const status = daemonSetStatus(input, history.collisionCount);
    if (!sameStatus(status, set.status)) await context.client.update(daemonSets, { ...set, status }, 'status');
    if (failure && !isNamespaceTerminating(failure)) throw failure;
    await retireHistory(context, set, history, own);
    const waits = [wait_ms, untilAvailable_ms(own, set.spec.minReadySeconds ?? 0, input.now_ms)].filter((wait) => wait !== undefined);
    return waits.length === 0 ? {} : { requeueAfter_ms: Math.min(...waits) };
  },
});

interface Outcome {
  readonly failure?: StatusError;
  /** When the next failed pod may be deleted. */
  readonly wait_ms: number | undefined;
}

async function carryOut(context: ReconcileContext, { set, hash }: PlanInput, { create, remove, ended }: Plan): Promise<Outcome> {
  const { due, wait_ms } = dueOf(context, set, ended);
  const names = create.slice(0, BURST_REPLICAS);
  const next = names.values();
  const template = daemonTemplate(set, hash);
  try {
    await slowStart(names.length, () => createPod(context, daemonSets, set, templateForNode(template, next.next().value!)));
    await Promise.all([...remove, ...due].slice(0, BURST_REPLICAS).map((pod) => deletePod(context, set, pod)));
    return { wait_ms };
  } catch (error) {
    if (error instanceof StatusError) return { failure: error, wait_ms };
    throw error;
  }
}

/** Pods that ended and may be deleted now, which an event tells of. */
function dueOf(
  context: ReconcileContext,
  set: DaemonSet,
  ended: readonly EndedPod[],
): { due: readonly Pod[]; wait_ms: number | undefined } {
  const due: Pod[] = [];
  const waits: number[] = [];
  const now_ms = context.clock.monotonic();
  for (const { pod, node } of ended) {
    const found = `daemon pod ${objectKey(pod)} on node ${node}`;
    if (pod.status.phase === 'Succeeded') {
      context.events.event(set, 'Normal', 'SucceededDaemonPod', `Found succeeded ${found}, will try to delete it`);
      due.push(pod);
      continue;
    }
    const wait_ms = failures(context).next(`${set.metadata.uid}/${set.metadata.generation}/${node}`, now_ms);
    if (wait_ms > 0) {
      waits.push(wait_ms);
      continue;
    }
    context.events.event(set, 'Warning', 'FailedDaemonPod', `Found failed ${found}, will try to kill it`);
    due.push(pod);
  }
  return { due, wait_ms: waits.length > 0 ? Math.min(...waits) : undefined };
}

/** Old revisions beyond the limit, but for those that a pod is still of. */
async function retireHistory(context: ReconcileContext, set: DaemonSet, { all, update }: History, own: readonly Pod[]): Promise<void> {
  const live = new Set(own.map(({ metadata }) => metadata.labels?.[LABEL_REVISION_HASH]));
  const old = all.filter((revision) => revision !== update);
  const surplus = old.length - (set.spec.revisionHistoryLimit ?? 10);
  await deleteRevisions(context, old, surplus, ({ metadata }) => live.has(metadata.labels?.[LABEL_REVISION_HASH]));
}
