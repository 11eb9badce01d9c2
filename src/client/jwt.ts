// Service account tokens as JSON Web Tokens: signed and checked, the JOSE library loaded only then. Keys are PEM, RSA or P-256.
import { createHash, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';

export interface Claims {
  readonly [name: string]: unknown;
}

const algorithmOf = (key: KeyObject) => (key.asymmetricKeyType === 'rsa' ? 'RS256' : 'ES256');

/** What a key is called in the header of the tokens that it signs, as upstream derives it. */
function keyId(publicKey: KeyObject): string {
  return createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('base64url');
}

export async function signJwt(privateKey: string, claims: Claims): Promise<string> {
  const { SignJWT } = await import('jose');
  const key = createPrivateKey(privateKey);
  return new SignJWT({ ...claims }).setProtectedHeader({ alg: algorithmOf(key), kid: keyId(createPublicKey(key)) }).sign(key);
}

/** The claims of a token that one of the keys has signed, whenever it is valid; undefined for any other. */
export async function verifyJwt(publicKeys: readonly string[], token: string): Promise<Claims | undefined> {
  const { compactVerify, errors } = await import('jose');
  for (const pem of publicKeys) {
    const key = createPublicKey(pem);
    try {
      const { payload } = await compactVerify(token, key, { algorithms: [algorithmOf(key)] });
      const claims: unknown = JSON.parse(Buffer.from(payload).toString());
      return claims !== null && typeof claims === 'object' ? (claims as Claims) : undefined;
    } catch (error) {
      if (!(error instanceof errors.JOSEError || error instanceof SyntaxError)) throw error;
    }
  }
  return undefined;
}

/** The JSON Web Key Set by which others check our tokens. */
export function jwks(publicKeys: readonly string[]): { readonly keys: readonly object[] } {
  const keys = publicKeys.map((pem) => {
    const key = createPublicKey(pem);
    return { use: 'sig', ...key.export({ format: 'jwk' }), kid: keyId(key), alg: algorithmOf(key) };
  });
  return { keys };
}

/** The issuer that tokens kept in Secrets name. */
export const LEGACY_ISSUER = 'kubernetes/serviceaccount';
const LEGACY = 'kubernetes.io/serviceaccount/';
export const LEGACY_CLAIMS = {
  namespace: `${LEGACY}namespace`,
  secret: `${LEGACY}secret.name`,
  name: `${LEGACY}service-account.name`,
  uid: `${LEGACY}service-account.uid`,
} as const;

export const serviceAccountUser = (namespace: string, name: string) => `system:serviceaccount:${namespace}:${name}`;

export const serviceAccountGroups = (namespace: string) => ['system:serviceaccounts', `system:serviceaccounts:${namespace}`];
