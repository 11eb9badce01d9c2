// NamespaceAutoProvision: a namespace that something is created in is created first, where it is missing.
import { normalize } from '../../apimachinery/normalize.js';
import { isStatus } from '../../apimachinery/status.js';
import { namespaces } from '../../kinds/core/namespace.js';
import type { Draft } from '../body.js';
import { createObject } from '../writes.js';
import type { AdmissionPlugin } from './admission.js';
import { lookUp } from './lookup.js';

export const namespaceAutoProvision: AdmissionPlugin = {
  name: 'NamespaceAutoProvision',
  operations: ['CREATE'],
  async admit({ resource, subresource, namespace, dryRun, exchange }, _object, context) {
    if (namespace === undefined || !resource.kind.namespaced || subresource || dryRun) return;
    if (await lookUp(context, namespaces, { name: namespace })) return;
    const { apiVersion, kind } = namespaces;
    const own = context.resources.of(namespaces);
    const draft = normalize(own.schema, { apiVersion, kind, metadata: { name: namespace } }).object as unknown as Draft;
    try {
      await createObject(context, { resource: own, draft, exchange, dryRun: false });
    } catch (error) {
      // Somebody was faster.
      if (!isStatus(error, 'AlreadyExists')) throw error;
    }
  },
};
