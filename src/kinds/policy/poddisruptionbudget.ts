// The kind PodDisruptionBudget of policy/v1.
import { type FieldError, invalid, notSupported } from '../../apimachinery/field.js';
import { validateLabelSelector } from '../../apimachinery/labels.js';
import { checkNonNegative } from '../checks.js';
import { column } from '../columns.js';
import { defineKind } from '../define.js';
import type { PodDisruptionBudget, PodDisruptionBudgetSpec, PodDisruptionBudgetStatus } from '../types/policy_v1.js';
import { checkIntOrPercent } from '../workload.js';

const NOT_APPLICABLE = 'N/A';
const UNHEALTHY_POLICIES = ['AlwaysAllow', 'IfHealthyBudget'];
const COUNTS = [
  'disruptionsAllowed',
  'currentHealthy',
  'desiredHealthy',
  'expectedPods',
] as const satisfies readonly (keyof PodDisruptionBudgetStatus)[];

export const podDisruptionBudgets = defineKind<PodDisruptionBudget>({
  group: 'policy',
  version: 'v1',
  kind: 'PodDisruptionBudget',
  plural: 'poddisruptionbudgets',
  shortNames: ['pdb'],
  namespaced: true,
  schema: 'policy.v1.PodDisruptionBudget',
  columns: [
    column('Min Available', 'string', 'How many of its pods must stay', ({ spec }) => String(spec.minAvailable ?? NOT_APPLICABLE)),
    column('Max Unavailable', 'string', 'How many of its pods may be gone', ({ spec }) => String(spec.maxUnavailable ?? NOT_APPLICABLE)),
    column('Allowed Disruptions', 'integer', 'How many of its pods may go now', ({ status }) => status.disruptionsAllowed),
  ],
  validate: ({ spec }) => validateSpec('spec', spec),
  validateStatus: ({ status }) => COUNTS.flatMap((count) => checkNonNegative(`status.${count}`, status[count])),
  prepareForCreate(budget) {
    budget.status = { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 };
  },
  subresources: { status: true },
});

function validateSpec(at: string, spec: PodDisruptionBudgetSpec): FieldError[] {
  const { minAvailable, maxUnavailable, selector, unhealthyPodEvictionPolicy: policy } = spec;
  const errors: FieldError[] = [];
  if (minAvailable !== undefined && maxUnavailable !== undefined) {
    errors.push(invalid(at, spec as never, 'minAvailable and maxUnavailable cannot be both set'));
  }
  errors.push(
    ...checkIntOrPercent(`${at}.minAvailable`, minAvailable, true),
    ...checkIntOrPercent(`${at}.maxUnavailable`, maxUnavailable, true),
    ...validateLabelSelector(selector, `${at}.selector`),
  );
  if (policy !== undefined && !UNHEALTHY_POLICIES.includes(policy)) {
    errors.push(notSupported(`${at}.unhealthyPodEvictionPolicy`, policy, UNHEALTHY_POLICIES));
  }
  return errors;
}
