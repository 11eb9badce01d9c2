// The generic part of every write: what of an object only the server may set, and what an update cannot change.
import { isDeepStrictEqual } from 'node:util';
import { type Random, rfc3339, uuid } from '../apimachinery/clock.js';
import type { FieldError } from '../apimachinery/field.js';
import type { KubeObject, ObjectName } from '../apimachinery/object.js';
import { badRequest, conflict, invalidObject } from '../apimachinery/status.js';
import { CLIENT_META, type ClientMeta } from '../kinds/define.js';
import { validateObjectMeta, validateObjectMetaUpdate } from '../kinds/validation.js';
import type { Draft } from './body.js';
import { draftOf } from './draft.js';
import type { UserInfo } from './options.js';
import type { Resource } from './resources.js';

/** Objects with a spec to reconcile and a status to report count the changes of their spec, unless their kind has it otherwise. */
const tracksGeneration = ({ kind, schema }: Resource) =>
  kind.generation ?? (Boolean(kind.subresources?.status) && schema.fields.has('spec'));

/** The namespace of the path and that of the body are one; either may be left out. */
export function setNamespace(draft: Draft, resource: Resource, namespace: string | undefined): void {
  if (!resource.kind.namespaced) {
    // As upstream: a namespace on a cluster-scoped object is dropped, not refused.
    delete draft.metadata.namespace;
    return;
  }
  if (draft.metadata.namespace && draft.metadata.namespace !== namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
  if (namespace !== undefined) draft.metadata.namespace = namespace;
}

export function prepareForCreate(resource: Resource, draft: Draft, user: UserInfo, random: Random, now_ms: number): void {
  const { metadata } = draft;
  if (metadata.resourceVersion) throw badRequest('resourceVersion should not be set on objects to be created');
  delete metadata.deletionTimestamp;
  delete metadata.deletionGracePeriodSeconds;
  delete metadata.selfLink;
  metadata.uid = uuid(random);
  metadata.creationTimestamp = rfc3339(now_ms);
  if (tracksGeneration(resource)) metadata.generation = 1;
  else delete metadata.generation;
  resource.kind.prepareForCreate?.(draft);
  resource.extension?.prepareForCreate?.(draft, user);
}

/** Throws 422 with all that is wrong. */
export function validateForCreate(resource: Resource, object: KubeObject): void {
  refuse(resource, object, [...validateObjectMeta(resource.kind, object), ...(resource.kind.validate?.(object, undefined) ?? [])]);
}

/** Throws where `draft` is not what a write to the object `name`, of which there is none, may create. */
export function checkCreation(resource: Resource, draft: Draft, name: ObjectName): void {
  const { uid } = draft.metadata;
  const mismatch = `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`;
  if (uid) throw conflict(resource.kind.groupResource, name.name, mismatch);
  delete (draft.metadata as { resourceVersion?: string }).resourceVersion;
  checkName(draft, name);
  setNamespace(draft, resource, name.namespace);
}

/** Throws 400 where the object has another name than the path, or none. */
function checkName({ metadata }: Draft, { name }: ObjectName): void {
  if (metadata.name === name) return;
  if (metadata.name) throw badRequest(`the name of the object (${metadata.name}) does not match the name on the URL (${name})`);
  throw badRequest(`the name of the object (${name} based on URL) was undeterminable: Internal error occurred: name must be provided`);
}

/** The zero as Go shows it. */
const NO_VERSION: FieldError = {
  reason: 'FieldValueInvalid',
  field: 'metadata.resourceVersion',
  message: 'Invalid value: 0x0: must be specified for an update',
};

/** Throws 400, 409 or 422 where `draft` is not about the object that the path names, in the state that is stored. */
export function checkIdentity(resource: Resource, draft: Draft, name: ObjectName, old: KubeObject): void {
  const { metadata } = draft;
  if (metadata.name) checkName(draft, name);
  setNamespace(draft, resource, name.namespace);
  const what = resource.kind.groupResource;
  if (!metadata.resourceVersion && resource.kind.allowUnconditionalUpdate === false) refuse(resource, old, [NO_VERSION]);
  if (metadata.resourceVersion && metadata.resourceVersion !== old.metadata.resourceVersion) throw conflict(what, name.name);
  if (metadata.uid && metadata.uid !== old.metadata.uid) {
    throw conflict(what, name.name, `Precondition failed: UID in precondition: ${metadata.uid}, UID in object meta: ${old.metadata.uid}`);
  }
}

/** Of `draft` only what a write to `old`, or to its `subresource`, may change; all else as it is in `old`. */
export function restrict({ kind }: Resource, draft: Draft, old: KubeObject, subresource: string | undefined): Draft {
  const writable = subresource && kind.subresources?.writable?.[subresource];
  if (writable) return withManagedFields(withFields(old, draft, writable), draft);
  if (subresource === 'status') return withManagedFields(withStatus(old, draft, kind.statusKeeps), draft);
  restoreServerSideMeta(draft, old);
  if (kind.subresources?.status) restoreStatus(draft, old);
  return draft;
}

/** What becomes of `old` when `draft` is written to it, or to its `subresource`. */
export function prepareForUpdate(resource: Resource, draft: Draft, old: KubeObject, subresource: string | undefined): Draft {
  const next = restrict(resource, draft, old, subresource);
  if (subresource !== undefined) {
    if (subresource === 'status') resource.kind.prepareForStatusUpdate?.(next, old);
    const isWritten = resource.kind.subresources?.writable?.[subresource] && tracksGeneration(resource);
    if (isWritten && !isDeepStrictEqual(contentOf(next, resource), contentOf(old, resource))) {
      next.metadata.generation = (old.metadata.generation ?? 0) + 1;
    }
    return next;
  }
  resource.kind.prepareForUpdate?.(draft, old);
  if (tracksGeneration(resource) && !isDeepStrictEqual(contentOf(draft, resource), contentOf(old, resource))) {
    draft.metadata.generation = (old.metadata.generation ?? 0) + 1;
  }
  return draft;
}

/** Throws 422 with all that is wrong. A status write leaves the spec as it was stored, so that needs no look. */
export function validateForUpdate(resource: Resource, object: KubeObject, old: KubeObject, subresource: string | undefined): void {
  const { validateWritable, validateStatus, validate } = resource.kind;
  const own = subresource === undefined ? undefined : validateWritable?.[subresource];
  const check = subresource === 'status' ? validateStatus : (own ?? validate);
  refuse(resource, object, [...validateObjectMetaUpdate(object, old), ...(check?.(object, old) ?? [])]);
}

function refuse(resource: Resource, object: KubeObject, errors: Parameters<typeof invalidObject>[3]): void {
  const { group, kind } = resource.kind;
  if (errors.length > 0) throw invalidObject(group, kind, object.metadata.name ?? '', errors);
}

function restoreServerSideMeta(draft: Draft, old: KubeObject): void {
  const { metadata } = draft;
  const { name, uid, creationTimestamp, deletionTimestamp, deletionGracePeriodSeconds, generation } = old.metadata;
  delete metadata.selfLink;
  Object.assign(metadata, { name, uid, creationTimestamp });
  setOrDelete(metadata, 'deletionTimestamp', deletionTimestamp);
  setOrDelete(metadata, 'deletionGracePeriodSeconds', deletionGracePeriodSeconds);
  setOrDelete(metadata, 'generation', generation);
}

/** `next`, whose managed fields are those of `draft`. */
function withManagedFields(next: Draft, { metadata: { managedFields } }: Draft): Draft {
  const { managedFields: _, ...metadata } = next.metadata;
  return { ...next, metadata: managedFields ? { ...metadata, managedFields } : metadata };
}

function setOrDelete<K extends ClientMeta | 'deletionTimestamp' | 'deletionGracePeriodSeconds' | 'generation'>(
  metadata: Draft['metadata'],
  field: K,
  value: Draft['metadata'][K] | undefined,
): void {
  if (value === undefined) delete metadata[field];
  else metadata[field] = value;
}

/** What metadata.generation counts the changes of. */
function contentOf(object: object, { kind }: Resource): object {
  const { apiVersion: _apiVersion, kind: _kind, metadata: _metadata, status, ...content } = object as { [field: string]: unknown };
  return kind.subresources?.status ? content : { ...content, status };
}

const statusOf = (object: object) => (object as { status?: unknown }).status;

function restoreStatus(draft: Draft, old: KubeObject): void {
  const status = statusOf(old);
  if (status === undefined) delete (draft as { status?: unknown }).status;
  else (draft as { status?: unknown }).status = status;
}

/** `old` with the status of `draft`, and its metadata but for what is `kept`. */
function withStatus(old: KubeObject, draft: Draft, kept: readonly ClientMeta[] = []): Draft {
  const { status: _, ...rest } = old as KubeObject & { status?: unknown };
  const status = statusOf(draft);
  const metadata = { ...old.metadata } as Draft['metadata'];
  for (const field of CLIENT_META) if (!kept.includes(field)) setOrDelete(metadata, field, draft.metadata[field]);
  return { ...rest, metadata, ...(status === undefined ? {} : { status }) } as unknown as Draft;
}

/** `old` with only the fields at `paths` as `draft` has them. */
function withFields(old: KubeObject, draft: Draft, paths: readonly string[]): Draft {
  const next = draftOf(old);
  for (const path of paths) {
    const steps = path.split('.');
    const last = steps.pop()!;
    const [from, to] = [steps.reduce<Fields>(memberOf, asFields(draft)), steps.reduce<Fields>(memberOf, asFields(next))];
    if (from[last] === undefined) delete to[last];
    else to[last] = from[last];
  }
  return next;
}

interface Fields {
  [field: string]: unknown;
}

const asFields = (object: object) => object as Fields;

/** The object at `field`, made if it is not there. */
function memberOf(fields: Fields, field: string): Fields {
  fields[field] ??= {};
  return fields[field] as Fields;
}
