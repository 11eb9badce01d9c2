// What RBAC allows and says: a table, and for any policy and any request the same as reading every binding one by one.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Attributes } from '../../../../src/apiserver/authorization/attributes.js';
import { RbacAuthorizer } from '../../../../src/apiserver/authorization/rbac.js';
import { RoleIndex } from '../../../../src/apiserver/authorization/role-index.js';
import type { ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding } from '../../../../src/kinds/types/rbac_v1.js';
import { account, binding, group, indexOf, put, remove, role, user } from './policies.js';

const readPods: PolicyRule = { verbs: ['get', 'list'], apiGroups: [''], resources: ['pods', 'pods/log'] };

const rbac = new RbacAuthorizer(
  indexOf(
    role('reader', readPods),
    role('one', { verbs: ['update'], apiGroups: [''], resources: ['configmaps'], resourceNames: ['settings'] }),
    role('scaler', { verbs: ['*'], apiGroups: ['*'], resources: ['*/scale'] }),
    role('all', { verbs: ['*'], apiGroups: ['*'], resources: ['*'] }),
    role('paths', { verbs: ['get'], nonResourceURLs: ['/healthz', '/logs/*'] }),
    role('dev/writer', { verbs: ['create'], apiGroups: ['apps'], resources: ['deployments'] }),
    binding('readers', 'reader', group('team')),
    binding('dev/named', 'one', user('jane')),
    binding('dev/writers', 'Role:writer', account('builder'), account('robot', 'ci')),
    binding('scalers', 'scaler', user('scaler')),
    binding('admins', 'all', user('root')),
    binding('paths', 'paths', user('jane')),
    binding('dev/gone', 'Role:nowhere', user('lost')),
    binding('gone', 'nothing', user('lost')),
  ),
);

const ask = (who: string, verb: string, what: string, namespace?: string, name?: string): Attributes => {
  const [resource, subresource] = what.split(':')[0]!.split('/') as [string, string?];
  const who_ = { name: who.split('@')[0]!, groups: who.split('@').slice(1) };
  if (what.startsWith('/')) return { isResource: false, user: who_, verb, path: what };
  return { isResource: true, user: who_, verb, group: what.split(':')[1] ?? '', version: 'v1', resource, subresource, namespace, name };
};

