// The scale subresource: GET, PUT and PATCH of autoscaling/v1 Scale, a view of the object's replicas.
import { applyTypeOf } from '../../apimachinery/apply/built-in.js';
import type { Writer } from '../../apimachinery/apply/update.js';
import { invalid } from '../../apimachinery/field.js';
import type { JsonObject } from '../../apimachinery/json.js';
import type { KubeObject } from '../../apimachinery/object.js';
import { conflict, invalidObject, notFound } from '../../apimachinery/status.js';
import type { Mutable, ScaleSubresource } from '../../kinds/define.js';
import type { AdmissionRequest } from '../admission/admission.js';
import { applyTo, checkConfiguration } from '../apply.js';
import { type Draft, readObject } from '../body.js';
import type { ApiContext } from '../context.js';
import { draftOf } from '../draft.js';
import type { Handler, ResourceRequest, Result } from '../exchange.js';
import { writerOf } from '../managed-fields.js';
import { type WriteOptionsKind, writeOptions } from '../parameters.js';
import { isApply, PATCH_TYPES, readConfiguration, readPatch } from '../patches.js';
import type { Resource } from '../resources.js';
import { SCALE_VERSION, scaleSchema } from '../scale-schema.js';
import { updateObject } from '../writes.js';

const SCALE = { apiVersion: SCALE_VERSION, kind: 'Scale', schema: scaleSchema };

interface Scale extends KubeObject {
  readonly spec: { readonly replicas?: number };
}

export const getScaleHandler: Handler = async ({ info, resource }) => {
  const name = info.name!;
  const stored = await resource.storage.get({ namespace: info.namespace, name });
  if (!stored) throw notFound(resource.kind.groupResource, name);
  return { type: 'value', code: 200, value: scaleOf(scaling(resource), stored.object) };
};

export function updateScaleHandler(context: ApiContext): Handler {
  return async (request) => {
    const scale = readObject(request.exchange, SCALE, 'UpdateOptions') as unknown as Scale;
    return setScale(context, request, 'UpdateOptions', () => scale);
  };
}

export function patchScaleHandler(context: ApiContext): Handler {
  return async (request) => {
    if (isApply(request.exchange.body)) return applyScale(context, request);
    const patch = readPatch(request.exchange, PATCH_TYPES);
    return setScale(context, request, 'PatchOptions', (current) => {
      return patch(SCALE, scaleOf(scaling(request.resource), current) as unknown as JsonObject) as unknown as Scale;
    });
  };
}

async function setScale(
  context: ApiContext,
  request: ResourceRequest,
  optionsKind: WriteOptionsKind,
  wanted: (current: KubeObject) => Scale,
): Promise<Result> {
  const { exchange, info, resource } = request;
  const { dryRun } = writeOptions(exchange.query, optionsKind);
  const writer = writerOf(context, exchange, resource, info.subresource);
  return updateScaled(context, request, { dryRun, writer }, async (current, admit) => {
    const scale = wanted(current);
    await admit(scale);
    const { metadata, spec } = scale;
    const { resourceVersion } = metadata;
    if (resourceVersion && resourceVersion !== current.metadata.resourceVersion)
      throw conflict(resource.kind.groupResource, current.metadata.name);
    return withReplicas(resource, current, spec?.replicas ?? 0);
  });
}

/** A Scale's fields are managed as those of the object that it is a view of. */
async function applyScale(context: ApiContext, request: ResourceRequest): Promise<Result> {
  const { exchange, info, resource } = request;
  const { dryRun, force } = writeOptions(exchange.query, 'PatchOptions', true);
  const name = { namespace: info.namespace, name: info.name! };
  const scale = readConfiguration(exchange);
  checkConfiguration(SCALE, applyTypeOf(scaleSchema), name, scale);
  const empty = { apiVersion: resource.kind.apiVersion, kind: resource.kind.kind, metadata: scale['metadata'] ?? {}, spec: {} };
  const replicas = (scale as unknown as Partial<Scale>).spec?.replicas;
  const config =
    replicas == null ? empty : (withReplicas(resource, empty as unknown as KubeObject, replicas, name.name) as unknown as JsonObject);
  const writer = writerOf(context, exchange, resource, info.subresource);
  const apply = { exchange, resource, name, config, force, writer };
  return updateScaled(context, request, { dryRun }, async (current, admit) => {
    const applied = await applyTo(context, apply, current);
    const view = scaleOf(scaling(resource), applied as KubeObject) as unknown as Scale;
    const before = view.spec.replicas;
    await admit(view);
    return view.spec.replicas === before ? applied : withReplicas(resource, applied as KubeObject, view.spec.replicas ?? 0);
  });
}

type Admit = (scale: Scale) => Promise<void>;

/** Admission is about the Scale; the draft is the object that it is a view of. */
async function updateScaled(
  context: ApiContext,
  { exchange, info, resource }: ResourceRequest,
  { dryRun, writer }: { readonly dryRun: boolean; readonly writer?: Writer },
  draft: (current: KubeObject, admit: Admit) => Promise<Draft>,
): Promise<Result> {
  const scale = scaling(resource);
  const viewOf = (object: KubeObject) => scaleOf(scale, object) as unknown as KubeObject;
  const name = { namespace: info.namespace, name: info.name! };
  const admissionRequest = (current: KubeObject): AdmissionRequest => {
    const target = { resource, subresource: info.subresource, kind: SCALE, ...name };
    return { operation: 'UPDATE', ...target, exchange, dryRun, old: viewOf(current) };
  };
  const result = await updateObject(context, {
    resource,
    name,
    subresource: undefined,
    exchange,
    dryRun,
    ...(writer ? { writer } : {}),
    validateView: (current, next) => context.admission.validate(admissionRequest(current), viewOf(next), context),
    draft: (current) => draft(current, (view) => context.admission.admit(admissionRequest(current), view as Mutable<Scale>, context)),
  });
  const object = result.type === 'object' ? result.object.object : (result as { value: object }).value;
  return { type: 'value', code: 200, value: viewOf(object as KubeObject) };
}

function withReplicas(resource: Resource, object: KubeObject, replicas: number, name = object.metadata.name): Draft {
  if (replicas < 0) {
    const error = invalid('spec.replicas', replicas, 'must be greater than or equal to 0');
    throw invalidObject('autoscaling', 'Scale', name, [error]);
  }
  const draft = draftOf(object);
  scaling(resource).set(draft as Mutable<KubeObject>, replicas);
  return draft;
}

function scaling({ kind }: Resource): ScaleSubresource<KubeObject> {
  const scale = kind.subresources?.scale;
  if (!scale) throw new Error(`scale: ${kind.kind} cannot be scaled`);
  return scale;
}

function scaleOf(scale: ScaleSubresource<KubeObject>, object: KubeObject) {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const { specReplicas, statusReplicas, selector } = scale.get(object);
  return {
    kind: 'Scale',
    apiVersion: SCALE_VERSION,
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: { replicas: specReplicas },
    status: { replicas: statusReplicas, ...(selector ? { selector } : {}) },
  };
}
