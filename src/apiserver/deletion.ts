// What a deletion does to an object, decided from the object and the options alone: removed, marked, or left as it is.
import { rfc3339 } from '../apimachinery/clock.js';
import { type FieldError, invalid, notSupported } from '../apimachinery/field.js';
import type { KubeObject } from '../apimachinery/object.js';
import { conflict, invalidObject } from '../apimachinery/status.js';
import type { AnyKind, Mutable } from '../kinds/define.js';
import { draftOf } from './draft.js';
import type { ResourceExtension } from './extensions/extension.js';

export const FINALIZER_ORPHAN = 'orphan';
export const FINALIZER_FOREGROUND = 'foregroundDeletion';

export interface DeletionOptions {
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: string;
  /** The old form of `propagationPolicy: Orphan`. */
  readonly orphanDependents?: boolean;
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
}

export type Deletion =
  | { readonly type: 'remove' }
  | { readonly type: 'keep' }
  /** Marked as being deleted: something else completes it. */
  | { readonly type: 'mark'; readonly object: KubeObject };

interface DeletableKind {
  readonly kind: AnyKind;
  readonly extension: ResourceExtension | undefined;
}

const POLICIES = ['Foreground', 'Background', 'Orphan'];

/** Throws 422 for options that contradict themselves or are unknown. */
export function checkDeletionOptions({ propagationPolicy, orphanDependents }: DeletionOptions): void {
  if (propagationPolicy === undefined) return;
  const errors: FieldError[] = [];
  const bothSet = 'orphanDependents and deletionPropagation cannot be both set';
  if (orphanDependents !== undefined) errors.push(invalid('propagationPolicy', propagationPolicy, bothSet));
  if (!POLICIES.includes(propagationPolicy)) errors.push(notSupported('propagationPolicy', propagationPolicy, [...POLICIES, 'nil']));
  if (errors.length > 0) throw invalidObject('meta.k8s.io', 'DeleteOptions', '', errors);
}

/** Throws 409 where the object is not the one, or not in the state, that the client means. */
export function checkPreconditions(
  { group, kind }: AnyKind,
  { metadata }: KubeObject,
  preconditions: DeletionOptions['preconditions'],
): void {
  const { uid, resourceVersion } = preconditions ?? {};
  // As upstream, which here names the kind.
  const refuse = (why: string) => conflict({ group, resource: kind }, metadata.name, why);
  if (uid !== undefined && uid !== metadata.uid) {
    throw refuse(
      `the UID in the precondition (${uid}) does not match the UID in record (${metadata.uid}). The object might have been deleted and then recreated`,
    );
  }
  if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion) {
    throw refuse(
      `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${metadata.resourceVersion}). The object might have been modified`,
    );
  }
}

export function decideDeletion({ kind, extension }: DeletableKind, object: KubeObject, options: DeletionOptions, now_ms: number): Deletion {
  const { metadata } = object;
  const { gracePeriodSeconds: asked_s } = options;
  // As upstream, negative means one second.
  const grace_s = kind.gracePeriodSeconds?.(object, asked_s !== undefined && asked_s < 0 ? 1 : asked_s) ?? 0;
  const finalizers = finalizersAfter(metadata.finalizers ?? [], options);
  const held = finalizers.length > 0 || (extension?.finalizers?.(object) ?? []).length > 0;
  if (metadata.deletionTimestamp !== undefined) return again(object, grace_s, finalizers, held);
  if (grace_s === 0 && !held) return { type: 'remove' };
  const draft = draftOf(object);
  setFinalizers(draft, finalizers);
  draft.metadata.deletionTimestamp = rfc3339(now_ms + grace_s * 1000);
  draft.metadata.deletionGracePeriodSeconds = grace_s;
  if (draft.metadata.generation) draft.metadata.generation++;
  extension?.beginDeletion?.(draft);
  return { type: 'mark', object: draft as KubeObject };
}

/** A further deletion of an object that is being deleted can only shorten its grace period. */
function again(object: KubeObject, grace_s: number, finalizers: readonly string[], held: boolean): Deletion {
  const { deletionTimestamp, deletionGracePeriodSeconds: old_s = 0 } = object.metadata;
  const shorter = grace_s < old_s;
  if (grace_s === 0 && !held) return { type: 'remove' };
  const sameFinalizers = finalizers.length === (object.metadata.finalizers ?? []).length;
  if (!shorter && sameFinalizers) return { type: 'keep' };
  const draft = draftOf(object);
  setFinalizers(draft, finalizers);
  if (shorter) {
    draft.metadata.deletionTimestamp = rfc3339(Date.parse(deletionTimestamp!) - (old_s - grace_s) * 1000);
    draft.metadata.deletionGracePeriodSeconds = grace_s;
  }
  return { type: 'mark', object: draft as KubeObject };
}

/** Whether an object in this state has nothing left to wait for: the update that brings it there deletes it. */
export function isDeletionComplete(extension: ResourceExtension | undefined, object: KubeObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds, finalizers } = object.metadata;
  if (deletionTimestamp === undefined || (deletionGracePeriodSeconds ?? 0) > 0) return false;
  return !finalizers?.length && !extension?.finalizers?.(object).length;
}

/** The garbage collector acts on these two finalizers; the policy of the newest request counts. */
function finalizersAfter(finalizers: readonly string[], { propagationPolicy, orphanDependents }: DeletionOptions): readonly string[] {
  const policy = propagationPolicy ?? (orphanDependents === undefined ? undefined : orphanDependents ? 'Orphan' : 'Background');
  if (policy === undefined) return finalizers;
  const others = finalizers.filter((each) => each !== FINALIZER_ORPHAN && each !== FINALIZER_FOREGROUND);
  if (policy === 'Orphan') return [...others, FINALIZER_ORPHAN];
  if (policy === 'Foreground') return [...others, FINALIZER_FOREGROUND];
  return others;
}

function setFinalizers(draft: Mutable<KubeObject>, finalizers: readonly string[]): void {
  if (finalizers.length > 0) draft.metadata.finalizers = [...finalizers];
  else delete draft.metadata.finalizers;
}
