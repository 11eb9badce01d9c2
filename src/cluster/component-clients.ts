// The control plane's components as API clients in process, each under a user of its own with no more rights than it needs.
import type { ApiServer, UserInfo } from '../apiserver/index.js';
import { ApiClient } from '../client/api-client.js';
import type { Client } from '../client/client.js';
import { serviceAccountGroups, serviceAccountUser } from '../client/jwt.js';
import { GROUP_MASTERS, NAMESPACE_SYSTEM, USER_CONTROLLER_MANAGER, USER_SCHEDULER } from '../kinds/wellknown.js';

export const CONTROLLER_MANAGER: UserInfo = { name: USER_CONTROLLER_MANAGER, groups: [] };
/** Who sets the cluster up. */
export const ADMINISTRATOR: UserInfo = { name: 'system:apiserver', groups: [GROUP_MASTERS] };
export const SCHEDULER: UserInfo = { name: USER_SCHEDULER, groups: [] };

export const componentClient = (api: Pick<ApiServer, 'transport'>, user: UserInfo): Client => new ApiClient(api.transport(user));

/** Each controller writes under its own ServiceAccount, as with kubeadm's --use-service-account-credentials. */
export function controllerClients(api: Pick<ApiServer, 'transport'>): (serviceAccount: string | undefined) => Client {
  const clients = new Map<string | undefined, Client>();
  return (serviceAccount) => {
    let client = clients.get(serviceAccount);
    if (!client) {
      const name = serviceAccount && serviceAccountUser(NAMESPACE_SYSTEM, serviceAccount);
      client = componentClient(api, name ? { name, groups: serviceAccountGroups(NAMESPACE_SYSTEM) } : CONTROLLER_MANAGER);
      clients.set(serviceAccount, client);
    }
    return client;
  };
}
