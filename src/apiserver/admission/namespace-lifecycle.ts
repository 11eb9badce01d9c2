// NamespaceLifecycle: nothing is created in a namespace that is missing or going, and the system's namespaces stay.
import type { KubeObject } from '../../apimachinery/object.js';
import { forbiddenRequest, notFound, StatusError } from '../../apimachinery/status.js';
import { namespaces } from '../../kinds/core/namespace.js';
import { NAMESPACE_DEFAULT, NAMESPACE_PUBLIC, NAMESPACE_SYSTEM } from '../../kinds/wellknown.js';
import { type AdmissionPlugin, type AdmissionRequest, refusal } from './admission.js';
import { lookUp } from './lookup.js';

const IMMORTAL: readonly string[] = [NAMESPACE_DEFAULT, NAMESPACE_SYSTEM, NAMESPACE_PUBLIC];

export const namespaceLifecycle: AdmissionPlugin = {
  name: 'NamespaceLifecycle',
  operations: ['CREATE', 'DELETE'],
  async admit(request, object, context) {
    if (request.operation === 'DELETE') return refuseImmortal(request);
    if (request.namespace === undefined || !request.resource.kind.namespaced || isReview(request)) return;
    const namespace = await lookUp(context, namespaces, { name: request.namespace });
    if (!namespace) throw notFound(namespaces.groupResource, request.namespace);
    if (namespace.metadata.deletionTimestamp === undefined) return;
    throw terminating(request, object, request.namespace);
  },
};

/** Who may do what can be asked of any namespace. */
const isReview = ({ kind }: AdmissionRequest) => kind.kind === 'LocalSubjectAccessReview';

function refuseImmortal({ resource, name }: AdmissionRequest): void {
  if (resource.kind === namespaces && IMMORTAL.includes(name)) {
    throw forbiddenRequest(namespaces.groupResource, name, 'this namespace may not be deleted');
  }
}

function terminating(request: AdmissionRequest, object: KubeObject | undefined, namespace: string): StatusError {
  const why = `unable to create new content in namespace ${namespace} because it is being terminated`;
  const { code, reason, message, details } = refusal(request, object, why);
  const cause = { reason: 'NamespaceTerminating', message: `namespace ${namespace} is being terminated`, field: 'metadata.namespace' };
  return new StatusError(code, reason, message, { ...details, causes: [cause] });
}