describe('RBAC', () => {
  it.each([
    ['a group everywhere', ask('bob@team', 'list', 'pods'), 'ClusterRoleBinding "readers" of ClusterRole "reader" to Group "team"'],
    [
      'also in a namespace',
      ask('bob@team', 'get', 'pods', 'dev', 'x'),
      'ClusterRoleBinding "readers" of ClusterRole "reader" to Group "team"',
    ],
    [
      'a subresource that is named',
      ask('bob@team', 'get', 'pods/log', 'dev', 'x'),
      'ClusterRoleBinding "readers" of ClusterRole "reader" to Group "team"',
    ],
    [
      'one object by its name',
      ask('jane', 'update', 'configmaps', 'dev', 'settings'),
      'RoleBinding "named/dev" of ClusterRole "one" to User "jane"',
    ],
    [
      "a service account of the binding's namespace",
      ask('system:serviceaccount:dev:builder', 'create', 'deployments:apps', 'dev'),
      'RoleBinding "writers/dev" of Role "writer" to ServiceAccount "builder/dev"',
    ],
    [
      'a service account of another namespace',
      ask('system:serviceaccount:ci:robot', 'create', 'deployments:apps', 'dev'),
      'RoleBinding "writers/dev" of Role "writer" to ServiceAccount "robot/ci"',
    ],
    [
      'a subresource of everything',
      ask('scaler', 'patch', 'deployments/scale:apps', 'x', 'y'),
      'ClusterRoleBinding "scalers" of ClusterRole "scaler" to User "scaler"',
    ],
    [
      'everything',
      ask('root', 'escalate', 'whatever/sub:example.com', 'x', 'y'),
      'ClusterRoleBinding "admins" of ClusterRole "all" to User "root"',
    ],
    ['a path', ask('jane', 'get', '/healthz'), 'ClusterRoleBinding "paths" of ClusterRole "paths" to User "jane"'],
    ['a path below', ask('jane', 'get', '/logs/a/b'), 'ClusterRoleBinding "paths" of ClusterRole "paths" to User "jane"'],
  ])('allows %s and says by what', (_, attributes, reason) => {
    expect(rbac.authorize(attributes)).toEqual({ allowed: true, reason: `RBAC: allowed by ${reason}` });
  });

  it.each([
    ['a verb that is not granted', ask('bob@team', 'delete', 'pods')],
    ['a subresource that is not named', ask('bob@team', 'get', 'pods/exec', 'dev', 'x')],
    ['another group', ask('bob@team', 'list', 'pods:metrics.k8s.io')],
    ['another name', ask('jane', 'update', 'configmaps', 'dev', 'others')],
    ['no name', ask('jane', 'update', 'configmaps', 'dev')],
    ['another namespace', ask('jane', 'update', 'configmaps', 'prod', 'settings')],
    ['the whole cluster by a binding of a namespace', ask('jane', 'update', 'configmaps', undefined, 'settings')],
    ['an account of that name elsewhere', ask('system:serviceaccount:prod:builder', 'create', 'deployments:apps', 'dev')],
    ['the resource where only its scale is granted', ask('scaler', 'patch', 'deployments:apps', 'x', 'y')],
    ['paths by rules about resources', ask('root', 'get', '/metrics')],
    ['a path that only begins alike', ask('jane', 'get', '/healthz/etcd')],
    ['a user who is called like a group', ask('team', 'list', 'pods')],
  ])('does not allow %s', (_, attributes) => {
    expect(rbac.authorize(attributes)).toEqual({ allowed: false, reason: '' });
  });

  it('names the roles that bindings miss', () => {
    const missing = 'clusterrole.rbac.authorization.k8s.io "nothing" not found';
    expect(rbac.authorize(ask('lost', 'get', 'pods')).reason).toBe(`RBAC: ${missing}`);
    expect(rbac.authorize(ask('lost', 'get', 'pods', 'dev')).reason).toBe(
      `RBAC: [${missing}, role.rbac.authorization.k8s.io "nowhere" not found]`,
    );
  });
});

type Policy = Role | ClusterRole | RoleBinding | ClusterRoleBinding;

const word = (...values: string[]) => fc.constantFrom(...values);
const some = (...values: string[]) => fc.uniqueArray(word(...values), { minLength: 1, maxLength: 2 });
const anyRule: fc.Arbitrary<PolicyRule> = fc.oneof(
  fc.record({
    verbs: some('get', 'list', '*'),
    apiGroups: some('', 'apps', '*'),
    resources: some('pods', 'pods/log', '*', '*/log'),
    resourceNames: fc.oneof(fc.constant([]), some('a', 'b')),
  }),
  fc.record({ verbs: some('get', '*'), nonResourceURLs: some('/a', '/a/*', '*') }),
);
const place = fc.option(word('n1', 'n2'), { nil: undefined });
const pathed = (name: string, namespace: string | undefined) => (namespace ? `${namespace}/${name}` : name);
const anySubject = fc.oneof(
  word('u1', 'u2').map(user),
  word('g1', 'g2').map(group),
  fc.tuple(word('s1'), place).map(([name, ns]) => account(name, ns)),
);
const anyPolicy: fc.Arbitrary<Policy> = fc.oneof(
  fc.tuple(word('r1', 'r2'), place, fc.array(anyRule, { maxLength: 2 })).map(([name, ns, rules]) => role(pathed(name, ns), ...rules)),
  fc
    .tuple(word('b1', 'b2'), place, word('r1', 'Role:r1', 'r2', 'Role:r2'), fc.array(anySubject, { maxLength: 3 }))
    .filter(([, ns, to]) => ns !== undefined || !to.startsWith('Role:'))
    .map(([name, ns, to, subjects]) => binding(pathed(name, ns), to, ...subjects)),
);
const anyAttributes: fc.Arbitrary<Attributes> = fc
  .tuple(
    word('u1', 'u2', 'system:serviceaccount:n1:s1', 'system:serviceaccount:n2:s1'),
    fc.uniqueArray(word('g1', 'g2', 'g3')),
    word('get', 'list'),
  )
  .chain(([name, groups, verb]) =>
    fc.oneof(
      fc.record({ path: word('/a', '/a/b', '/c') }).map(({ path }) => ({ isResource: false, user: { name, groups }, verb, path }) as const),
      fc
        .tuple(
          word('', 'apps', 'x'),
          word('pods', 'jobs'),
          fc.option(word('log', 'exec'), { nil: undefined }),
          place,
          fc.option(word('a', 'c'), { nil: undefined }),
        )
        .map(
          ([group_, resource, subresource, namespace, object]) =>
            ({
              isResource: true,
              user: { name, groups },
              verb,
              group: group_,
              version: 'v1',
              resource,
              subresource,
              namespace,
              name: object,
            }) as const,
        ),
    ),
  );

