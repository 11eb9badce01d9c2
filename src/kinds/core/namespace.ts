// The kind Namespace of v1.
import { isDns1123Label } from '../../apimachinery/names.js';
import { defineKind, type Mutable } from '../define.js';
import type { Namespace } from '../types/core_v1.js';
import { validateFinalizerName } from '../validation.js';
import { LABEL_METADATA_NAME } from '../wellknown.js';

/** Whoever holds it, the namespace controller, empties the namespace before it goes. */
export const FINALIZER_KUBERNETES = 'kubernetes';

export const namespaces = defineKind<Namespace>({
  group: '',
  version: 'v1',
  kind: 'Namespace',
  plural: 'namespaces',
  shortNames: ['ns'],
  namespaced: false,
  schema: 'core.v1.Namespace',
  generation: false,
  columns: [
    { name: 'Status', type: 'string', description: 'Active, or Terminating while it is emptied', cell: ({ status }) => status.phase ?? '' },
  ],
  validateName: isDns1123Label,
  defaults: labelWithName,
  validate: ({ spec }) => (spec.finalizers ?? []).flatMap((name) => validateFinalizerName('spec.finalizers', name)),
  prepareForCreate(namespace) {
    labelWithName(namespace);
    namespace.status = { phase: 'Active' };
    const finalizers = namespace.spec.finalizers ?? [];
    if (!finalizers.includes(FINALIZER_KUBERNETES)) namespace.spec.finalizers = [...finalizers, FINALIZER_KUBERNETES];
  },
  prepareForUpdate(namespace, old) {
    namespace.spec = { ...old.spec, finalizers: [...(old.spec.finalizers ?? [])] };
  },
  selectableFields: { 'status.phase': ({ status }) => status.phase ?? '' },
  subresources: { status: true, writable: { finalize: ['spec.finalizers'] } },
});

/** So that selectors can choose a namespace by its name. A generated name is known only once it is created. */
function labelWithName({ metadata }: Mutable<Namespace>): void {
  if (metadata.name) metadata.labels = { ...metadata.labels, [LABEL_METADATA_NAME]: metadata.name };
}
