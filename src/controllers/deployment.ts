// Watches Deployments, their replica sets and (for Recreate) pods; creates, scales and retires replica sets and keeps the
// Deployments' status. What to do is decided by the pure deployment-*.ts files; this one carries it out.
import { selectorOf } from '../apimachinery/labels.js';
import { controllerOf, isBeingDeleted, type KubeObject, keyOf, parseKey } from '../apimachinery/object.js';
import { isStatus } from '../apimachinery/status.js';
import { deployments } from '../kinds/apps/deployment.js';
import { replicaSets } from '../kinds/apps/replicaset.js';
import { pods } from '../kinds/core/pod.js';
import { isPodTerminal } from '../kinds/core/podutil.js';
import type { Lister } from '../kinds/define.js';
import type { Deployment, ReplicaSet } from '../kinds/types/apps_v1.js';
import type { Pod } from '../kinds/types/core_v1.js';
import { ANNOTATION_REVISION, LABEL_POD_TEMPLATE_HASH } from '../kinds/wellknown.js';
import { adoptersOf, claim, controllerRef } from './controller-ref.js';
import { defineController, type ReconcileContext, type ReconcileResult } from './define.js';
import {
  currentAnnotations,
  replicasOf,
  sameTemplate,
  sizeAnnotations,
  splitReplicaSets,
  surplusHistory,
  templateHash,
} from './deployment-replicasets.js';
import { boundsOf, emptyOld, isScalingEvent, newSetSize, proportionalScale, type Resize, rollingStep } from './deployment-scale.js';
import { deploymentStatus, isComplete, type ProgressNote } from './deployment-status.js';

const selectorFor = ({ spec }: Deployment) => selectorOf(spec.selector);

export const deployment = defineController({
  name: 'deployment',
  inputs: [
    deployments,
    replicaSets.ownedBy(deployments),
    replicaSets.mapped(adoptersOf(deployments, selectorFor)),
    pods.mapped(recreating),
  ],
  outputs: [replicaSets, deployments, deployments.status],
  async reconcile(key, context) {
    const object = context.get(deployments, parseKey(key));
    if (!object) return;
    const owner = { kind: deployments, object, selector: selectorFor(object) };
    const sets = await claim(context, owner, replicaSets, context.list(replicaSets, object.metadata.namespace));
    const { current, old } = splitReplicaSets(object, sets);
    return new Rollout(context, object, current, old).step();
  },
});

/** Recreate waits for the old pods to be gone, which replica sets do not tell: a pod concerns its Deployment then. */
function recreating(pod: Pod, lister: Lister): readonly string[] {
  const setRef = controllerOf(pod);
  if (setRef?.kind !== replicaSets.kind) return [];
  const { namespace } = pod.metadata;
  const set = lister.get(replicaSets, { namespace, name: setRef.name });
  const ref = set && controllerOf(set);
  if (ref?.kind !== deployments.kind) return [];
  const owner = lister.get(deployments, { namespace, name: ref.name });
  return owner?.spec.strategy.type === 'Recreate' ? [keyOf({ namespace, name: ref.name })] : [];
}

/** One pass over one Deployment: at most one step towards its spec, then its status; changes it causes bring the next. */
class Rollout {
  #note: ProgressNote;

  constructor(
    private readonly context: ReconcileContext,
    private deployment: Deployment,
    private current: ReplicaSet | undefined,
    private readonly old: readonly ReplicaSet[],
  ) {}

  async step(): Promise<ReconcileResult> {
    const { deployment, old } = this;
    const sets = this.current ? [this.current, ...old] : old;
    if (isBeingDeleted(deployment)) return this.#writeStatus(false);
    this.#note = pauseNote(deployment);
    if (deployment.spec.paused || isScalingEvent(deployment, sets)) {
      await this.#annotateCurrent();
      await this.#resize(proportionalScale(deployment, boundsOf(deployment), this.current, old));
      await this.#retireHistory(deployment.spec.paused === true);
      return this.#writeStatus(false);
    }
    if (deployment.spec.strategy.type === 'Recreate') await this.#recreate();
    else await this.#roll();
    return this.#writeStatus(true);
  }

