// The bootstrap signer on a real API server, with no more than its own rights.
import { afterEach, beforeEach, test } from 'vitest';
import { configMaps } from '../../../src/kinds/core/configmap.js';
import { secrets } from '../../../src/kinds/core/secret.js';
import { type Cluster, startCluster } from './harness.js';

let cluster: Cluster;

beforeEach(async () => {
  cluster = await startCluster();
});
// Fails where anything was refused.
afterEach(() => cluster.stop());

test('cluster-info is signed by the tokens that are there', async () => {
  const info = { namespace: 'kube-public', name: 'cluster-info' };
  await cluster.client.create(configMaps, { metadata: { ...info }, data: { kubeconfig: 'text' } });
  const fields = { 'token-id': 'abcdef', 'token-secret': '0123456789abcdef', 'usage-bootstrap-signing': 'true' };
  const data = Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, Buffer.from(value).toString('base64')]));
  const metadata = { namespace: 'kube-system', name: 'bootstrap-token-abcdef' };
  await cluster.client.create(secrets, { metadata: { ...metadata }, type: 'bootstrap.kubernetes.io/token', data });
  const signatures = async () =>
    Object.keys((await cluster.client.get(configMaps, info)).data ?? {}).filter((name) => name.startsWith('jws-'));
  await cluster.until('it is signed', async () => (await signatures()).includes('jws-kubeconfig-abcdef'));
  await cluster.client.delete(secrets, metadata);
  await cluster.until('it is not signed any more', async () => (await signatures()).length === 0);
});
