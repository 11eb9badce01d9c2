// The one control loop of ReplicaSets and ReplicationControllers: as many pods of the template as asked for, no more, no fewer.
import { rfc3339 } from '../apimachinery/clock.js';
import type { Selector } from '../apimachinery/labels.js';
import { controllerOf, isBeingDeleted, type KubeObject, parseKey } from '../apimachinery/object.js';
import { StatusError } from '../apimachinery/status.js';
import { pods } from '../kinds/core/pod.js';
import { isPodActive, isPodReady, isPodTerminal } from '../kinds/core/podutil.js';
import type { Kind } from '../kinds/define.js';
import type { Pod, PodTemplateSpec } from '../kinds/types/core_v1.js';
import { isPodAvailable, untilAvailable_ms } from './availability.js';
import { adoptersOf, claim } from './controller-ref.js';
import { type ControllerDefinition, defineController, type ReconcileContext } from './define.js';
import { createPod, deletePod, isNamespaceTerminating, slowStart } from './pod-control.js';
import { rankForDeletion } from './pod-ranking.js';

/** Most pods made or deleted in one reconcile, as upstream's: other keys get their turn in between. */
export const BURST_REPLICAS = 500;

interface ReplicaCondition {
  readonly type: string;
  readonly status: string;
  readonly lastTransitionTime?: string;
  readonly reason?: string;
  readonly message?: string;
}

export interface ReplicaStatus {
  readonly replicas: number;
  readonly fullyLabeledReplicas?: number;
  readonly readyReplicas?: number;
  readonly availableReplicas?: number;
  readonly terminatingReplicas?: number;
  readonly observedGeneration?: number;
  readonly conditions?: readonly ReplicaCondition[];
}

/** What a ReplicaSet and a ReplicationController have in common. */
export interface ReplicaOwner extends KubeObject {
  readonly spec: { readonly replicas?: number; readonly minReadySeconds?: number; readonly template?: PodTemplateSpec };
  readonly status: ReplicaStatus;
}

export interface ReplicaControllerOptions<T extends ReplicaOwner> {
  readonly name: string;
  readonly serviceAccount?: string;
  readonly eventSource?: string;
  readonly kind: Kind<T>;
  readonly selector: (owner: T) => Selector;
  /** Its status tells how many of its pods are on their way out. */
  readonly countsTerminating?: boolean;
}

export function replicaController<T extends ReplicaOwner>(options: ReplicaControllerOptions<T>): ControllerDefinition {
  const { kind, selector } = options;
  return defineController({
    name: options.name,
    ...(options.serviceAccount && { serviceAccount: options.serviceAccount }),
    ...(options.eventSource && { eventSource: options.eventSource }),
    inputs: [kind, pods.ownedBy(kind), pods.mapped(adoptersOf(kind, selector))],
    outputs: [pods, kind.status],
    async reconcile(key, context) {
      const owner = context.get(kind, parseKey(key));
      if (!owner) return;
      const all = context.claimable(pods, owner);
      const own = await claim(context, { kind, object: owner, selector: selector(owner) }, pods, all.filter(isPodActive));
      const terminating = options.countsTerminating ? terminatingOf(owner, selector(owner), all) : undefined;
      const failure = isBeingDeleted(owner) ? undefined : await manageReplicas(context, kind, owner, own);
      const now_ms = context.clock.now();
      const status = replicaStatus({ owner, own, terminating, failure, now_ms });
      if (JSON.stringify(status) !== JSON.stringify(normalStatus(owner.status))) {
        const patch = { metadata: { uid: owner.metadata.uid }, status };
        await context.client.patch(kind, owner.metadata, 'application/merge-patch+json', patch, 'status');
      }
      if (failure && !isNamespaceTerminating(failure.error)) throw failure.error;
      const requeueAfter_ms = untilAvailable_ms(own, owner.spec.minReadySeconds ?? 0, now_ms);
      return requeueAfter_ms === undefined ? {} : { requeueAfter_ms };
    },
  });
}

interface Failure {
  readonly reason: 'FailedCreate' | 'FailedDelete';
  readonly error: StatusError;
}