/** By the book: every binding, every subject, every rule, nothing prepared. */
function naively(objects: readonly Policy[], a: Attributes): boolean {
  const bindings = objects.filter((object): object is RoleBinding => 'roleRef' in object);
  const applies = bindings.filter(({ metadata, subjects = [] }) => {
    if (metadata.namespace !== undefined && !(a.isResource && a.namespace === metadata.namespace)) return false;
    return subjects.some(({ kind, name, namespace }) => {
      if (kind === 'User') return name === a.user.name;
      if (kind === 'Group') return a.user.groups.includes(name);
      return a.user.name === `system:serviceaccount:${namespace || metadata.namespace}:${name}`;
    });
  });
  return applies.some(({ roleRef, metadata }) => {
    const found = objects.find(
      (object) =>
        !('roleRef' in object) &&
        object.kind === roleRef.kind &&
        object.metadata.name === roleRef.name &&
        object.metadata.namespace === (roleRef.kind === 'Role' ? metadata.namespace : undefined),
    ) as Role | undefined;
    return (found?.rules ?? []).some((rule) => ruleAllows(rule, a));
  });
}

const hit = (values: readonly string[] = [], wanted: string) => values.some((value) => value === '*' || value === wanted);

function ruleAllows(rule: PolicyRule, a: Attributes): boolean {
  if (!hit(rule.verbs, a.verb)) return false;
  if (!a.isResource)
    return (rule.nonResourceURLs ?? []).some(
      (url) => url === '*' || url === a.path || (url.endsWith('*') && a.path.startsWith(url.slice(0, -1))),
    );
  const what = a.subresource ? `${a.resource}/${a.subresource}` : a.resource;
  const resource = (rule.resources ?? []).some(
    (each) => each === '*' || each === what || (a.subresource !== undefined && each === `*/${a.subresource}`),
  );
  const names = rule.resourceNames ?? [];
  return resource && hit(rule.apiGroups, a.group) && (names.length === 0 || (a.name !== undefined && names.includes(a.name)));
}

const keyOf = (object: Policy) => `${object.kind} ${object.metadata.namespace ?? ''}/${object.metadata.name}`;

describe('RBAC, for any policy', () => {
  it('decides as reading every binding would, while objects come, change and go', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(anyPolicy, fc.boolean()), { maxLength: 12 }),
        fc.array(anyAttributes, { minLength: 1, maxLength: 5 }),
        (changes, requests) => {
          const index = new RoleIndex();
          const now = new Map<string, Policy>();
          for (const [object, goes] of changes) {
            const known = now.get(keyOf(object));
            if (goes && known) {
              remove(index, known);
              now.delete(keyOf(object));
            } else {
              put(index, object);
              now.set(keyOf(object), object);
            }
          }
          const indexed = new RbacAuthorizer(index);
          for (const request of requests) expect(indexed.authorize(request).allowed).toBe(naively([...now.values()], request));
        },
      ),
      { numRuns: 500 },
    );
  });
});
