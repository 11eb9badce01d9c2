// Reads the default policy's text: roles headed by `role NAME`, then one rule a line: verbs, groups, resources and, where it is
// about single objects, their names; or verbs, `url` and paths. `core` is the group without a name.
import type { Mutable } from '../../kinds/define.js';
import { RBAC_GROUP } from '../../kinds/rbac/policy-rules.js';
import type { ClusterRole, PolicyRule, Role, RoleBinding, Subject } from '../../kinds/types/rbac_v1.js';

const VERBS: { readonly [name: string]: readonly string[] } = {
  READ: ['get', 'list', 'watch'],
  WRITE: ['create', 'delete', 'deletecollection', 'patch', 'update'],
  ALL: ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'],
};
const EVENTS_RULE: PolicyRule = { apiGroups: ['', 'events.k8s.io'], resources: ['events'], verbs: ['create', 'patch', 'update'] };
const AGGREGATE = 'rbac.authorization.k8s.io/aggregate-to-';

/** As reconciled: which the cluster's owner may set to false to keep what they changed. */
export const ANNOTATION_AUTOUPDATE = 'rbac.authorization.kubernetes.io/autoupdate';
const LABELS = { 'kubernetes.io/bootstrapping': 'rbac-defaults' };

type Named<T> = Omit<Mutable<T>, 'apiVersion' | 'kind' | 'metadata'> & {
  metadata: { name: string; namespace?: string; labels: { [key: string]: string }; annotations: { [key: string]: string } };
};
export type DefaultRole = Named<Role & Partial<Pick<ClusterRole, 'aggregationRule'>>>;
export type DefaultBinding = Named<RoleBinding>;

export function parseRules(text: string): PolicyRule[] {
  return linesOf(text).map(parseRule);
}

/** `prefix` goes before each name. */
export function parseRoles(text: string, prefix = ''): DefaultRole[] {
  const roles: DefaultRole[] = [];
  for (const line of linesOf(text)) {
    if (line.startsWith('role ')) roles.push(roleOf(line.split(/\s+/).slice(1), prefix));
    else roles.at(-1)!.rules.push(parseRule(line) as DefaultRole['rules'][number]);
  }
  return roles;
}

export function parseBindings(text: string, roleKind: 'Role' | 'ClusterRole'): DefaultBinding[] {
  return linesOf(text).map((line) => {
    const [name, role, subjects = ''] = line.split(/\s+/) as [string, string, string?];
    const roleRef = { apiGroup: RBAC_GROUP, kind: roleKind, name: role };
    return { metadata: metadataOf(name), roleRef, subjects: list(subjects).map(parseSubject) };
  });
}

const linesOf = (text: string) => text.split('\n').filter((line) => line !== '');
const list = (text: string) => text.split(',').filter((part) => part !== '');

function roleOf([name, ...options]: string[], prefix: string): DefaultRole {
  const metadata = metadataOf(prefix + name);
  const role: DefaultRole = { metadata, rules: [] };
  for (const option of options) {
    const [key, value] = option.split('=') as [string, string];
    if (key === 'aggregate-to') metadata.labels[AGGREGATE + value] = 'true';
    else role.aggregationRule = { clusterRoleSelectors: [{ matchLabels: { [AGGREGATE + value]: 'true' } }] };
  }
  return role;
}

function metadataOf(path: string): DefaultRole['metadata'] {
  const [namespace, name] = path.includes('/') ? path.split('/') : [undefined, path];
  const common = { labels: { ...LABELS }, annotations: { [ANNOTATION_AUTOUPDATE]: 'true' } };
  return { name: name!, ...(namespace ? { namespace } : {}), ...common };
}

function parseRule(line: string): PolicyRule {
  if (line === 'EVENTS') return EVENTS_RULE;
  const [verbText, groups, what, names] = line.split(/\s+/) as [string, string, string, string?];
  const verbs = list(verbText)
    .flatMap((verb) => VERBS[verb] ?? [verb])
    .sort();
  if (groups === 'url') return { nonResourceURLs: list(what), verbs };
  const apiGroups = list(groups).map((group) => (group === 'core' ? '' : group));
  return { apiGroups, resources: list(what), ...(names ? { resourceNames: list(names) } : {}), verbs };
}

/** `user:NAME`, `group:NAME` or `sa:NAMESPACE/NAME`. */
function parseSubject(text: string): Mutable<Subject> {
  const at = text.indexOf(':');
  const [kind, name] = [text.slice(0, at), text.slice(at + 1)];
  if (kind !== 'sa') return { kind: kind === 'user' ? 'User' : 'Group', apiGroup: RBAC_GROUP, name };
  const [namespace, account] = name.split('/') as [string, string];
  return { kind: 'ServiceAccount', name: account, namespace };
}
