// Join tokens in the cluster: made, listed and deleted as bootstrap token Secrets in kube-system, as kubeadm keeps them.
import { type Clock, type Random, rfc3339 } from '../apimachinery/clock.js';
import type { Client } from '../client/client.js';
import { BOOTSTRAP_TOKEN_TYPE, formatJoinToken, pinOf, tokenSecretName } from '../client/join-token.js';
import { secrets } from '../kinds/core/secret.js';
import type { Secret } from '../kinds/types/core_v1.js';
import { NAMESPACE_SYSTEM } from '../kinds/wellknown.js';

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789';
const ID_chars = 6;
const SECRET_chars = 16;

export interface CreateTokenOptions {
  readonly client: Client;
  /** PEM of the cluster's CA, which the token pins. */
  readonly ca: string;
  /** 0: it never expires. */
  readonly ttl_ms: number;
  readonly description?: string;
  readonly clock: Clock;
  readonly random: Random;
}

export interface TokenInfo {
  readonly id: string;
  /** Absent: never. */
  readonly expires_ms?: number;
  readonly description: string;
}

/** Makes a token, stores its Secret and returns the whole token, which cannot be shown again. */
export async function createToken({ client, ca, ttl_ms, description, clock, random }: CreateTokenOptions): Promise<string> {
  const token = { id: pick(random, ID_chars), secret: pick(random, SECRET_chars), pin: pinOf(ca) };
  const data = {
    'token-id': token.id,
    'token-secret': token.secret,
    'usage-bootstrap-authentication': 'true',
    'usage-bootstrap-signing': 'true',
    ...(ttl_ms > 0 && { expiration: rfc3339(clock.now() + ttl_ms) }),
    ...(description && { description }),
  };
  const encoded = Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')]));
  const metadata = { namespace: NAMESPACE_SYSTEM, name: tokenSecretName(token.id) };
  await client.create<Secret>(secrets, { metadata, type: BOOTSTRAP_TOKEN_TYPE, data: encoded });
  return formatJoinToken(token);
}

export async function listTokens(client: Client): Promise<readonly TokenInfo[]> {
  const { items } = await client.list(secrets, { namespace: NAMESPACE_SYSTEM });
  return items.filter((secret) => secret.type === BOOTSTRAP_TOKEN_TYPE).map(tokenInfo);
}

/** NotFound (404) where there is no such token; `id` is the part before the dot. */
export async function deleteToken(client: Client, id: string): Promise<void> {
  await client.delete(secrets, { namespace: NAMESPACE_SYSTEM, name: tokenSecretName(id) });
}

function tokenInfo({ data }: Secret): TokenInfo {
  const field = (name: string) => Buffer.from(data?.[name] ?? '', 'base64').toString('utf8');
  const expiration = field('expiration');
  return { id: field('token-id'), description: field('description'), ...(expiration && { expires_ms: Date.parse(expiration) }) };
}

/** `length` characters, each equally likely: bytes that would favour the first ones are drawn again. */
function pick(random: Random, length: number): string {
  const fair = 256 - (256 % ALPHABET.length);
  let out = '';
  while (out.length < length) {
    for (const byte of random.bytes(length)) if (byte < fair && out.length < length) out += ALPHABET[byte % ALPHABET.length];
  }
  return out;
}
