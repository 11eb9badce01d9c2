// The kind ClusterRole of rbac.authorization.k8s.io/v1.

import { type FieldError, required } from '../../apimachinery/field.js';
import { validateLabelSelector } from '../../apimachinery/labels.js';
import { isPathSegmentName } from '../../apimachinery/names.js';
import { defineKind } from '../define.js';
import type { ClusterRole } from '../types/rbac_v1.js';
import { RBAC_GROUP, roleColumns, validateRules } from './policy-rules.js';

export const clusterRoles = defineKind<ClusterRole>({
  group: RBAC_GROUP,
  version: 'v1',
  kind: 'ClusterRole',
  plural: 'clusterroles',
  namespaced: false,
  schema: 'rbac.v1.ClusterRole',
  allowCreateOnUpdate: true,
  columns: roleColumns,
  validateName: isPathSegmentName,
  validate: ({ rules, aggregationRule }) => [...validateRules(rules, false), ...validateAggregation(aggregationRule)],
});

function validateAggregation(rule: ClusterRole['aggregationRule']): FieldError[] {
  if (!rule) return [];
  const field = 'aggregationRule.clusterRoleSelectors';
  const selectors = rule.clusterRoleSelectors ?? [];
  if (selectors.length === 0) return [required(field, 'at least one clusterRoleSelector required if aggregationRule is non-nil')];
  return selectors.flatMap((selector, i) => validateLabelSelector(selector, `${field}[${i}]`));
}
