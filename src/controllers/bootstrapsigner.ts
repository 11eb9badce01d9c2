// bootstrapsigner: watches bootstrap tokens and the ConfigMap cluster-info; signs the kubeconfig in it with each token that is for
// that, so that who has only a token can tell that the kubeconfig is the cluster's.
import { createHmac } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { keyOf, parseKey } from '../apimachinery/object.js';
import { BOOTSTRAP_TOKEN_TYPE } from '../client/join-token.js';
import { configMaps } from '../kinds/core/configmap.js';
import { secrets } from '../kinds/core/secret.js';
import type { Secret } from '../kinds/types/core_v1.js';
import { CONFIG_MAP_CLUSTER_INFO, NAMESPACE_PUBLIC, NAMESPACE_SYSTEM } from '../kinds/wellknown.js';
import { defineController } from './define.js';

const CLUSTER_INFO = keyOf({ namespace: NAMESPACE_PUBLIC, name: CONFIG_MAP_CLUSTER_INFO });
const KUBECONFIG = 'kubeconfig';
const SIGNATURE_PREFIX = 'jws-kubeconfig-';

export const bootstrapSigner = defineController({
  name: 'bootstrap-signer',
  serviceAccount: 'bootstrap-signer',
  inputs: [
    configMaps.mapped(({ metadata }) => (keyOf(metadata) === CLUSTER_INFO ? [CLUSTER_INFO] : [])),
    secrets.mapped((secret) => (isToken(secret) ? [CLUSTER_INFO] : [])),
  ],
  outputs: [configMaps],
  async reconcile(key, { get, list, client, clock }) {
    const info = get(configMaps, parseKey(key));
    const kubeconfig = info?.data?.[KUBECONFIG];
    if (!info || kubeconfig === undefined) return;
    const signatures = list(secrets, NAMESPACE_SYSTEM)
      .filter(isToken)
      .flatMap((secret) => signature(secret, kubeconfig, clock.now()));
    const others = Object.entries(info.data ?? {}).filter(([name]) => !name.startsWith(SIGNATURE_PREFIX));
    const data = Object.fromEntries([...others, ...signatures]);
    if (!isDeepStrictEqual(data, info.data)) await client.update(configMaps, { ...info, data });
  },
});

const isToken = ({ type, metadata }: Secret) => type === BOOTSTRAP_TOKEN_TYPE && metadata.namespace === NAMESPACE_SYSTEM;

/** A JSON web signature without its content, which stands beside it; none where the token is not for that, or no more. */
function signature({ data = {} }: Secret, content: string, now_ms: number): readonly (readonly [name: string, jws: string])[] {
  const field = (name: string) => Buffer.from(data[name] ?? '', 'base64').toString('utf8');
  const [id, secret, expiration] = [field('token-id'), field('token-secret'), field('expiration')];
  const isValid = /^[a-z0-9]{6}$/.test(id) && secret !== '' && !(Date.parse(expiration) <= now_ms);
  if (!isValid || field('usage-bootstrap-signing') !== 'true') return [];
  const header = Buffer.from(JSON.stringify({ alg: 'HS256', kid: id })).toString('base64url');
  const payload = Buffer.from(content).toString('base64url');
  return [[`${SIGNATURE_PREFIX}${id}`, `${header}..${createHmac('sha256', secret).update(`${header}.${payload}`).digest('base64url')}`]];
}
