// The kind ClusterRoleBinding of rbac.authorization.k8s.io/v1.
import { isPathSegmentName } from '../../apimachinery/names.js';
import { defineKind } from '../define.js';
import type { ClusterRoleBinding } from '../types/rbac_v1.js';
import { bindingColumns, bindingDefaults, RBAC_GROUP, validateBinding } from './policy-rules.js';

export const clusterRoleBindings = defineKind<ClusterRoleBinding>({
  group: RBAC_GROUP,
  version: 'v1',
  kind: 'ClusterRoleBinding',
  plural: 'clusterrolebindings',
  namespaced: false,
  schema: 'rbac.v1.ClusterRoleBinding',
  allowCreateOnUpdate: true,
  columns: bindingColumns,
  defaults: bindingDefaults,
  validateName: isPathSegmentName,
  validate: (binding, old) => validateBinding(binding, old, false),
});
