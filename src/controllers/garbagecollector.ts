// Watches objects of all kinds; deletes those whose owners are all gone, and carries out foreground and orphan deletion.
import { isBeingDeleted, type KubeObject } from '../apimachinery/object.js';
import { isStatus, StatusError } from '../apimachinery/status.js';
import type { OwnerReference } from '../apimachinery/types/meta_v1.js';
import type { DeleteOptions } from '../client/client.js';
import type { AnyKind } from '../kinds/define.js';
import { defineController, type ReconcileContext, type ReconcileResult } from './define.js';
import { findLive } from './find-live.js';
import {
  cachedOwner,
  collected,
  collectedKinds,
  concerned,
  type Dependent,
  dependentsOf,
  FINALIZER_FOREGROUND,
  FINALIZER_ORPHAN,
  hasFinalizer,
  type Identity,
  ownerKind,
  parseIdentity,
  waitsForDependents,
} from './gc-owners.js';

/** As upstream's: most keys are one deletion, which waits for the store and not for us. */
const CONCURRENCY = 20;
/** An owner of a kind that nobody knows: should it be known later, no event tells who refers to it. */
const UNKNOWN_RECHECK_ms = 300_000;

export const garbageCollector = defineController({
  name: 'garbage-collector',
  serviceAccount: 'generic-garbage-collector',
  inputs: collected.map((kind) => kind.mapped((object, lister) => concerned(kind, object, lister))),
  customInputs: (kind) => kind.mapped((object, lister) => concerned(kind, object, lister)),
  outputs: collected,
  concurrency: CONCURRENCY,
  async reconcile(key, context) {
    const identity = parseIdentity(key, context);
    const { kind, name, uid } = identity;
    const object = kind && context.get<KubeObject>(kind, name);
    if (!kind || object?.metadata.uid !== uid) return collectDependents(context, identity);
    if (!isBeingDeleted(object)) return collect(context, kind, object);
    if (hasFinalizer(object, FINALIZER_ORPHAN)) return orphanDependents(context, { ...identity, kind }, object);
    if (hasFinalizer(object, FINALIZER_FOREGROUND)) return deleteForeground(context, { ...identity, kind }, object);
  },
});

/** After an owner has gone: looks at each object that names it. */
async function collectDependents(context: ReconcileContext, owner: Identity): Promise<void> {
  for (const { kind, object } of dependentsOf(context, owner)) if (!isBeingDeleted(object)) await collect(context, kind, object);
}

type KnownIdentity = Identity & { readonly kind: AnyKind };

type OwnerState = 'there' | 'gone' | 'waiting' | 'unknown';

/** Deletes an object that has owners but none left; takes references to lost owners off one that keeps another. */
async function collect(context: ReconcileContext, kind: AnyKind, object: KubeObject): Promise<ReconcileResult | void> {
  const refs = object.metadata.ownerReferences ?? [];
  const states = new Map<OwnerReference, OwnerState>();
  for (const ref of refs) states.set(ref, await ownerState(context, object, ref));
  const kept = refs.filter((ref) => states.get(ref) === 'there' || states.get(ref) === 'unknown');
  const isUnknown = kept.some((ref) => states.get(ref) === 'unknown');
  if (kept.length === refs.length) return isUnknown ? { requeueAfter_ms: UNKNOWN_RECHECK_ms } : undefined;
  if (kept.length > 0) return patchMetadata(context, kind, object, { ownerReferences: kept });
  const isWaitedFor = refs.some((ref) => states.get(ref) === 'waiting');
  const own: Identity = { kind, name: object.metadata, uid: object.metadata.uid };
  const foreground = isWaitedFor && dependentsOf(context, own).length > 0;
  await deleteObject(context, kind, object, foreground ? 'Foreground' : policyOf(object));
}

/** An owner missing from the cache is asked for live: the cache may lag behind, and deletion cannot be taken back. */
async function ownerState(context: ReconcileContext, object: KubeObject, ref: OwnerReference): Promise<OwnerState> {
  const cached = cachedOwner(context, object, ref);
  if (cached) return waitsForDependents(cached) ? 'waiting' : 'there';
  const kind = ownerKind(ref, context);
  if (!kind) return 'unknown';
  const namespace = kind.namespaced ? object.metadata.namespace : undefined;
  if (kind.namespaced && !namespace) {
    tellInvalid(context, object, ref);
    return 'there';
  }
  const live = await findLive<KubeObject>(context.client, kind, { namespace, name: ref.name });
  if (live?.metadata.uid === ref.uid) return waitsForDependents(live) ? 'waiting' : 'there';
  if (!live && kind.aggregated && !(await isServed(context, kind))) return 'unknown';
  if (namespace && context.list<KubeObject>(kind).some(({ metadata }) => metadata.uid === ref.uid)) tellInvalid(context, object, ref);
  return 'gone';
}

