// Nobody gives away more than they have: who writes a role must hold all that it grants, or the verb escalate; who binds one must
// hold all that it grants, or the verb bind.
import { isDeepStrictEqual } from 'node:util';
import type { KubeObject } from '../../apimachinery/object.js';
import { forbiddenRequest, notFound } from '../../apimachinery/status.js';
import type { Kind } from '../../kinds/define.js';
import { clusterRoles } from '../../kinds/rbac/clusterrole.js';
import { clusterRoleBindings } from '../../kinds/rbac/clusterrolebinding.js';
import { RBAC_GROUP } from '../../kinds/rbac/policy-rules.js';
import { roles } from '../../kinds/rbac/role.js';
import { roleBindings } from '../../kinds/rbac/rolebinding.js';
import type { ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding } from '../../kinds/types/rbac_v1.js';
import { isMaster } from '../authorization/authorizer.js';
import { escalation } from '../authorization/escalation.js';
import type { ApiContext } from '../context.js';
import type { UserInfo } from '../options.js';
import type { ResourceExtension } from './extension.js';

type AnyRole = Role & Partial<Pick<ClusterRole, 'aggregationRule'>>;
type AnyBinding = RoleBinding | ClusterRoleBinding;

const EVERYTHING: readonly PolicyRule[] = [
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
  { verbs: ['*'], nonResourceURLs: ['*'] },
];

export const rightsOfRoles = [roles, clusterRoles].map((kind) => ({
  kind,
  checkRights(draft: AnyRole, old: AnyRole | undefined, user: UserInfo, context: ApiContext) {
    if (isMaster(user) || (old && onlyOwnersDiffer(draft, old))) return;
    const { namespace, name } = draft.metadata;
    if (hasRight(context, user, 'escalate', kind.plural, namespace, name)) return;
    refuseEscalation(context, kind, draft, user, draft.rules ?? []);
    const gathers = [draft, old].some((role) => role?.aggregationRule?.clusterRoleSelectors?.length);
    if (!gathers || !escalation(context.authorizer.rbac, user, namespace, EVERYTHING)) return;
    throw forbiddenRequest(kind.groupResource, name, 'must have cluster-admin privileges to use the aggregationRule');
  },
})) as unknown as readonly ResourceExtension[];

export const rightsOfBindings = [roleBindings, clusterRoleBindings].map((kind) => ({
  kind,
  checkRights(draft: AnyBinding, old: AnyBinding | undefined, user: UserInfo, context: ApiContext) {
    // What it lacks is for validation to say.
    if (!draft.roleRef || isMaster(user) || (old && onlyOwnersDiffer(draft, old))) return;
    const { metadata, roleRef } = draft;
    const plural = roleRef.kind === 'ClusterRole' ? clusterRoles.plural : roles.plural;
    if (hasRight(context, user, 'bind', plural, metadata.namespace, roleRef.name)) return;
    const rules = context.authorizer.rbac.rulesOf(roleRef, metadata.namespace);
    if (!rules) throw notFound({ group: RBAC_GROUP, resource: plural }, roleRef.name);
    refuseEscalation(context, kind, draft, user, rules);
  },
})) as unknown as readonly ResourceExtension[];

function refuseEscalation<T extends KubeObject>(
  { authorizer }: ApiContext,
  kind: Kind<T>,
  { metadata }: KubeObject,
  user: UserInfo,
  rules: readonly PolicyRule[],
): void {
  const why = escalation(authorizer.rbac, user, metadata.namespace, rules);
  if (why) throw forbiddenRequest(kind.groupResource, metadata.name, why);
}

function hasRight(
  { authorizer }: ApiContext,
  user: UserInfo,
  verb: string,
  resource: string,
  namespace: string | undefined,
  name: string,
): boolean {
  const base = { isResource: true, user, verb, group: RBAC_GROUP, version: 'v1', subresource: undefined } as const;
  return authorizer.authorize({ ...base, resource, namespace, name }).allowed;
}

/** What the garbage collector changes is no gift to anybody. */
function onlyOwnersDiffer(draft: KubeObject, old: KubeObject): boolean {
  const { finalizers, ownerReferences } = draft.metadata;
  return isDeepStrictEqual(withoutServerMeta(draft, {}), withoutServerMeta(old, { finalizers, ownerReferences }));
}

function withoutServerMeta(object: KubeObject, meta: object): object {
  const { managedFields: _managed, resourceVersion: _version, ...metadata } = { ...object.metadata, ...meta };
  return JSON.parse(JSON.stringify({ ...object, metadata })) as object;
}
