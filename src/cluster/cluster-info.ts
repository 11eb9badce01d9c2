// The ConfigMap cluster-info: how the cluster is reached and by which CA it is known, for everybody to read, as kubeadm keeps it.
import { stringify } from 'yaml';
import { isStatus } from '../apimachinery/status.js';
import type { Client } from '../client/client.js';
import { configMaps } from '../kinds/core/configmap.js';
import { CONFIG_MAP_CLUSTER_INFO, NAMESPACE_PUBLIC } from '../kinds/wellknown.js';

/** Made where it is missing: whoever has put another address in it, such as a load balancer's, keeps that. */
export async function ensureClusterInfo(client: Client, server: string, ca: string): Promise<void> {
  const name = { namespace: NAMESPACE_PUBLIC, name: CONFIG_MAP_CLUSTER_INFO };
  try {
    await client.get(configMaps, name);
    return;
  } catch (error) {
    if (!isStatus(error, 'NotFound')) throw error;
  }
  const cluster = { 'certificate-authority-data': Buffer.from(ca).toString('base64'), server };
  const head = { apiVersion: 'v1', kind: 'Config' };
  const kubeconfig = stringify({
    ...head,
    clusters: [{ name: '', cluster }],
    contexts: null,
    'current-context': '',
    preferences: {},
    users: null,
  });
  try {
    await client.create(configMaps, { metadata: { ...name }, data: { kubeconfig } });
  } catch (error) {
    // Another server of the same cluster was faster.
    if (!isStatus(error, 'AlreadyExists')) throw error;
  }
}
