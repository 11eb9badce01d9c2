// Credentials for image pulls, from the Secrets that a pod names.
import type { Pod } from '../../src/kinds/types/core_v1.js';
import type { RegistryAuth } from '../runtime/runtime.js';
import type { EnvSources } from './env.js';

const DOCKER_HUB = 'docker.io';

interface DockerConfig {
  readonly auths?: { readonly [registry: string]: { readonly username?: string; readonly password?: string; readonly auth?: string } };
}

/** Those of all registries; a Secret that is missing or unreadable gives none, as upstream's. */
export async function pullSecrets({ metadata, spec }: Pod, sources: Pick<EnvSources, 'secret'>): Promise<readonly RegistryAuth[]> {
  const auths: RegistryAuth[] = [];
  for (const { name } of spec.imagePullSecrets ?? []) {
    const secret = name ? await sources.secret(metadata.namespace ?? '', name) : undefined;
    const base64 = secret?.data?.['.dockerconfigjson'];
    if (base64) auths.push(...parseDockerConfig(Buffer.from(base64, 'base64').toString('utf8')));
  }
  return auths;
}

export function parseDockerConfig(text: string): readonly RegistryAuth[] {
  let config: DockerConfig;
  try {
    config = JSON.parse(text) as DockerConfig;
  } catch {
    return [];
  }
  return Object.entries(config.auths ?? {}).map(([registry, { username, password, auth }]) => {
    const [user = '', ...rest] = Buffer.from(auth ?? '', 'base64')
      .toString('utf8')
      .split(':');
    return { username: username ?? user, password: password ?? rest.join(':'), serveraddress: registry || DOCKER_HUB };
  });
}
