// Roles and bindings for tests, and the index over them.

import type { KubeObject } from '../../../../src/apimachinery/object.js';
import { RoleIndex } from '../../../../src/apiserver/authorization/role-index.js';
import type { ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, Subject } from '../../../../src/kinds/types/rbac_v1.js';

const apiVersion = 'rbac.authorization.k8s.io/v1';
const metadataOf = (path: string) => {
  const [namespace, name] = path.includes('/') ? path.split('/') : [undefined, path];
  return { name: name!, ...(namespace ? { namespace } : {}) } as KubeObject['metadata'];
};

export const group = (name: string): Subject => ({ kind: 'Group', apiGroup: 'rbac.authorization.k8s.io', name });
export const user = (name: string): Subject => ({ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name });
export const account = (name: string, namespace?: string): Subject => ({ kind: 'ServiceAccount', name, ...(namespace && { namespace }) });

/** `name`, or `namespace/name` for a Role. */
export const role = (path: string, ...rules: PolicyRule[]) =>
  ({ apiVersion, kind: path.includes('/') ? 'Role' : 'ClusterRole', metadata: metadataOf(path), rules }) as Role | ClusterRole;

/** `to` is a ClusterRole, or `Role:name`. */
export const binding = (path: string, to: string, ...subjects: Subject[]) => {
  const [kind, name] = to.startsWith('Role:') ? ['Role', to.slice(5)] : ['ClusterRole', to];
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind, name };
  return { apiVersion, kind: path.includes('/') ? 'RoleBinding' : 'ClusterRoleBinding', metadata: metadataOf(path), roleRef, subjects } as
    | RoleBinding
    | ClusterRoleBinding;
};

export function indexOf(...objects: (Role | ClusterRole | RoleBinding | ClusterRoleBinding)[]): RoleIndex {
  const index = new RoleIndex();
  for (const object of objects) put(index, object);
  return index;
}

export function put(index: RoleIndex, object: Role | ClusterRole | RoleBinding | ClusterRoleBinding): void {
  const namespaced = object.metadata.namespace !== undefined;
  if ('roleRef' in object) index.bindings(namespaced).set(object);
  else index.roles(namespaced).set(object);
}

export function remove(index: RoleIndex, object: Role | ClusterRole | RoleBinding | ClusterRoleBinding): void {
  const namespaced = object.metadata.namespace !== undefined;
  if ('roleRef' in object) index.bindings(namespaced).delete(object);
  else index.roles(namespaced).delete(object);
}
