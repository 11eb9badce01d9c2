// Server-side apply as a request asks for it: the configuration checked and laid over the live object, and kubectl's step from its own apply.
import { applyConfiguration } from '../apimachinery/apply/apply.js';
import { compare } from '../apimachinery/apply/compare.js';
import { ConflictError } from '../apimachinery/apply/conflict.js';
import { type Entries, readEntries } from '../apimachinery/apply/entries.js';
import { difference, type FieldSet, setOf } from '../apimachinery/apply/field-set.js';
import { ownedBy } from '../apimachinery/apply/ownership.js';
import { equalJson } from '../apimachinery/apply/shape.js';
import type { ApplyType } from '../apimachinery/apply/type.js';
import { updateEntries, type Writer } from '../apimachinery/apply/update.js';
import { misfit } from '../apimachinery/apply/validate.js';
import { isJsonObject, type Json, type JsonObject, jsonText } from '../apimachinery/json.js';
import type { KubeObject, ObjectName } from '../apimachinery/object.js';
import { badRequest, StatusError } from '../apimachinery/status.js';
import { validateAnnotations } from '../kinds/validation.js';
import { type Draft, toObject } from './body.js';
import type { ApiContext } from './context.js';
import type { Exchange } from './exchange.js';
import { emptyOf, servedVersions, setEntries, typeOf } from './managed-fields.js';
import type { Resource } from './resources.js';
import { checkIdentity, restrict } from './strategy.js';

export interface ApplyRequest {
  readonly exchange: Exchange;
  readonly resource: Resource;
  readonly name: ObjectName;
  readonly config: JsonObject;
  readonly writer: Writer;
  readonly force: boolean;
}

/** The manager that owns what an object without managed fields has when somebody applies to it first. */
const BEFORE_FIRST_APPLY = 'before-first-apply';
/** Only its apply takes over what client-side apply has set, and keeps the annotation that client-side apply reads. */
const KUBECTL = 'kubectl';
export const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

/** What `live` becomes, or is created as where there is none, managed fields included. Throws StatusError 400, 409 and, as upstream, 500. */
export async function applyTo(context: ApiContext, request: ApplyRequest, live: KubeObject | undefined): Promise<Draft> {
  const { exchange, resource, writer } = request;
  const { apiVersion, kind } = resource.kind;
  checkConfiguration(resource.kind, typeOf(resource), request.name, request.config);
  const { object, entries } = await merged(context, request, live);
  const draft = toObject(exchange, { apiVersion, kind, schema: resource.schema }, object, 'PatchOptions');
  setEntries(draft, entries);
  if (!live) return draft;
  checkIdentity(resource, draft, request.name, live);
  if (writer.subresource === undefined) resource.kind.defaults?.(draft);
  if (onlyTimesDiffer(live, restrict(resource, draft, live, writer.subresource))) setEntries(draft, entriesOf(live));
  return draft;
}

/** Throws for a configuration that is not of this kind, or does not fit its type. */
export function checkConfiguration(
  { apiVersion, kind }: { readonly apiVersion: string; readonly kind: string },
  type: ApplyType,
  name: ObjectName,
  config: JsonObject,
): void {
  const given = { apiVersion: jsonText(config['apiVersion'] ?? ''), kind: jsonText(config['kind'] ?? '') };
  if (given.apiVersion !== apiVersion || given.kind !== kind)
    throw badRequest(`invalid object type: ${gvkOf(given.apiVersion, given.kind)}`);
  if (isJsonObject(config['metadata']) && config['metadata']['managedFields'] != null)
    throw badRequest('metadata.managedFields must be nil');
  const wrong = misfit(type, config);
  if (wrong === undefined) return;
  const what = `${name.namespace ?? ''}/${name.name}; ${gvkOf(apiVersion, kind)}`;
  // As upstream, for want of a better code.
  throw new StatusError(500, '', `failed to create typed patch object (${what}): ${wrong}`);
}

function gvkOf(apiVersion: string, kind: string): string {
  return `${apiVersion.includes('/') ? apiVersion : `/${apiVersion}`}, Kind=${kind}`;
}

async function merged(
  context: ApiContext,
  request: ApplyRequest,
  live: KubeObject | undefined,
): Promise<{ object: JsonObject; entries: Entries }> {
  const { resource, config, writer, force } = request;
  const type = typeOf(resource);
  const before = live ? withoutManagedFields(live) : emptyOf(resource);
  const apply = {
    type,
    live: before,
    config,
    ignored: ignoredFields(resource, writer.subresource, before, config),
    entries: live ? entriesBefore(request, live, before) : [],
    writer,
    versions: servedVersions(context, resource),
  };
  try {
    return withLastApplied(request, await applyConfiguration({ ...apply, force }));
  } catch (error) {
    if (!(error instanceof ConflictError)) throw error;
    const left = writer.manager === KUBECTL ? error.without(appliedByClient(resource, before)) : error;
    if (left) throw left.toStatus();
    return withLastApplied(request, await applyConfiguration({ ...apply, force: true }));
  }
}

