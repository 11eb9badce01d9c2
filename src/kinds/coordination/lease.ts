// The kind Lease of coordination.k8s.io/v1.
import { type FieldError, invalid, required } from '../../apimachinery/field.js';
import { checkNonNegative } from '../checks.js';
import { defineKind } from '../define.js';
import type { Lease } from '../types/coordination_v1.js';

export const leases = defineKind<Lease>({
  group: 'coordination.k8s.io',
  version: 'v1',
  kind: 'Lease',
  plural: 'leases',
  namespaced: true,
  schema: 'coordination.v1.Lease',
  allowCreateOnUpdate: true,
  allowUnconditionalUpdate: false,
  columns: [{ name: 'Holder', type: 'string', description: 'Who holds it', cell: ({ spec }) => spec.holderIdentity ?? '' }],
  validate({ spec }): readonly FieldError[] {
    const errors = checkNonNegative('spec.leaseTransitions', spec.leaseTransitions);
    const { holderIdentity, leaseDurationSeconds, strategy, preferredHolder } = spec;
    if (leaseDurationSeconds !== undefined && leaseDurationSeconds <= 0) {
      errors.push(invalid('spec.leaseDurationSeconds', leaseDurationSeconds, 'must be greater than 0'));
    }
    if (strategy !== undefined && holderIdentity === '') errors.push(invalid('spec.holderIdentity', holderIdentity, 'must not be empty'));
    if (preferredHolder && !strategy) errors.push(required('spec.strategy', 'must be set when `preferredHolder` is set'));
    return errors;
  },
});
