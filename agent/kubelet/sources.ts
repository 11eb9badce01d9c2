// The API objects that pods refer to: ConfigMaps and Secrets by name when asked for, Services from the informer.
import type { KubeObject } from '../../src/apimachinery/object.js';
import { StatusError } from '../../src/apimachinery/status.js';
import type { Client } from '../../src/client/client.js';
import type { Informers } from '../../src/client/informer.js';
import { configMaps } from '../../src/kinds/core/configmap.js';
import { secrets } from '../../src/kinds/core/secret.js';
import { services } from '../../src/kinds/core/service.js';
import type { Kind } from '../../src/kinds/define.js';
import { NAMESPACE_DEFAULT } from '../../src/kinds/wellknown.js';
import type { PodSources } from './services.js';

/** The informer of Services is kube-proxy's too, so it costs nothing more. */
export function apiSources(client: Client, informers: Informers): PodSources {
  const informer = informers.of(services);
  return {
    configMap: (namespace, name) => found(client, configMaps, namespace, name),
    secret: (namespace, name) => found(client, secrets, namespace, name),
    services(namespace) {
      const api = informer.get({ namespace: NAMESPACE_DEFAULT, name: 'kubernetes' });
      const own = informer.list(namespace);
      return api && namespace !== NAMESPACE_DEFAULT ? [api, ...own] : own;
    },
    whenServicesKnown: (signal) => informer.whenSynced(signal),
  };
}

async function found<T extends KubeObject>(client: Client, kind: Kind<T>, namespace: string, name: string): Promise<T | undefined> {
  try {
    return await client.get(kind, { namespace, name });
  } catch (error) {
    if (error instanceof StatusError && error.code === 404) return undefined;
    throw error;
  }
}