/** Throws where the stored entries cannot be read, which only an object that went past this server can have. */
const entriesOf = ({ metadata }: KubeObject): Entries => readEntries(metadata.managedFields ?? []);

function entriesBefore({ resource, writer }: ApplyRequest, live: KubeObject, before: JsonObject): Entries {
  const entries = entriesOf(live);
  if (entries.length > 0) return entries;
  const first = { ...writer, manager: BEFORE_FIRST_APPLY };
  return updateEntries({ type: typeOf(resource), before: emptyOf(resource), after: before, entries, writer: first });
}

function withoutManagedFields(object: object): JsonObject {
  const { managedFields: _, ...metadata } = (object as KubeObject).metadata;
  return { ...object, metadata } as unknown as JsonObject;
}

/** Fields that this write cannot change, whatever the configuration says, and which its applier does not come to manage. */
function ignoredFields({ kind }: Resource, subresource: string | undefined, ...objects: readonly JsonObject[]): FieldSet {
  const { status, writable } = kind.subresources ?? {};
  if (subresource === undefined) return status ? setOf(['f:status']) : setOf();
  const paths = subresource === 'status' ? ['status'] : writable?.[subresource];
  if (!paths) return setOf();
  const written = new Set(paths.map((path) => path.split('.', 1)[0]!));
  if (subresource === 'status') written.add('metadata');
  const others = objects.flatMap((object) => Object.keys(object)).filter((field) => !written.has(field));
  const kept = subresource === 'status' ? (kind.statusKeeps ?? []) : [];
  return setOf(...[...new Set(others)].map((field) => [`f:${field}`]), ...kept.map((field) => ['f:metadata', `f:${field}`]));
}

/** What client-side apply applied last and the live object still has: its successor may take that from whoever manages it. */
function appliedByClient(resource: Resource, live: JsonObject): FieldSet {
  const text = annotationsOf(live)?.[LAST_APPLIED];
  const last = typeof text === 'string' && text !== '' ? parsed(text) : undefined;
  if (!isJsonObject(last) || last['apiVersion'] !== resource.kind.apiVersion) return setOf();
  const type = typeOf(resource);
  if (misfit(type, last) !== undefined) return setOf();
  const { added, modified, removed } = compare(type, last, live);
  return difference(difference(difference(ownedBy(type, last), modified), added), removed);
}

function annotationsOf(object: JsonObject): JsonObject | undefined {
  const metadata = object['metadata'];
  const annotations = isJsonObject(metadata) ? metadata['annotations'] : undefined;
  return isJsonObject(annotations) ? annotations : undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Keeps the annotation in step, where there is one, so that people can go on with client-side apply. */
function withLastApplied({ config, writer }: ApplyRequest, applied: { object: JsonObject; entries: Entries }): typeof applied {
  const { object, entries } = applied;
  const annotations = annotationsOf(object);
  if (writer.manager !== KUBECTL || !annotations?.[LAST_APPLIED]) return applied;
  const { [LAST_APPLIED]: _, ...others } = annotations as { readonly [name: string]: string };
  const next = { ...others, [LAST_APPLIED]: `${sortedJson(withoutLastApplied(config))}\n` };
  const tooLong = validateAnnotations('', next).some(({ reason }) => reason === 'FieldValueTooLong');
  return { object: { ...object, metadata: { ...(object['metadata'] as JsonObject), annotations: tooLong ? others : next } }, entries };
}

function withoutLastApplied(config: JsonObject): JsonObject {
  const annotations = annotationsOf(config);
  if (annotations?.[LAST_APPLIED] === undefined) return config;
  const { [LAST_APPLIED]: _, ...others } = annotations;
  return { ...config, metadata: { ...(config['metadata'] as JsonObject), annotations: others } };
}

/** As Go writes maps. */
function sortedJson(value: Json): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    isJsonObject(inner) ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1))) : inner,
  );
}

/** As upstream, a write that changes nothing but the times of managers is none. */
function onlyTimesDiffer(live: KubeObject, next: Draft): boolean {
  const timeless = (entries: KubeObject['metadata']['managedFields'] = []) => entries.map(({ time: _, ...entry }) => entry);
  if (!equalJson(timeless(live.metadata.managedFields) as Json, timeless((next as KubeObject).metadata.managedFields) as Json))
    return false;
  return equalJson(withoutManagedFields(live), withoutManagedFields(next));
}
