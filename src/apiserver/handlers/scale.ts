// The scale subresource: GET, PUT and PATCH of autoscaling/v1 Scale, a view of the object's replicas.
import { invalid } from '../../apimachinery/field.js';
import type { JsonObject } from '../../apimachinery/json.js';
import type { KubeObject } from '../../apimachinery/object.js';
import { conflict, invalidObject, notFound } from '../../apimachinery/status.js';
import type { Mutable, ScaleSubresource } from '../../kinds/define.js';
import type { AdmissionRequest } from '../admission/admission.js';
import { type Draft, readObject, toObject } from '../body.js';
import type { ApiContext } from '../context.js';
import type { Handler, ResourceRequest, Result } from '../exchange.js';
import { isDryRun } from '../parameters.js';
import { readPatch } from '../patches.js';
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
    const patch = readPatch(request.exchange.body);
    return setScale(context, request, 'PatchOptions', (current) => {
      const patched = patch(scaleSchema, scaleOf(scaling(request.resource), current) as unknown as JsonObject);
      return toObject(request.exchange, SCALE, patched, 'PatchOptions') as unknown as Scale;
    });
  };
}

async function setScale(
  context: ApiContext,
  { exchange, info, resource }: ResourceRequest,
  optionsKind: string,
  wanted: (current: KubeObject) => Scale,
): Promise<Result> {
  const { kind } = resource;
  const dryRun = isDryRun(exchange.query.getAll('dryRun'), optionsKind);
  const admissionRequest = (current: KubeObject): AdmissionRequest => ({
    operation: 'UPDATE',
    resource,
    subresource: info.subresource,
    kind: SCALE,
    namespace: info.namespace,
    name: info.name!,
    exchange,
    dryRun,
    old: scaleOf(scaling(resource), current) as unknown as KubeObject,
  });
  const result = await updateObject(context, {
    resource,
    name: { namespace: info.namespace, name: info.name! },
    subresource: undefined,
    exchange,
    dryRun,
    validateView: (current, next) =>
      context.admission.validate(admissionRequest(current), scaleOf(scaling(resource), next) as unknown as KubeObject, context),
    async draft(current) {
      const scale = wanted(current);
      await context.admission.admit(admissionRequest(current), scale as Mutable<Scale>, context);
      const { metadata, spec } = scale;
      const { resourceVersion } = metadata;
      if (resourceVersion && resourceVersion !== current.metadata.resourceVersion)
        throw conflict(kind.groupResource, current.metadata.name);
      const replicas = spec?.replicas ?? 0;
      if (replicas < 0) {
        const error = invalid('spec.replicas', replicas, 'must be greater than or equal to 0');
        throw invalidObject('autoscaling', 'Scale', current.metadata.name, [error]);
      }
      const draft = structuredClone(current) as Draft;
      scaling(resource).set(draft as Mutable<KubeObject>, replicas);
      return draft;
    },
  });
  const object = result.type === 'object' ? result.object.object : (result as { value: object }).value;
  return { type: 'value', code: 200, value: scaleOf(scaling(resource), object as KubeObject) };
}

function scaling({ kind }: ResourceRequest['resource']): ScaleSubresource<KubeObject> {
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