/** Creates or deletes what is missing or too many; an API refusal becomes a condition and is retried by the caller. */
async function manageReplicas<T extends ReplicaOwner>(
  context: ReconcileContext,
  kind: Kind<T>,
  owner: T,
  own: readonly Pod[],
): Promise<Failure | undefined> {
  const missing = (owner.spec.replicas ?? 1) - own.length;
  const template = owner.spec.template;
  try {
    if (missing > 0 && template) await slowStart(Math.min(missing, BURST_REPLICAS), () => createPod(context, kind, owner, template));
    if (missing < 0) {
      const ranking = { related: relatedPods(context, kind, owner, own), now_ms: context.clock.now() };
      const surplus = rankForDeletion(own, ranking).slice(0, Math.min(-missing, BURST_REPLICAS));
      await Promise.all(surplus.map((pod) => deletePod(context, owner, pod)));
    }
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    return { reason: missing > 0 ? 'FailedCreate' : 'FailedDelete', error };
  }
}

/** The pods of all sets of the owner's owner: where two of those share a node, one may go. */
function relatedPods<T extends ReplicaOwner>(context: ReconcileContext, kind: Kind<T>, owner: T, own: readonly Pod[]): readonly Pod[] {
  const above = controllerOf(owner)?.uid;
  if (above === undefined) return own;
  const siblings = context.list(kind, owner.metadata.namespace).filter((each) => controllerOf(each)?.uid === above);
  return siblings.flatMap((each) =>
    context.claimable(pods, each).filter((pod) => isPodActive(pod) && controllerOf(pod)?.uid === each.metadata.uid),
  );
}

function terminatingOf(owner: ReplicaOwner, selector: Selector, all: readonly Pod[]): number {
  const isLeaving = (pod: Pod) => isBeingDeleted(pod) && !isPodTerminal(pod) && controllerOf(pod)?.uid === owner.metadata.uid;
  return all.filter((pod) => isLeaving(pod) && selector.matches(pod.metadata.labels)).length;
}

interface StatusInput {
  readonly owner: ReplicaOwner;
  /** Its active pods. */
  readonly own: readonly Pod[];
  readonly terminating?: number | undefined;
  readonly failure?: Failure | undefined;
  readonly now_ms: number;
}

/** The status that the pods amount to. Pure. */
export function replicaStatus({ owner, own, terminating, failure, now_ms }: StatusInput): ReplicaStatus {
  const labels = Object.entries(owner.spec.template?.metadata.labels ?? {});
  const minReadySeconds = owner.spec.minReadySeconds ?? 0;
  return normalStatus({
    replicas: own.length,
    fullyLabeledReplicas: own.filter((pod) => labels.every(([name, value]) => pod.metadata.labels?.[name] === value)).length,
    readyReplicas: own.filter(isPodReady).length,
    availableReplicas: own.filter((pod) => isPodAvailable(pod, minReadySeconds, now_ms)).length,
    ...(terminating === undefined ? {} : { terminatingReplicas: terminating }),
    ...(owner.metadata.generation === undefined ? {} : { observedGeneration: owner.metadata.generation }),
    conditions: failureCondition(owner.status.conditions ?? [], failure, now_ms),
  });
}

/** With the zeros and empty lists that storage leaves out, in one order: so that statuses can be compared as text. */
function normalStatus(status: Partial<ReplicaStatus>): ReplicaStatus {
  return {
    replicas: status.replicas ?? 0,
    fullyLabeledReplicas: status.fullyLabeledReplicas ?? 0,
    readyReplicas: status.readyReplicas ?? 0,
    availableReplicas: status.availableReplicas ?? 0,
    ...(status.terminatingReplicas === undefined ? {} : { terminatingReplicas: status.terminatingReplicas }),
    observedGeneration: status.observedGeneration ?? 0,
    conditions: (status.conditions ?? []).map(({ type, status, lastTransitionTime, reason, message }) => ({
      type,
      status,
      ...(lastTransitionTime ? { lastTransitionTime } : {}),
      ...(reason ? { reason } : {}),
      ...(message ? { message } : {}),
    })),
  };
}

function failureCondition(current: readonly ReplicaCondition[], failure: Failure | undefined, now_ms: number): readonly ReplicaCondition[] {
  const others = current.filter((condition) => condition.type !== 'ReplicaFailure');
  if (!failure) return others;
  // The first failure is kept: each retry's message (a random pod name in it) would write the status anew.
  const known = current.find((condition) => condition.type === 'ReplicaFailure' && condition.reason === failure.reason);
  if (known) return [...others, known];
  const { reason, error } = failure;
  return [...others, { type: 'ReplicaFailure', status: 'True', lastTransitionTime: rfc3339(now_ms), reason, message: error.message }];
}
