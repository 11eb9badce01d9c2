// Watches ValidatingAdmissionPolicies; says in their status what their expressions get wrong about the types that they are about.
import { loadCel } from '../apimachinery/cel/library.js';
import { parseKey } from '../apimachinery/object.js';
import type { JsonSchema } from '../apimachinery/structural/schema.js';
import { validatingAdmissionPolicies } from '../kinds/admissionregistration/validatingadmissionpolicy.js';
import { customResourceDefinitions } from '../kinds/apiextensions/customresourcedefinition.js';
import { kinds, schemas } from '../kinds/index.js';
import { jsonSchemaOf, objectSchema } from '../kinds/schema-types.js';
import type { CustomResourceDefinition } from '../kinds/types/apiextensions_v1.js';
import { defineController } from './define.js';
import { checkTypes, type TypedKind } from './policy-types.js';

const METADATA = schemas.get('meta.v1.ObjectMeta');

export const validatingAdmissionPolicyStatus = defineController({
  name: 'validatingadmissionpolicy-status',
  // As upstream, a policy is looked at when it changes; definitions are only looked up.
  inputs: [validatingAdmissionPolicies, customResourceDefinitions.mapped(() => [])],
  outputs: [validatingAdmissionPolicies.status],
  async reconcile(key, { get, list, client }) {
    const policy = get(validatingAdmissionPolicies, parseKey(key));
    if (!policy || policy.status?.observedGeneration === policy.metadata.generation) return;
    await loadCel();
    const warnings = checkTypes(policy, [...BUILT_IN, ...list(customResourceDefinitions).flatMap(customKinds)]);
    const typeChecking = warnings.length > 0 ? { expressionWarnings: warnings } : {};
    const { uid, generation } = policy.metadata;
    const patch = { metadata: { uid }, status: { observedGeneration: generation, typeChecking } };
    await client.patch(validatingAdmissionPolicies, policy.metadata, 'application/merge-patch+json', patch, 'status');
  },
});

const BUILT_IN: readonly TypedKind[] = kinds.map(({ group, version, kind, plural, schema }) => ({
  group,
  version,
  kind,
  plural,
  schema: () => objectSchema(jsonSchemaOf(schemas.get(schema)), METADATA),
}));

const customKinds = ({ spec }: CustomResourceDefinition): readonly TypedKind[] =>
  spec.versions
    .filter(({ served, schema }) => served && schema?.openAPIV3Schema)
    .map(({ name, schema }) => ({
      group: spec.group,
      version: name,
      kind: spec.names.kind,
      plural: spec.names.plural,
      schema: () => objectSchema(schema!.openAPIV3Schema as JsonSchema, METADATA),
    }));