/** A server that no longer has the kind, or has lost its APIService, answers for all of its objects that they are not found. */
async function isServed({ client }: ReconcileContext, { group, version, plural }: AnyKind): Promise<boolean> {
  try {
    return (await client.discover(group, version)).some(({ name }) => name === plural);
  } catch (error) {
    if (isStatus(error, 'NotFound')) return false;
    throw error;
  }
}

/** An owner in another namespace is none: whoever wrote the reference should hear of it. */
function tellInvalid({ events }: ReconcileContext, object: KubeObject, { apiVersion, kind, name, uid }: OwnerReference): void {
  const namespace = object.metadata.namespace ?? '';
  const owner = `${apiVersion}/${kind}, namespace: ${namespace}, name: ${name}, uid: ${uid}`;
  events.event(object, 'Warning', 'OwnerRefInvalidNamespace', `ownerRef [${owner}] does not exist in namespace "${namespace}"`);
}

/** What its own deleter had asked for, should it have been deleted before under a finalizer of ours. */
function policyOf(object: KubeObject): DeleteOptions['propagationPolicy'] & string {
  if (hasFinalizer(object, FINALIZER_ORPHAN)) return 'Orphan';
  return hasFinalizer(object, FINALIZER_FOREGROUND) ? 'Foreground' : 'Background';
}

async function deleteObject(
  { client }: ReconcileContext,
  kind: AnyKind,
  { metadata }: KubeObject,
  propagationPolicy: DeleteOptions['propagationPolicy'] & string,
): Promise<void> {
  const { uid, resourceVersion } = metadata;
  try {
    // With the version: should it have been given an owner meanwhile, it is looked at anew.
    await client.delete(kind, metadata, { propagationPolicy, preconditions: { uid, resourceVersion } });
  } catch (error) {
    if (!isStatus(error, 'NotFound')) throw error;
  }
}

/** Dependents go first; those that block keep the owner, and each that goes brings the owner's key again. */
async function deleteForeground(context: ReconcileContext, owner: KnownIdentity, object: KubeObject): Promise<void> {
  const dependents = dependentsOf(context, owner);
  if (!dependents.some(({ ref }) => ref.blockOwnerDeletion)) return removeFinalizer(context, owner.kind, object, FINALIZER_FOREGROUND);
  for (const dependent of dependents) if (!isBeingDeleted(dependent.object)) await collect(context, dependent.kind, dependent.object);
}

/** All are asked for live: one that a cache does not show yet would be taken for lost later, and deleted. */
async function orphanDependents(context: ReconcileContext, owner: KnownIdentity, object: KubeObject): Promise<void> {
  const { namespace } = owner.name;
  for (const kind of collectedKinds(context)) {
    if (namespace && !kind.namespaced) continue;
    for (const each of await present(context, kind, namespace)) {
      const ref = each.metadata.ownerReferences?.find(({ uid }) => uid === owner.uid);
      if (ref) await orphan(context, { kind, object: each, ref });
    }
  }
  await removeFinalizer(context, owner.kind, object, FINALIZER_ORPHAN);
}

async function present(context: ReconcileContext, kind: AnyKind, namespace: string | undefined): Promise<readonly KubeObject[]> {
  try {
    return (await context.client.list<KubeObject>(kind, { namespace })).items;
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    // Another server that is away must not keep from an end what none of its objects is known to depend on.
    if (kind.aggregated) return context.list<KubeObject>(kind, namespace);
    // A custom kind that has gone.
    if (isStatus(error, 'NotFound')) return [];
    throw error;
  }
}

function orphan(context: ReconcileContext, { kind, object, ref }: Dependent): Promise<void> {
  const ownerReferences = object.metadata.ownerReferences!.filter(({ uid }) => uid !== ref.uid);
  return patchMetadata(context, kind, object, { ownerReferences });
}

function removeFinalizer(context: ReconcileContext, kind: AnyKind, object: KubeObject, finalizer: string): Promise<void> {
  const finalizers = object.metadata.finalizers!.filter((each) => each !== finalizer);
  return patchMetadata(context, kind, object, { finalizers });
}

/** Replaces a list in the metadata; the version refuses the write where the list may have changed, and it is tried again. */
async function patchMetadata({ client }: ReconcileContext, kind: AnyKind, object: KubeObject, change: object): Promise<void> {
  const { uid, resourceVersion } = object.metadata;
  const patch = { metadata: { uid, resourceVersion, ...change } };
  try {
    await client.patch(kind, object.metadata, 'application/merge-patch+json', patch);
  } catch (error) {
    if (!isStatus(error, 'NotFound')) throw error;
  }
}
