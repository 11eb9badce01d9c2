// The kind RoleBinding of rbac.authorization.k8s.io/v1.
import { isPathSegmentName } from '../../apimachinery/names.js';
import { defineKind } from '../define.js';
import type { RoleBinding } from '../types/rbac_v1.js';
import { bindingColumns, bindingDefaults, RBAC_GROUP, validateBinding } from './policy-rules.js';

export const roleBindings = defineKind<RoleBinding>({
  group: RBAC_GROUP,
  version: 'v1',
  kind: 'RoleBinding',
  plural: 'rolebindings',
  namespaced: true,
  schema: 'rbac.v1.RoleBinding',
  allowCreateOnUpdate: true,
  columns: bindingColumns,
  defaults: bindingDefaults,
  validateName: isPathSegmentName,
  validate: (binding, old) => validateBinding(binding, old, true),
});
