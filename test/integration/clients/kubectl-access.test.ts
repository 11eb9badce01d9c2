// kubectl's verbs for who may do what: auth, certificates, other identities.
import { expect } from 'vitest';
import { makeKey, makeSigningRequest } from '../../../src/client/certificates.js';
import { until } from '../../suites/until.js';
import { kubectlVerbs } from './kubectl-verbs.js';

const verb = kubectlVerbs();

verb('auth can-i', async (k) => {
  expect(await k.ok('auth can-i create pods')).toBe('yes\n');
  await k.ok('create role reader --verb=get,list --resource=pods');
  await k.ok('create rolebinding jane --role=reader --user=jane');
  const jane = (question: string) => k.run(`auth can-i ${question} --as=jane`);
  expect(await jane('get pods')).toMatchObject({ code: 0, stdout: 'yes\n' });
  expect(await jane('delete pods')).toMatchObject({ code: 1, stdout: 'no\n' });
  expect(await jane('get pods -n default')).toMatchObject({ code: 1, stdout: 'no\n' });
  expect(await jane('get pods --subresource=log')).toMatchObject({ code: 1, stdout: 'no\n' });
  expect(await k.ok('auth can-i --list --as=jane')).toMatch(/^pods +\[\] +\[\] +\[get list\]$/m);
});

verb('auth reconcile', async (k) => {
  const role = (...verbs: string[]) =>
    JSON.stringify({
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: { name: 'r', namespace: k.namespace },
      rules: [{ apiGroups: [''], resources: ['pods'], verbs }],
    });
  const reconcile = `auth reconcile -n ${k.namespace} -f -`;
  await k.ok(reconcile, role('get'));
  await k.ok(reconcile, role('list'));
  expect(await k.get('role/r', '.rules[*].verbs')).toMatch(/get.*list/);
  await k.ok(`${reconcile} --remove-extra-permissions`, role('list'));
  expect(await k.get('role/r', '.rules[*].verbs')).toBe('["list"]');
});

verb(
  'auth whoami',
  async (k) => {
    expect((await k.json('auth whoami')).status.userInfo).toMatchObject({
      username: 'kubernetes-admin',
      groups: expect.arrayContaining(['system:authenticated']),
    });
    expect(await k.ok('auth whoami --as=jane --as-group=staff')).toMatch(/Username +jane\nGroups +\[staff system:authenticated\]/);
  },
  '1.29',
);

verb('--as', async (k) => {
  expect(await k.fails('get pods --as=jane')).toBe(
    `Error from server (Forbidden): pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "${k.namespace}"\n`,
  );
  await k.ok('create rolebinding jane --clusterrole=edit --group=staff');
  await k.ok('create configmap c --as=jane --as-group=staff');
  expect(await k.fails('create role r --verb=get --resource=pods --as=jane --as-group=staff')).toContain('cannot create resource "roles"');
});

verb('--token', async (k) => {
  await k.ok('create serviceaccount robot');
  await k.ok(`create rolebinding robot --clusterrole=view --serviceaccount=${k.namespace}:robot`);
  const body = JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} });
  const { status } = JSON.parse(await k.ok(`create --raw /api/v1/namespaces/${k.namespace}/serviceaccounts/robot/token -f -`, body));
  const robot = `${k.nobody()} --token=${status.token}`;
  expect(await k.ok(`get pods ${robot}`)).toBe('');
  expect(await k.fails(`create configmap c ${robot}`)).toContain(
    `User "system:serviceaccount:${k.namespace}:robot" cannot create resource "configmaps"`,
  );
});

verb('certificate approve, deny', async (k) => {
  const key = makeKey();
  const request = await makeSigningRequest({ subject: { commonName: 'jane', organizations: ['staff'] }, key });
  const csr = (name: string) =>
    JSON.stringify({
      apiVersion: 'certificates.k8s.io/v1',
      kind: 'CertificateSigningRequest',
      metadata: { name },
      spec: {
        request: Buffer.from(request).toString('base64'),
        signerName: 'kubernetes.io/kube-apiserver-client',
        usages: ['client auth'],
      },
    });
  const [yes, no] = [`${k.namespace}-yes`, `${k.namespace}-no`];
  await k.ok('create -f -', csr(yes));
  await k.ok('create -f -', csr(no));
  expect(await k.ok(`get csr ${no} --no-headers`)).toContain('Pending');
  expect(await k.ok(`certificate approve ${yes}`)).toContain('approved');
  expect(await k.ok(`certificate deny ${no}`)).toContain('denied');
  expect(await k.ok(`get csr ${no} --no-headers`)).toContain('Denied');
  await until('it is signed', async () => (await k.get(`csr/${yes}`, '.status.certificate')) !== '');
  const certificate = Buffer.from(await k.get(`csr/${yes}`, '.status.certificate'), 'base64').toString();
  const jane = `--client-certificate=${k.file('jane.crt', certificate)} --client-key=${k.file('jane.key', key)}`;
  expect(await k.fails(`get pods ${k.nobody()} ${jane}`)).toContain('User "jane" cannot list resource "pods"');
});
