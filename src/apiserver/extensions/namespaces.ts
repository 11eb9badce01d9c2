// Namespaces are kept by spec.finalizers, which the namespace controller takes away once they are empty.
import { namespaces } from '../../kinds/core/namespace.js';
import type { Namespace } from '../../kinds/types/core_v1.js';
import type { ResourceExtension } from './extension.js';

export const namespaceFinalizers: ResourceExtension<Namespace> = {
  kind: namespaces,
  finalizers: ({ spec }) => spec?.finalizers ?? [],
  beginDeletion(draft) {
    draft.status = { ...draft.status, phase: 'Terminating' };
  },
};
