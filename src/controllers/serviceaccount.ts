// Watches namespaces; keeps a ServiceAccount named default in each.
import { isBeingDeleted, parseKey } from '../apimachinery/object.js';
import { isStatus } from '../apimachinery/status.js';
import { namespaces } from '../kinds/core/namespace.js';
import { serviceAccounts } from '../kinds/core/serviceaccount.js';
import { SERVICE_ACCOUNT_DEFAULT } from '../kinds/wellknown.js';
import { defineController } from './define.js';

export const serviceAccount = defineController({
  name: 'serviceaccount',
  serviceAccount: 'service-account-controller',
  inputs: [namespaces, serviceAccounts.mapped(({ metadata }) => (metadata.name === SERVICE_ACCOUNT_DEFAULT ? [metadata.namespace!] : []))],
  outputs: [serviceAccounts],
  async reconcile(key, context) {
    const namespace = context.get(namespaces, parseKey(key));
    if (!namespace || isBeingDeleted(namespace)) return;
    const metadata = { name: SERVICE_ACCOUNT_DEFAULT, namespace: namespace.metadata.name };
    if (context.get(serviceAccounts, metadata)) return;
    try {
      await context.client.create(serviceAccounts, { metadata });
    } catch (error) {
      if (!isStatus(error, 'AlreadyExists')) throw error;
    }
  },
});
