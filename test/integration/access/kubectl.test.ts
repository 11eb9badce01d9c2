// Who may do what, as the real kubectl asks and is told: each version, in its own encoding.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../../suites/apiserver.js';
import { ALL_KUBECTL_VERSIONS, Kubectl } from '../../suites/kubectl.js';

describe.each(ALL_KUBECTL_VERSIONS)('kubectl %s', (version) => {
  let api: TestServer;
  let kubectl: Kubectl;

  beforeAll(async () => {
    api = await startTestServer();
    kubectl = new Kubectl(version, api.kubeconfig, join(api.dir, 'home'));
    await kubectl.ok(['create', 'namespace', 'dev']);
    await kubectl.ok(['create', 'serviceaccount', 'robot', '-n', 'dev']);
    await kubectl.ok(['create', 'role', 'reader', '-n', 'dev', '--verb=get,list', '--resource=pods,pods/log']);
    await kubectl.ok(['create', 'rolebinding', 'readers', '-n', 'dev', '--role=reader', '--user=jane', '--serviceaccount=dev:robot']);
    await kubectl.ok(['create', 'clusterrole', 'granter', '--verb=create,get,update,patch', '--resource=roles,rolebindings']);
    await kubectl.ok(['create', 'clusterrolebinding', 'granters', '--clusterrole=granter', '--user=jane']);
  });
  afterAll(() => api?.stop());

  it('asks what one may do', async () => {
    expect(await kubectl.ok(['auth', 'can-i', 'delete', 'nodes'])).toBe('yes\n');
    const asks: readonly (readonly [string, ...string[]])[] = [
      ['yes', 'list', 'pods', '-n', 'dev', '--as=jane'],
      ['no', 'list', 'pods', '-n', 'default', '--as=jane'],
      ['no', 'delete', 'pods', '-n', 'dev', '--as=jane'],
      ['yes', 'get', 'pods', '--subresource=log', '-n', 'dev', '--as=jane'],
      ['yes', 'list', 'pods', '-n', 'dev', '--as=system:serviceaccount:dev:robot'],
      ['no', 'list', 'pods', '-n', 'dev', '--as=nobody'],
      ['yes', 'get', '/version', '--as=nobody'],
      ['no', 'get', '/metrics', '--as=nobody'],
      ['yes', 'get', '/anything', '--as=x', '--as-group=system:masters'],
    ];
    for (const [answer, ...args] of asks) {
      const { stdout, code } = await kubectl.run(['auth', 'can-i', ...args]);
      expect([args.join(' '), stdout.split('\n')[0]!.split(' ')[0], code]).toEqual([args.join(' '), answer, answer === 'yes' ? 0 : 1]);
    }
  });

  it('lists what one may do', async () => {
    const list = await kubectl.ok(['auth', 'can-i', '--list', '-n', 'dev', '--as=jane']);
    expect(list).toMatch(/pods +\[\] +\[\] +\[get list\]/);
    expect(list).toMatch(/selfsubjectaccessreviews\.authorization\.k8s\.io +\[\] +\[\] +\[create\]/);
    expect(list).toMatch(/\[\/version\] +\[\] +\[get\]/);
    expect(await kubectl.ok(['auth', 'can-i', '--list'])).toMatch(/\*\.\* +\[\] +\[\] +\[\*\]/);
  });

  it('is refused in upstream’s words', async () => {
    expect(await kubectl.fails(['get', 'secrets', '-n', 'dev', '--as=jane'])).toBe(
      'Error from server (Forbidden): secrets is forbidden: User "jane" cannot list resource "secrets" in API group "" in the namespace "dev"\n',
    );
    expect(await kubectl.fails(['get', 'pods', '--as=jane', '--as-group=dev', '-A'])).toContain('at the cluster scope');
    const jane = await kubectl.fails(['delete', 'namespace', 'dev', '--as=jane']);
    expect(jane).toContain(
      'namespaces "dev" is forbidden: User "jane" cannot delete resource "namespaces" in API group "" in the namespace "dev"',
    );
  });

  it('cannot act as others without the right to', async () => {
    const config = JSON.parse(JSON.stringify(await userConfig()));
    const file = join(api.dir, 'robot-kubeconfig');
    writeFileSync(file, JSON.stringify(config));
    const robot = new Kubectl(version, file, join(api.dir, 'robot-home'));
    expect(await robot.ok(['get', 'pods', '-n', 'dev'])).toBe('');
    expect(await robot.fails(['get', 'pods', '-n', 'dev', '--as=jane'])).toContain(
      'users "jane" is forbidden: User "system:serviceaccount:dev:robot" cannot impersonate resource "users" in API group "" at the cluster scope',
    );
    if (version !== '1.20') {
      const who = await robot.ok(['auth', 'whoami', '-o', 'json']);
      expect(JSON.parse(who).status.userInfo).toMatchObject({
        username: 'system:serviceaccount:dev:robot',
        groups: ['system:serviceaccounts', 'system:serviceaccounts:dev', 'system:authenticated'],
        extra: { 'authentication.kubernetes.io/credential-id': [expect.stringMatching(/^JTI=/)] },
      });
    }
  });

  /** A kubeconfig with a token of dev/robot; made by hand where kubectl is too old to make it. */
  async function userConfig() {
    const { clusters } = JSON.parse(await kubectl.ok(['config', 'view', '--raw', '-o', 'json'])) as { clusters: unknown[] };
    const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { audiences: [] } };
    const path = '/api/v1/namespaces/dev/serviceaccounts/robot/token';
    const token =
      version === '1.20'
        ? JSON.parse(await kubectl.ok(['create', '--raw', path, '-f', '-'], JSON.stringify(body))).status.token
        : (await kubectl.ok(['create', 'token', 'robot', '-n', 'dev', '--duration=1h'])).trim();
    return {
      apiVersion: 'v1',
      kind: 'Config',
      clusters,
      users: [{ name: 'robot', user: { token } }],
      contexts: [{ name: 'robot', context: { cluster: 'test', user: 'robot' } }],
      'current-context': 'robot',
    };
  }

  it('gives away no more than one has', async () => {
    const fails = await kubectl.fails(['create', 'role', 'too-much', '-n', 'dev', '--verb=get', '--resource=secrets', '--as=jane']);
    expect(fails).toContain('roles.rbac.authorization.k8s.io "too-much" is forbidden: user "jane" (groups=["system:authenticated"])');
    expect(fails).toContain(
      'is attempting to grant RBAC permissions not currently held:\n{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}',
    );
    await kubectl.ok(['create', 'role', 'enough', '-n', 'dev', '--verb=get', '--resource=pods', '--as=jane']);
    const binding = ['create', 'rolebinding', '-n', 'dev', '--user=joe', '--as=jane'];
    expect(await kubectl.fails([...binding, 'all', '--clusterrole=cluster-admin'])).toContain('not currently held');
    expect(await kubectl.fails([...binding, 'none', '--role=nowhere'])).toContain('roles.rbac.authorization.k8s.io "nowhere" not found');
    await kubectl.ok([...binding, 'joes', '--role=enough']);
    await kubectl.ok(['create', 'clusterrole', 'binder', '--verb=bind', '--resource=clusterroles', '--resource-name=view']);
    await kubectl.ok(['create', 'clusterrolebinding', 'binders', '--clusterrole=binder', '--user=jane']);
    await expect.poll(async () => (await kubectl.run([...binding, 'views', '--clusterrole=view'])).code).toBe(0);
  });

  it('reconciles roles, and shows them', async () => {
    const file = join(api.dir, 'roles.yaml');
    const rules = (verbs: string) => `rules: [{ apiGroups: [""], resources: [configmaps], verbs: [${verbs}] }]`;
    const role = (verbs: string) =>
      `apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: { name: kept, namespace: dev }\n${rules(verbs)}\n`;
    writeFileSync(file, role('get'));
    expect(await kubectl.ok(['auth', 'reconcile', '-f', file])).toContain('role.rbac.authorization.k8s.io/kept reconciled');
    writeFileSync(file, role('list'));
    await kubectl.ok(['auth', 'reconcile', '-f', file]);
    const kept = JSON.parse(await kubectl.ok(['get', 'role', 'kept', '-n', 'dev', '-o', 'json']));
    expect(kept.rules.map(({ verbs }: { verbs: string[] }) => verbs)).toEqual([['get'], ['list']]);
    expect(await kubectl.ok(['get', 'role', 'reader', '-n', 'dev'])).toMatch(
      /^NAME +CREATED AT\nreader +\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\n$/,
    );
    expect(await kubectl.ok(['get', 'rolebinding', 'readers', '-n', 'dev', '-o', 'wide'])).toMatch(
      /^NAME +ROLE +AGE +USERS +GROUPS +SERVICEACCOUNTS\nreaders +Role\/reader +\d+s +jane +dev\/robot\n$/,
    );
    expect(await kubectl.ok(['describe', 'clusterrole', 'system:basic-user'])).toContain('selfsubjectreviews.authentication.k8s.io');
    const changed = ['patch', 'rolebinding', 'readers', '-n', 'dev', '--type=merge', '-p', '{"roleRef":{"name":"other"}}'];
    expect(await kubectl.fails(changed)).toContain('cannot change roleRef');
  });
});
