// Owners and dependents as the caches show them: who refers to whom, and which changes the garbage collector must look at.
import { isBeingDeleted, type KubeObject, objectKey, parseKey } from '../apimachinery/object.js';
import type { OwnerReference } from '../apimachinery/types/meta_v1.js';
import { events } from '../kinds/core/event.js';
import type { AnyKind, Lister } from '../kinds/define.js';
import { kinds } from '../kinds/index.js';

export const FINALIZER_ORPHAN = 'orphan';
export const FINALIZER_FOREGROUND = 'foregroundDeletion';

/** Every kind whose objects can own or be owned. Events come in masses and end by themselves. */
export const collected: readonly AnyKind[] = kinds.filter(
  // Further versions of stored objects are the same objects.
  ({ kind, verbs, storage }) => kind !== events.kind && !storage && (!verbs || (verbs.includes('watch') && verbs.includes('delete'))),
);

/** With those that are defined at run time. */
export const collectedKinds = ({ customKinds = [] }: Lister): readonly AnyKind[] =>
  customKinds.length > 0 ? [...collected, ...customKinds] : collected;

/** One object by its uid: a namesake made since is another key. */
export interface Identity {
  /** Undefined for kinds that nobody knows any more. */
  readonly kind: AnyKind | undefined;
  readonly name: { readonly namespace?: string | undefined; readonly name: string };
  readonly uid: string;
}

export const identityKey = (kind: AnyKind, object: KubeObject): string =>
  `${object.metadata.uid} ${kind.apiVersion} ${kind.kind} ${objectKey(object)}`;

export function parseIdentity(key: string, lister: Lister): Identity {
  const [uid, apiVersion, kindName, name] = key.split(' ');
  const kind = collectedKinds(lister).find((each) => each.apiVersion === apiVersion && each.kind === kindName);
  return { kind, name: parseKey(name!), uid: uid! };
}

const groupOf = (apiVersion: string) => apiVersion.slice(0, Math.max(0, apiVersion.indexOf('/')));

/** The kind a reference is to, in whatever version it names; undefined for kinds that nobody knows. */
export function ownerKind(ref: OwnerReference, lister: Lister): AnyKind | undefined {
  return collectedKinds(lister).find(({ kind, group }) => kind === ref.kind && group === groupOf(ref.apiVersion));
}

/** The owner that a reference means, if the cache has that very object. */
export function cachedOwner(lister: Lister, object: KubeObject, ref: OwnerReference): KubeObject | undefined {
  const kind = ownerKind(ref, lister);
  const owner =
    kind && lister.get<KubeObject>(kind, { namespace: kind.namespaced ? object.metadata.namespace : undefined, name: ref.name });
  return owner?.metadata.uid === ref.uid ? owner : undefined;
}

export const hasFinalizer = (object: KubeObject, finalizer: string): boolean => object.metadata.finalizers?.includes(finalizer) ?? false;

/** In foreground deletion: it goes once its dependents have gone. */
export const waitsForDependents = (object: KubeObject): boolean => isBeingDeleted(object) && hasFinalizer(object, FINALIZER_FOREGROUND);

/** Keys that a change of `object` concerns: hardly ever any, since most objects have no owner or one that is well. */
export function concerned(kind: AnyKind, object: KubeObject, lister: Lister): readonly string[] {
  const keys: string[] = [];
  const refs = object.metadata.ownerReferences ?? [];
  const owners = refs.map((ref) => cachedOwner(lister, object, ref));
  owners.forEach((owner, i) => {
    if (owner && waitsForDependents(owner)) keys.push(identityKey(ownerKind(refs[i]!, lister)!, owner));
  });
  const isGone = lister.get<KubeObject>(kind, object.metadata)?.metadata.uid !== object.metadata.uid;
  const isEnding = isBeingDeleted(object) && (hasFinalizer(object, FINALIZER_ORPHAN) || hasFinalizer(object, FINALIZER_FOREGROUND));
  const hasLostOwner = owners.some((owner) => !owner || waitsForDependents(owner));
  if (isGone || isEnding || hasLostOwner) keys.push(identityKey(kind, object));
  return keys;
}

export interface Dependent {
  readonly kind: AnyKind;
  readonly object: KubeObject;
  readonly ref: OwnerReference;
}

/** All objects that name the owner by its uid: in its own namespace, or anywhere for a cluster-scoped one. */
export function dependentsOf(lister: Lister, owner: Identity): readonly Dependent[] {
  const found: Dependent[] = [];
  const { namespace } = owner.name;
  for (const kind of collectedKinds(lister)) {
    if (namespace && !kind.namespaced) continue;
    // Without the index each of many objects that go together would look at all that are left.
    for (const object of lister.ownedBy?.<KubeObject>(kind, owner.uid) ?? lister.list<KubeObject>(kind, namespace)) {
      if (namespace && object.metadata.namespace !== namespace) continue;
      const ref = object.metadata.ownerReferences?.find(({ uid }) => uid === owner.uid);
      if (ref) found.push({ kind, object, ref });
    }
  }
  return found;
}
