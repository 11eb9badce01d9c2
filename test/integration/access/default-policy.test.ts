// The policy that a cluster begins with: there from the first moment, put back where it went missing, and no more than that.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { defaultClusterPolicy, reconcileDefaultPolicy } from '../../../src/apiserver/authorization/default-policy.js';
import { clusterRoles } from '../../../src/kinds/rbac/clusterrole.js';
import { clusterRoleBindings } from '../../../src/kinds/rbac/clusterrolebinding.js';
import { roles } from '../../../src/kinds/rbac/role.js';
import { roleBindings } from '../../../src/kinds/rbac/rolebinding.js';
import { startTestServer, type TestServer } from '../../suites/apiserver.js';

let server: TestServer;
beforeEach(async () => {
  server = await startTestServer();
});
afterEach(() => server.stop());

describe('the default policy', () => {
  it('has every binding lead to a role that is there', async () => {
    const { client } = server;
    const cluster = (await client.list(clusterRoles)).items.map(({ metadata }) => metadata.name);
    const namespaced = (await client.list(roles)).items.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
    expect(cluster).toEqual(
      expect.arrayContaining(['cluster-admin', 'admin', 'edit', 'view', 'system:node', 'system:controller:job-controller']),
    );
    for (const { roleRef } of (await client.list(clusterRoleBindings)).items) expect(cluster).toContain(roleRef.name);
    for (const { roleRef, metadata } of (await client.list(roleBindings)).items)
      expect(namespaced).toContain(`${metadata.namespace}/${roleRef.name}`);
  });

  it('reads as upstream writes it', async () => {
    expect(await server.client.get(clusterRoles, { name: 'system:basic-user' })).toMatchObject({
      metadata: {
        labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults' },
        annotations: { 'rbac.authorization.kubernetes.io/autoupdate': 'true' },
      },
      rules: [
        { apiGroups: ['authorization.k8s.io'], resources: ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'], verbs: ['create'] },
        { apiGroups: ['authentication.k8s.io'], resources: ['selfsubjectreviews'], verbs: ['create'] },
      ],
    });
    expect(await server.client.get(clusterRoleBindings, { name: 'system:controller:job-controller' })).toMatchObject({
      roleRef: { kind: 'ClusterRole', name: 'system:controller:job-controller' },
      subjects: [{ kind: 'ServiceAccount', name: 'job-controller', namespace: 'kube-system' }],
    });
    expect((await server.client.get(clusterRoles, { name: 'edit' })).aggregationRule).toEqual({
      clusterRoleSelectors: [{ matchLabels: { 'rbac.authorization.k8s.io/aggregate-to-edit': 'true' } }],
    });
  });

  it('writes nothing where nothing is missing', async () => {
    const before = await server.client.list(clusterRoles);
    await reconcileDefaultPolicy(server.client);
    const after = await server.client.list(clusterRoles);
    expect(after.items.map(({ metadata }) => metadata.resourceVersion)).toEqual(
      before.items.map(({ metadata }) => metadata.resourceVersion),
    );
  });

  it('puts back what went missing, keeps what was added, and leaves alone what is not to be updated', async () => {
    const { client } = server;
    const extra = { apiGroups: [''], resources: ['widgets'], verbs: ['get'] };
    const scheduler = await client.get(clusterRoles, { name: 'system:kube-scheduler' });
    await client.update(clusterRoles, { ...scheduler, rules: [extra] });
    const dns = await client.get(clusterRoles, { name: 'system:kube-dns' });
    await client.update(clusterRoles, {
      ...dns,
      metadata: { ...dns.metadata, annotations: { 'rbac.authorization.kubernetes.io/autoupdate': 'false' } },
      rules: [],
    });
    const binding = await client.get(clusterRoleBindings, { name: 'system:discovery' });
    await client.update(clusterRoleBindings, {
      ...binding,
      subjects: [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'bob' }],
    });
    await client.delete(clusterRoleBindings, { name: 'system:basic-user' });

    await reconcileDefaultPolicy(client);

    const wanted = defaultClusterPolicy().roles.find(({ metadata }) => metadata.name === 'system:kube-scheduler')!;
    expect((await client.get(clusterRoles, { name: 'system:kube-scheduler' })).rules).toEqual([extra, ...wanted.rules]);
    expect((await client.get(clusterRoles, { name: 'system:kube-dns' })).rules).toEqual([]);
    expect((await client.get(clusterRoleBindings, { name: 'system:discovery' })).subjects?.map(({ name }) => name)).toEqual([
      'bob',
      'system:authenticated',
    ]);
    expect((await client.get(clusterRoleBindings, { name: 'system:basic-user' })).roleRef.name).toBe('system:basic-user');
  });

  it('makes a default binding anew that leads elsewhere', async () => {
    const { client } = server;
    const { metadata, subjects, roleRef } = await client.get(clusterRoleBindings, { name: 'system:kube-dns' });
    await client.delete(clusterRoleBindings, { name: 'system:kube-dns' });
    const { name, labels, annotations } = metadata;
    await client.create(clusterRoleBindings, { metadata: { name, labels, annotations }, subjects, roleRef: { ...roleRef, name: 'view' } });
    await reconcileDefaultPolicy(client);
    expect((await client.get(clusterRoleBindings, { name: 'system:kube-dns' })).roleRef.name).toBe('system:kube-dns');
  });
});
