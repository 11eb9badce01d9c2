// What others need to check our service account tokens: the issuer's OpenID configuration and its keys.
import { jwks } from '../../client/jwt.js';
import type { Answer } from '../discovery.js';
import type { ApiServerOptions } from '../options.js';

const CONFIGURATION = '/.well-known/openid-configuration';
const KEYS = '/openid/v1/jwks';

/** Undefined for any other path. */
export function issuerDocument(path: string, options: ApiServerOptions): Answer | undefined {
  const { serviceAccounts } = options;
  if (!serviceAccounts || (path !== CONFIGURATION && path !== KEYS)) return undefined;
  const keys = jwks(serviceAccounts.publicKeys);
  if (path === KEYS) return { contentType: 'application/jwk-set+json', bytes: json(keys) };
  const algorithms = [...new Set((keys.keys as readonly { alg: string }[]).map(({ alg }) => alg))];
  const configuration = {
    issuer: serviceAccounts.issuer,
    jwks_uri: `https://${options.advertiseAddress}:${options.advertisePort ?? options.bind.port}${KEYS}`,
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: algorithms,
  };
  return { contentType: 'application/json', bytes: json(configuration) };
}

const json = (value: object) => Buffer.from(JSON.stringify(value));
