// The API objects that pods refer to: ConfigMaps and Secrets by name when asked for, Services from the informer.
import type { Clock } from '../../src/apimachinery/clock.js';
import type { Logger } from '../../src/apimachinery/logger.js';
import type { KubeObject } from '../../src/apimachinery/object.js';
import { StatusError } from '../../src/apimachinery/status.js';
import type { Client } from '../../src/client/client.js';
import type { Informers } from '../../src/client/informer.js';
import { configMaps } from '../../src/kinds/core/configmap.js';
import { persistentVolumes } from '../../src/kinds/core/persistentvolume.js';
import { persistentVolumeClaims } from '../../src/kinds/core/persistentvolumeclaim.js';
import { secrets } from '../../src/kinds/core/secret.js';
import { services } from '../../src/kinds/core/service.js';
import type { Kind } from '../../src/kinds/define.js';
import { runtimeClasses } from '../../src/kinds/node/runtimeclass.js';
import type { ConfigMap } from '../../src/kinds/types/core_v1.js';
import { CONFIG_MAP_ROOT_CA, NAMESPACE_DEFAULT } from '../../src/kinds/wellknown.js';
import { ServiceAccountTokens } from './service-account-tokens.js';
import type { PodSources } from './services.js';

/** An authority is replaced once in ten years. */
const AUTHORITY_MAX_AGE_MS = 600_000;

interface SourcesOptions {
  readonly client: Client;
  readonly informers: Informers;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The informer of Services is kube-proxy's too, so it costs nothing more. */
export function apiSources({ client, informers, clock, log }: SourcesOptions): PodSources {
  const informer = informers.of(services);
  const tokens = new ServiceAccountTokens({ client, clock, log });
  const authorities = new Map<string, { readonly map: ConfigMap; readonly read_ms: number }>();
  /** Each pod has it, and it is looked at as often as they are: all of a namespace share what was read last. */
  const authority = async (namespace: string) => {
    const kept = authorities.get(namespace);
    if (kept && clock.monotonic() - kept.read_ms < AUTHORITY_MAX_AGE_MS) return kept.map;
    authorities.delete(namespace);
    const map = await found(client, configMaps, namespace, CONFIG_MAP_ROOT_CA);
    if (map) authorities.set(namespace, { map, read_ms: clock.monotonic() });
    return map;
  };
  return {
    configMap: (namespace, name) => (name === CONFIG_MAP_ROOT_CA ? authority(namespace) : found(client, configMaps, namespace, name)),
    serviceAccountToken: (pod, wish) => tokens.get(pod, wish),
    secret: (namespace, name) => found(client, secrets, namespace, name),
    claim: (namespace, name) => found(client, persistentVolumeClaims, namespace, name),
    async runtimeHandler(name) {
      const runtimeClass = await found(client, runtimeClasses, undefined, name);
      if (!runtimeClass) throw new Error(`runtimeclass.node.k8s.io "${name}" not found`);
      return runtimeClass.handler;
    },
    persistentVolume: (name) => found(client, persistentVolumes, undefined, name),
    services(namespace) {
      const api = informer.get({ namespace: NAMESPACE_DEFAULT, name: 'kubernetes' });
      const own = informer.list(namespace);
      return api && namespace !== NAMESPACE_DEFAULT ? [api, ...own] : own;
    },
    whenServicesKnown: (signal) => informer.whenSynced(signal),
  };
}

async function found<T extends KubeObject>(
  client: Client,
  kind: Kind<T>,
  namespace: string | undefined,
  name: string,
): Promise<T | undefined> {
  try {
    return await client.get(kind, { namespace, name });
  } catch (error) {
    if (error instanceof StatusError && error.code === 404) return undefined;
    throw error;
  }
}
