// The kind CustomResourceDefinition of apiextensions.k8s.io/v1.
import { defineKind, type Mutable } from '../define.js';
import type { CustomResourceDefinition } from '../types/apiextensions_v1.js';
import { validateCustomResourceDefinition, validateDefinitionStatus } from './crd-validation.js';
import { definitionWarnings } from './crd-warnings.js';

/** Keeps a definition until its objects are gone. */
export const FINALIZER_CLEANUP = 'customresourcecleanup.apiextensions.k8s.io';
const PORT_WEBHOOK = 443;

export const customResourceDefinitions = defineKind<CustomResourceDefinition>({
  group: 'apiextensions.k8s.io',
  version: 'v1',
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
  shortNames: ['crd', 'crds'],
  categories: ['api-extensions'],
  namespaced: false,
  schema: 'apiextensions.v1.CustomResourceDefinition',
  columns: [
    { name: 'Name', type: 'string', format: 'name', description: 'Its name: that of the resource and its group', cell: nameOf },
    { name: 'Created At', type: 'date', description: 'When it was created', cell: ({ metadata }) => metadata.creationTimestamp ?? '' },
  ],
  defaults,
  validate: validateCustomResourceDefinition,
  validateStatus: validateDefinitionStatus,
  warnings: definitionWarnings,
  prepareForCreate(definition) {
    definition.status = { conditions: [], acceptedNames: { plural: '', kind: '' }, storedVersions: [] };
    keepStoredVersions(definition);
  },
  prepareForUpdate: keepStoredVersions,
  subresources: { status: true },
});

function nameOf({ metadata }: CustomResourceDefinition): string {
  return metadata.name;
}

function defaults({ spec }: Mutable<CustomResourceDefinition>): void {
  const { names } = spec;
  names.singular ||= names.kind.toLowerCase();
  names.listKind ||= names.kind && `${names.kind}List`;
  spec.conversion ??= { strategy: 'None' };
  const service = spec.conversion.webhook?.clientConfig?.service;
  if (service) service.port ??= PORT_WEBHOOK;
}

/** Whatever was ever stored in a version may still be there in it, until someone has seen to it that it is not. */
function keepStoredVersions(definition: Mutable<CustomResourceDefinition>): void {
  const stored = definition.status.storedVersions ?? [];
  const storage = definition.spec.versions.filter((version) => version.storage && !stored.includes(version.name));
  // The status may be the stored object's own.
  if (storage.length > 0) definition.status = { ...definition.status, storedVersions: [...stored, ...storage.map(({ name }) => name)] };
}
