// Making and deleting the pods of a controller: from a template, in growing batches, with the events that tell of it.
import type { Draft } from '../apimachinery/json.js';
import type { KubeObject } from '../apimachinery/object.js';
import { isStatus, StatusError } from '../apimachinery/status.js';
import { pods } from '../kinds/core/pod.js';
import type { Kind } from '../kinds/define.js';
import type { Pod, PodTemplateSpec } from '../kinds/types/core_v1.js';
import { controllerRef } from './controller-ref.js';
import type { ReconcileContext } from './define.js';

/** One pod first, then twice as many each time: a template that is always refused costs one request, not hundreds. */
const SLOW_START_INITIAL_BATCH = 1;

/** A pod made of `template`, controlled by `owner`. */
export function podFromTemplate<T extends KubeObject>(
  kind: Kind<T>,
  owner: T,
  template: PodTemplateSpec,
  generateName = `${owner.metadata.name}-`,
): Draft<Pod> {
  const { labels, annotations, finalizers } = template.metadata;
  return {
    metadata: {
      generateName,
      ...(owner.metadata.namespace ? { namespace: owner.metadata.namespace } : {}),
      ...(labels ? { labels } : {}),
      ...(annotations ? { annotations } : {}),
      ...(finalizers ? { finalizers } : {}),
      ownerReferences: [controllerRef(kind, owner)],
    },
    spec: template.spec,
  };
}

/** Calls `make` `count` times in batches of 1, 2, 4, ...; stops after a batch with a failure and throws that. */
export async function slowStart(count: number, make: () => Promise<void>): Promise<void> {
  let left = count;
  for (let batch = SLOW_START_INITIAL_BATCH; left > 0; batch *= 2) {
    const size = Math.min(batch, left);
    const results = await Promise.allSettled(Array.from({ length: size }, make));
    const failed = results.find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
    left -= size;
  }
}

/** Creates one pod; tells of it by SuccessfulCreate or FailedCreate on `owner`. */
export async function createPod<T extends KubeObject>(
  context: ReconcileContext,
  kind: Kind<T>,
  owner: T,
  template: PodTemplateSpec,
  generateName?: string,
): Promise<void> {
  try {
    const pod = await context.client.create(pods, podFromTemplate(kind, owner, template, generateName));
    context.events.event(owner, 'Normal', 'SuccessfulCreate', `Created pod: ${pod.metadata.name}`);
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    // In a namespace that is being emptied nothing can be made, and nobody needs to be told.
    if (!isNamespaceTerminating(error)) context.events.event(owner, 'Warning', 'FailedCreate', `Error creating: ${error.message}`);
    throw error;
  }
}

export function isNamespaceTerminating(error: unknown): boolean {
  return isStatus(error, 'Forbidden') && (error.details?.causes ?? []).some((cause) => cause.reason === 'NamespaceTerminating');
}

/**
 * Begins the deletion of `pod` if it is as it was seen, and says whether it is. One that has changed since may be its owner's no longer, and
 * one may be gone: that brings the owner back as soon as it is seen.
 */
export async function deletePod(context: ReconcileContext, owner: KubeObject, pod: Pod): Promise<boolean> {
  const { name, namespace, uid, resourceVersion } = pod.metadata;
  try {
    await context.client.delete(pods, { name, namespace }, { preconditions: { uid, resourceVersion } });
    context.events.event(owner, 'Normal', 'SuccessfulDelete', `Deleted pod: ${name}`);
    return true;
  } catch (error) {
    if (isStatus(error, 'NotFound') || isStatus(error, 'Conflict')) return false;
    if (error instanceof StatusError) context.events.event(owner, 'Warning', 'FailedDelete', `Error deleting: ${error.message}`);
    throw error;
  }
}