  async #roll(): Promise<void> {
    if (!(await this.#ensureCurrent())) return;
    await this.#resize(rollingStep(boundsOf(this.deployment), this.current!, this.old));
    await this.#retireHistory(isComplete(this.deployment));
  }

  async #recreate(): Promise<void> {
    await this.#annotateCurrent();
    const shrink = emptyOld(this.old);
    if (shrink.length > 0) return this.#resize(shrink);
    if (this.#oldPodsLeft() || !(await this.#ensureCurrent())) return;
    const desired = replicasOf(this.deployment);
    if (replicasOf(this.current!) !== desired) await this.#resize([{ set: this.current!, replicas: desired }]);
    await this.#retireHistory(isComplete(this.deployment));
  }

  /** Pods of an older template that still run, those that are terminating among them. */
  #oldPodsLeft(): boolean {
    const runs = (set: ReplicaSet) => (pod: Pod) => !isPodTerminal(pod) && controllerOf(pod)?.uid === set.metadata.uid;
    return this.old.some((set) => this.context.claimable(pods, set).some(runs(set)));
  }

  /** True where the new replica set was there already; one that was just made brings the next pass by itself. */
  async #ensureCurrent(): Promise<boolean> {
    if (this.current) {
      await this.#annotateCurrent();
      return true;
    }
    this.current = await this.#createCurrent();
    return false;
  }

  async #createCurrent(): Promise<ReplicaSet | undefined> {
    const { context, deployment, old } = this;
    const { spec, metadata, status } = deployment;
    const bounds = boundsOf(deployment);
    const hash = templateHash(spec.template, status.collisionCount);
    const labels = { ...spec.template.metadata.labels, [LABEL_POD_TEMPLATE_HASH]: hash };
    const name = `${metadata.name}-${hash}`;
    const replicas = newSetSize(bounds, undefined, old);
    const annotations = { ...currentAnnotations(deployment, undefined, old), ...sizeAnnotations(bounds.desired, bounds.maxSurge) };
    try {
      const made = await context.client.create(replicaSets, {
        metadata: {
          name,
          ...(metadata.namespace ? { namespace: metadata.namespace } : {}),
          labels,
          annotations,
          ownerReferences: [controllerRef(deployments, deployment)],
        },
        spec: {
          replicas,
          minReadySeconds: spec.minReadySeconds ?? 0,
          selector: {
            ...spec.selector,
            matchLabels: { ...spec.selector?.matchLabels, [LABEL_POD_TEMPLATE_HASH]: hash },
          },
          template: { ...spec.template, metadata: { ...spec.template.metadata, labels } },
        },
      });
      if (replicas > 0) this.#scalingEvent(`Scaled up replica set ${name} from 0 to ${replicas}`);
      this.#note = 'NewReplicaSetCreated';
      await this.#setRevision(annotations[ANNOTATION_REVISION]);
      return made;
    } catch (error) {
      if (!isStatus(error, 'AlreadyExists')) throw error;
      return this.#resolveCollision(name);
    }
  }

  /** The name is taken: by our own set of this template, made a moment ago, or by a stranger, which another hash avoids next time. */
  async #resolveCollision(name: string): Promise<ReplicaSet | undefined> {
    const { context, deployment } = this;
    const { namespace, uid } = deployment.metadata;
    const there = await context.client.get(replicaSets, { namespace, name });
    if (controllerOf(there)?.uid === uid && sameTemplate(there.spec.template, deployment.spec.template)) return there;
    const collisionCount = (deployment.status.collisionCount ?? 0) + 1;
    this.deployment = await this.#patch(deployments, deployment, { status: { collisionCount } }, 'status');
    return undefined;
  }

  /** Revision, copied annotations and minReadySeconds of the current set, and the revision on the Deployment. */
  async #annotateCurrent(): Promise<void> {
    const { current, deployment, old } = this;
    if (!current) return;
    const annotations = currentAnnotations(deployment, current, old);
    const minReadySeconds = deployment.spec.minReadySeconds ?? 0;
    const differs = Object.entries(annotations).some(([name, value]) => current.metadata.annotations?.[name] !== value);
    if (differs || (current.spec.minReadySeconds ?? 0) !== minReadySeconds) {
      this.current = await this.#patch(replicaSets, current, { metadata: { annotations }, spec: { minReadySeconds } });
    }
    await this.#setRevision(annotations[ANNOTATION_REVISION]);
    if (!deployment.status.conditions?.some(({ type }) => type === 'Progressing')) this.#note ??= 'FoundNewReplicaSet';
  }

  async #setRevision(revision: string | undefined): Promise<void> {
    const { deployment } = this;
    if (revision === undefined || deployment.metadata.annotations?.[ANNOTATION_REVISION] === revision) return;
    // With the status, as it is no change of what is wanted.
    await this.#patch(deployments, deployment, { metadata: { annotations: { [ANNOTATION_REVISION]: revision } } }, 'status');
  }

  async #resize(steps: readonly Resize[]): Promise<void> {
    const { desired, maxSurge } = boundsOf(this.deployment);
    const annotations = sizeAnnotations(desired, maxSurge);
    for (const { set, replicas } of steps) {
      const before = replicasOf(set);
      const resized = await this.#patch(replicaSets, set, { metadata: { annotations }, spec: { replicas } });
      if (set === this.current) this.current = resized;
      this.#scalingEvent(`Scaled ${replicas > before ? 'up' : 'down'} replica set ${set.metadata.name} from ${before} to ${replicas}`);
    }
    await this.#annotateSize(annotations, steps);
  }

  /** Sets that kept their size still learn which size of the Deployment that was for, or it would look scaled forever. */
  async #annotateSize(annotations: { readonly [name: string]: string }, steps: readonly Resize[]): Promise<void> {
    const done = new Set(steps.map(({ set }) => set.metadata.uid));
    for (const set of this.current ? [this.current, ...this.old] : this.old) {
      const stale = Object.entries(annotations).some(([name, value]) => set.metadata.annotations?.[name] !== value);
      if (!stale || done.has(set.metadata.uid) || replicasOf(set) === 0) continue;
      const annotated = await this.#patch(replicaSets, set, { metadata: { annotations } });
      if (set === this.current) this.current = annotated;
    }
  }

  async #retireHistory(allowed: boolean): Promise<void> {
    if (!allowed) return;
    for (const { metadata } of surplusHistory(this.deployment, this.old)) {
      const { uid, resourceVersion } = metadata;
      // Only as it was seen: since then it may have been gone back to.
      await this.context.client.delete(replicaSets, metadata, { preconditions: { uid, ...(resourceVersion && { resourceVersion }) } });
    }
  }

  async #writeStatus(rollingOut: boolean): Promise<ReconcileResult> {
    const { deployment, current, old, context } = this;
    const now_ms = context.clock.now();
    const { status, requeueAfter_ms } = deploymentStatus({ deployment, current, old, note: this.#note, rollingOut, now_ms });
    if (statusText(status) !== statusText(deployment.status)) await this.#patch(deployments, deployment, { status }, 'status');
    return requeueAfter_ms === undefined ? {} : { requeueAfter_ms };
  }

  #scalingEvent(message: string): void {
    this.context.events.event(this.deployment, 'Normal', 'ScalingReplicaSet', message);
  }

  /** A merge patch that a namesake made since would refuse. */
  #patch<T extends KubeObject>(
    kind: Parameters<typeof this.context.client.patch<T>>[0],
    object: T,
    patch: { readonly metadata?: object; readonly spec?: object; readonly status?: object },
    subresource?: string,
  ): Promise<T> {
    const body = { ...patch, metadata: { ...patch.metadata, uid: object.metadata.uid } };
    return this.context.client.patch(kind, object.metadata, 'application/merge-patch+json', body, subresource);
  }
}

