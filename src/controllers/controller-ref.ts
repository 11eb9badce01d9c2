// Adoption and release: which objects are an owner's, decided by selector and controller reference, and made so in the API.
import type { Selector } from '../apimachinery/labels.js';
import { controllerOf, isBeingDeleted, type KubeObject, objectKey } from '../apimachinery/object.js';
import { isStatus } from '../apimachinery/status.js';
import type { OwnerReference } from '../apimachinery/types/meta_v1.js';
import type { Kind, Lister } from '../kinds/define.js';
import type { ReconcileContext } from './define.js';
import { findLive } from './find-live.js';

/** The reference that makes `owner` an object's controller. */
export function controllerRef<T extends KubeObject>(kind: Kind<T>, owner: T): OwnerReference {
  return {
    apiVersion: kind.apiVersion,
    kind: kind.kind,
    name: owner.metadata.name,
    uid: owner.metadata.uid,
    controller: true,
    blockOwnerDeletion: true,
  };
}

/** As a mapping of an input: an object that nobody controls concerns the owners that would adopt it. */
export function adoptersOf<O extends KubeObject>(kind: Kind<O>, selectorFor: (owner: O) => Selector) {
  return (object: KubeObject, lister: Lister): readonly string[] => {
    if (controllerOf(object)) return [];
    const owners = lister.list(kind, object.metadata.namespace);
    return owners.filter((owner) => selectorFor(owner).matches(object.metadata.labels)).map(objectKey);
  };
}

export type ClaimStep = 'keep' | 'adopt' | 'release' | 'ignore';

/** What is to become of one candidate. Pure. */
export function claimStep(owner: KubeObject, selector: Selector, candidate: KubeObject): ClaimStep {
  const ref = controllerOf(candidate);
  const matches = selector.matches(candidate.metadata.labels);
  if (ref) {
    if (ref.uid !== owner.metadata.uid) return 'ignore';
    if (matches) return 'keep';
    return isBeingDeleted(owner) ? 'ignore' : 'release';
  }
  return matches && !isBeingDeleted(owner) && !isBeingDeleted(candidate) ? 'adopt' : 'ignore';
}

/**
 * The candidates that are `owner`'s, after orphans that match were adopted and own ones that no longer match were released.
 * An owner that has been deleted meanwhile (asked live, since the cache may not know yet) adopts nothing.
 */
export async function claim<O extends KubeObject, T extends KubeObject>(
  context: ReconcileContext,
  owner: {
    readonly kind: Kind<O>;
    readonly object: O;
    readonly selector: Selector;
    /** Comes with adoption and goes with release. */
    readonly finalizer?: string;
  },
  kind: Kind<T>,
  candidates: readonly T[],
): Promise<readonly T[]> {
  const claimed: T[] = [];
  const { finalizer } = owner;
  let mayAdopt: boolean | undefined;
  for (const candidate of candidates) {
    const step = claimStep(owner.object, owner.selector, candidate);
    if (step === 'keep') claimed.push(candidate);
    if (step === 'release') {
      const rest = finalizer ? { '$deleteFromPrimitiveList/finalizers': [finalizer] } : {};
      await patchOwner(context, kind, candidate, { $patch: 'delete', uid: owner.object.metadata.uid }, rest);
    }
    if (step === 'adopt') {
      mayAdopt ??= await stillThere(context, owner.kind, owner.object);
      const adopted =
        mayAdopt &&
        (await patchOwner(context, kind, candidate, controllerRef(owner.kind, owner.object), finalizer ? { finalizers: [finalizer] } : {}));
      if (adopted) claimed.push(adopted);
    }
  }
  return claimed;
}

async function stillThere<O extends KubeObject>({ client }: ReconcileContext, kind: Kind<O>, owner: O): Promise<boolean> {
  const live = await findLive(client, kind, owner.metadata);
  return live !== undefined && live.metadata.uid === owner.metadata.uid && !isBeingDeleted(live);
}

/** The patched object, or undefined where it is gone. The uid in the patch refuses a namesake made since. */
async function patchOwner<T extends KubeObject>(
  context: ReconcileContext,
  kind: Kind<T>,
  object: T,
  ref: object,
  more: object,
): Promise<T | undefined> {
  const patch = { metadata: { uid: object.metadata.uid, ownerReferences: [ref], ...more } };
  try {
    return await context.client.patch(kind, object.metadata, 'application/strategic-merge-patch+json', patch);
  } catch (error) {
    if (isStatus(error, 'NotFound')) return undefined;
    throw error;
  }
}
