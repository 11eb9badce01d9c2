// Watches namespaces; keeps the ConfigMap kube-root-ca.crt in each, by which pods know the API server.
import { isBeingDeleted, parseKey } from '../apimachinery/object.js';
import { isStatus } from '../apimachinery/status.js';
import { configMaps } from '../kinds/core/configmap.js';
import { namespaces } from '../kinds/core/namespace.js';
import { CONFIG_MAP_ROOT_CA } from '../kinds/wellknown.js';
import { defineController } from './define.js';

const DESCRIPTION = {
  'kubernetes.io/description':
    'Holds the certificate authority by which pods check that they talk to the API server; it is for in-cluster clients and covers no other address.',
};

export const rootCaPublisher = defineController({
  name: 'root-ca-certificate-publisher',
  serviceAccount: 'root-ca-cert-publisher',
  inputs: [namespaces, configMaps.mapped(({ metadata }) => (metadata.name === CONFIG_MAP_ROOT_CA ? [metadata.namespace!] : []))],
  outputs: [configMaps],
  async reconcile(key, context) {
    const namespace = context.get(namespaces, parseKey(key));
    if (!namespace || isBeingDeleted(namespace)) return;
    const metadata = { name: CONFIG_MAP_ROOT_CA, namespace: namespace.metadata.name };
    const data = { 'ca.crt': context.options.rootCa };
    const existing = context.get(configMaps, metadata);
    if (existing && existing.data?.['ca.crt'] === data['ca.crt'] && Object.keys(existing.data).length === 1) return;
    try {
      if (existing) await context.client.update(configMaps, { ...existing, data });
      else await context.client.create(configMaps, { metadata: { ...metadata, annotations: DESCRIPTION }, data });
    } catch (error) {
      if (!isStatus(error, 'AlreadyExists') && !isStatus(error, 'Conflict')) throw error;
    }
  },
});
