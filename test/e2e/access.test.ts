// What a program in a pod finds to talk to the API with, and what it may do with it; what a node may not.
import { request } from 'node:https';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { apply, eventually, kubectl, kubectlRaw, layout } from './lab.js';

const MOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';
const inPod = (command: string) => kubectl('exec', '-n', 'access', 'client', '--', 'sh', '-c', command);

beforeAll(async () => {
  await kubectlRaw(['delete', 'namespace', 'access', '--ignore-not-found']);
  await kubectl('create', 'namespace', 'access');
  await kubectl('create', 'serviceaccount', 'robot', '-n', 'access');
  // At once: the account and the authority of a new namespace are there a moment later, and the pod waits for them.
  await apply(`
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: access}
spec:
  serviceAccountName: robot
  terminationGracePeriodSeconds: 1
  containers: [{name: c, image: 'busybox:1.36', command: [sleep, '1000']}]`);
  await kubectl('wait', '-n', 'access', '--for=condition=Ready', 'pod/client', '--timeout=90s');
});
afterAll(() => kubectlRaw(['delete', 'namespace', 'access', '--ignore-not-found', '--wait=false']));

/** As a program in the pod would ask, with what it finds there; the API server has the same certificate at all its addresses. */
async function asPod(path: string): Promise<{ code: number; body: { kind: string; message?: string } }> {
  const [token, ca] = [await inPod(`cat ${MOUNT}/token`), await inPod(`cat ${MOUNT}/ca.crt`)];
  const { server } = JSON.parse(await kubectl('config', 'view', '--raw', '-o', 'json')).clusters[0].cluster;
  return new Promise((resolve, reject) => {
    const outgoing = request(`${server}${path}`, { ca, agent: false, headers: { authorization: `Bearer ${token}` } }, (response) => {
      let text = '';
      response.on('data', (chunk) => (text += chunk));
      response.on('end', () => resolve({ code: response.statusCode!, body: JSON.parse(text) }));
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}

it('a pod finds a token, the authority, its namespace and the way to the API', async () => {
  expect(await inPod(`cat ${MOUNT}/namespace`)).toBe('access');
  expect(await inPod('echo $KUBERNETES_SERVICE_HOST:$KUBERNETES_SERVICE_PORT')).toBe('10.96.0.1:443\n');
  expect((await asPod('/api')).body.kind).toBe('APIVersions');
  const refused = await asPod('/api/v1/namespaces/access/pods');
  expect([refused.code, refused.body.message]).toEqual([
    403,
    'pods is forbidden: User "system:serviceaccount:access:robot" cannot list resource "pods" in API group "" in the namespace "access"',
  ]);
});

it('a pod may do what its account is given', async () => {
  await kubectl('create', 'rolebinding', 'views', '-n', 'access', '--clusterrole=view', '--serviceaccount=access:robot');
  await eventually('it may list pods', async () => (await asPod('/api/v1/namespaces/access/pods')).code === 200, 10);
  expect((await asPod('/api/v1/namespaces/access/secrets')).code).toBe(403);
  expect((await asPod('/api/v1/pods')).code).toBe(403);
});

it('a pod has a token that is its own: bound to it and to its node', async () => {
  const token = await inPod(`cat ${MOUNT}/token`);
  const claims = JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString())['kubernetes.io'];
  const pod = JSON.parse(await kubectl('get', 'pod', 'client', '-n', 'access', '-o', 'json'));
  expect(claims).toMatchObject({
    namespace: 'access',
    pod: { name: 'client', uid: pod.metadata.uid },
    node: { name: pod.spec.nodeName },
    serviceaccount: { name: 'robot' },
  });
});

it('a node sees of config maps what its pods need, and gets its own pods only', async () => {
  const as = (node: string) => ['--as', `system:node:${node}`, '--as-group', 'system:nodes'];
  const node = JSON.parse(await kubectl('get', 'pod', 'client', '-n', 'access', '-o', 'json')).spec.nodeName as string;
  const other = layout.nodeList.map(({ name }) => name).find((name) => name !== node)!;
  await kubectl('get', 'configmap', 'kube-root-ca.crt', '-n', 'access', ...as(node));
  expect((await kubectlRaw(['get', 'configmap', 'kube-root-ca.crt', '-n', 'access', ...as(other)])).stderr).toContain(
    `no relationship found between node '${other}' and this object`,
  );
  expect((await kubectlRaw(['delete', 'node', node, ...as(node)])).stderr).toContain('forbidden');
  // Lists of pods are what network policies are made from, as with any network plugin; each pod by itself is its own node's.
  expect((await kubectlRaw(['get', 'pod', 'client', '-n', 'access', ...as(other)])).stderr).toContain(
    `no relationship found between node '${other}' and this object`,
  );
});
