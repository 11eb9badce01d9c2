// The kind Role of rbac.authorization.k8s.io/v1.
import { isPathSegmentName } from '../../apimachinery/names.js';
import { defineKind } from '../define.js';
import type { Role } from '../types/rbac_v1.js';
import { RBAC_GROUP, roleColumns, validateRules } from './policy-rules.js';

export const roles = defineKind<Role>({
  group: RBAC_GROUP,
  version: 'v1',
  kind: 'Role',
  plural: 'roles',
  namespaced: true,
  schema: 'rbac.v1.Role',
  allowCreateOnUpdate: true,
  columns: roleColumns,
  validateName: isPathSegmentName,
  validate: ({ rules }) => validateRules(rules, true),
});