/** What the Progressing condition is to say of a pause that has just begun or ended. */
function pauseNote({ spec, status }: Deployment): ProgressNote {
  const progressing = status.conditions?.find(({ type }) => type === 'Progressing');
  if (spec.progressDeadlineSeconds === undefined || progressing?.reason === 'ProgressDeadlineExceeded') return undefined;
  const pausedBefore = progressing?.reason === 'DeploymentPaused';
  if (spec.paused) return pausedBefore ? undefined : 'DeploymentPaused';
  return pausedBefore ? 'DeploymentResumed' : undefined;
}

/** Zeros are left out in storage, and the order of conditions means nothing. */
function statusText(status: Deployment['status']): string {
  const conditions = [...(status.conditions ?? [])].sort((a, b) => (a.type < b.type ? -1 : 1));
  const counts = [
    status.observedGeneration,
    status.replicas,
    status.updatedReplicas,
    status.readyReplicas,
    status.availableReplicas,
    status.unavailableReplicas,
    status.terminatingReplicas,
    status.collisionCount,
  ].map((count) => count ?? 0);
  const fields = conditions.map(({ type, status: value, reason, message, lastUpdateTime, lastTransitionTime }) =>
    [type, value, reason, message, lastUpdateTime, lastTransitionTime].join('|'),
  );
  return JSON.stringify([counts, fields]);
}
