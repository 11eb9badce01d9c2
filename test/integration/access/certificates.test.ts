// Certificate signing requests: who may decide about one, and who may answer it, by a right over its signer.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeKey, makeSigningRequest } from '../../../src/client/certificates.js';
import { certificateSigningRequests } from '../../../src/kinds/certificates/certificatesigningrequest.js';
import { clusterRoles } from '../../../src/kinds/rbac/clusterrole.js';
import { clusterRoleBindings } from '../../../src/kinds/rbac/clusterrolebinding.js';
import type { CertificateSigningRequest } from '../../../src/kinds/types/certificates_v1.js';
import { startTestServer, type TestServer } from '../../suites/apiserver.js';
import { ask, certificateOf, type Who } from './lab.js';

const SIGNER = 'example.com/signer';
const PATH = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
let api: TestServer;
let clerk: Who;

beforeAll(async () => {
  api = await startTestServer();
  clerk = await certificateOf(api, 'clerk');
  const resources = ['certificatesigningrequests', 'certificatesigningrequests/status', 'certificatesigningrequests/approval'];
  await give('clerks', 'clerk', { apiGroups: ['certificates.k8s.io'], resources, verbs: ['*'] });
});
afterAll(() => api?.stop());

async function give(
  name: string,
  user: string,
  ...rules: { apiGroups: string[]; resources: string[]; resourceNames?: string[]; verbs: string[] }[]
) {
  await api.client.create(clusterRoles, { metadata: { name }, rules });
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name };
  await api.client.create(clusterRoleBindings, { metadata: { name }, roleRef, subjects: [{ kind: 'User', name: user }] });
}

async function wanted(name: string, signerName: string, ...organizations: string[]) {
  const request = await makeSigningRequest({ subject: { commonName: 'x', organizations }, key: makeKey() });
  return { metadata: { name }, spec: { signerName, usages: ['client auth'], request: Buffer.from(request).toString('base64') } };
}

const read = (name: string) => api.client.get(certificateSigningRequests, { name });
const put = async (name: string, sub: string, status: object) =>
  ask(api, clerk, 'PUT', `${PATH}/${name}/${sub}`, JSON.parse(JSON.stringify({ ...(await read(name)), status })));
const condition = (type: string) => ({ conditions: [{ type, status: 'True', reason: 'r', message: 'm' }] });

it('a request says who made it', async () => {
  const { body } = await ask(api, clerk, 'POST', PATH, { ...(await wanted('mine', SIGNER)) });
  expect(body.spec).toMatchObject({ username: 'clerk', groups: ['system:authenticated'] });
});

it('approving and signing each take a right over the signer, besides the right to write', async () => {
  await api.client.create<CertificateSigningRequest>(certificateSigningRequests, (await wanted('csr', SIGNER)) as never);
  expect((await put('csr', 'approval', condition('Approved'))).body.message).toBe(
    'certificatesigningrequests.certificates.k8s.io "csr" is forbidden: user not permitted to approve requests with signerName "example.com/signer"',
  );
  await give('approvers', 'clerk', {
    apiGroups: ['certificates.k8s.io'],
    resources: ['signers'],
    resourceNames: ['example.com/*'],
    verbs: ['approve'],
  });
  await expect.poll(async () => (await put('csr', 'approval', condition('Approved'))).code).toBe(200);
  const certificate = Buffer.from(api.pki.ca.cert).toString('base64');
  expect((await put('csr', 'status', { certificate })).body.message).toContain(
    'user not permitted to sign requests with signerName "example.com/signer"',
  );
  await give('signers', 'clerk', { apiGroups: ['certificates.k8s.io'], resources: ['signers'], resourceNames: [SIGNER], verbs: ['sign'] });
  await expect.poll(async () => (await put('csr', 'status', { certificate })).code).toBe(200);
  expect((await read('csr')).status).toMatchObject({ certificate, conditions: [{ type: 'Approved' }] });
});

it('nobody decides by writing the status', async () => {
  await api.client.create<CertificateSigningRequest>(certificateSigningRequests, (await wanted('undecided', SIGNER)) as never);
  expect((await put('undecided', 'status', condition('Approved'))).code).toBe(200);
  expect((await read('undecided')).status.conditions ?? []).toEqual([]);
  await put('undecided', 'approval', condition('Denied'));
  expect((await put('undecided', 'status', { conditions: [] })).code).toBe(200);
  expect((await read('undecided')).status.conditions).toMatchObject([{ type: 'Denied' }]);
});

it('no client certificate of an administrator is asked for', async () => {
  const { code, body } = await ask(api, clerk, 'POST', PATH, await wanted('root', 'kubernetes.io/kube-apiserver-client', 'system:masters'));
  expect([code, body.message]).toEqual([
    403,
    'certificatesigningrequests.certificates.k8s.io "root" is forbidden: use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed',
  ]);
});
