// NamespaceLifecycle: nothing is created in a namespace that is missing or going, and the system's namespaces stay.
import { forbiddenRequest, notFound, StatusError } from '../../apimachinery/status.js';
import { namespaces } from '../../kinds/core/namespace.js';
import type { Namespace } from '../../kinds/types/core_v1.js';
import { NAMESPACE_DEFAULT, NAMESPACE_PUBLIC, NAMESPACE_SYSTEM } from '../../kinds/wellknown.js';
import type { ApiContext } from '../context.js';
import type { AdmissionPlugin, AdmissionRequest } from './admission.js';

const IMMORTAL: readonly string[] = [NAMESPACE_DEFAULT, NAMESPACE_SYSTEM, NAMESPACE_PUBLIC];

export const namespaceLifecycle: AdmissionPlugin = {
  name: 'NamespaceLifecycle',
  operations: ['CREATE', 'DELETE'],
  async admit(request, _object, context) {
    // A subresource's object exists already, so its namespace does.
    if (request.namespace === undefined || !request.resource.kind.namespaced || request.subresource) return;
    const namespace = await find(context, request.namespace);
    if (!namespace) throw notFound(namespaces.groupResource, request.namespace);
    if (namespace.metadata.deletionTimestamp === undefined) return;
    throw terminating(request, request.namespace);
  },
  validate(request) {
    if (request.operation === 'DELETE') refuseImmortal(request);
  },
};

function refuseImmortal({ resource, name }: AdmissionRequest): void {
  if (resource.kind === namespaces && IMMORTAL.includes(name)) {
    throw forbiddenRequest(namespaces.groupResource, name, 'this namespace may not be deleted');
  }
}

/** The cache may not have seen a namespace that was made a moment ago: then the store is asked. */
async function find(context: ApiContext, name: string): Promise<Namespace | undefined> {
  const { cache, storage } = context.resources.of(namespaces);
  await cache.ready();
  const stored = cache.get(storage.key({ name })) ?? (await storage.get({ name }));
  return stored?.object as Namespace | undefined;
}

function terminating({ resource, name }: AdmissionRequest, namespace: string): StatusError {
  const why = `unable to create new content in namespace ${namespace} because it is being terminated`;
  const { code, reason, message, details } = forbiddenRequest(resource.kind.groupResource, name, why);
  const cause = { reason: 'NamespaceTerminating', message: `namespace ${namespace} is being terminated`, field: 'metadata.namespace' };
  return new StatusError(code, reason, message, { ...details, causes: [cause] });
}
