// Service account tokens: who a token stands for, as long as it is valid and what it is bound to is still there.

import { BoundedCache } from '../../apimachinery/bounded-cache.js';
import type { KubeObject } from '../../apimachinery/object.js';
import { verifyJwt } from '../../client/jwt.js';
import { nodes } from '../../kinds/core/node.js';
import { pods } from '../../kinds/core/pod.js';
import { secrets } from '../../kinds/core/secret.js';
import { serviceAccounts } from '../../kinds/core/serviceaccount.js';
import type { AnyKind } from '../../kinds/define.js';
import type { Secret } from '../../kinds/types/core_v1.js';
import type { ApiContext } from '../context.js';
import type { UserInfo } from '../options.js';
import { noteUse, whyInvalid } from './legacy-tokens.js';
import { type Reference, readClaims, type TokenContent, userOf } from './service-account-claims.js';

/** Tokens whose signature has been checked: a kibibyte or two each, and one for each pod that talks to the API. */
const MAX_VERIFIED = 4096;
/** An object that is about to go still speaks for so long: its pods have things to put away. */
const DELETION_LEEWAY_MS = 60_000;

export interface Authenticated {
  readonly user: UserInfo;
  /** Those asked for that the token is meant for. */
  readonly audiences: readonly string[];
}

/** Why a token is refused, for the log and for TokenReviews. */
export class TokenError extends Error {
  override readonly name = 'TokenError';
}

export class ServiceAccountTokens {
  readonly #verified = new BoundedCache<string, TokenContent>(MAX_VERIFIED);

  /** Rejects with a TokenError. */
  async authenticate(context: ApiContext, token: string, audiences: readonly string[]): Promise<Authenticated> {
    const { options, clock } = context;
    if (!options.serviceAccounts) throw new TokenError('this server knows no key of service account tokens');
    const { issuer } = options.serviceAccounts;
    const content = this.#verified.get(token) ?? (await this.#verify(token, options.serviceAccounts));
    const now_s = clock.now() / 1000;
    if (content.expires_s !== undefined && now_s >= content.expires_s) {
      this.#verified.delete(token);
      throw new TokenError('service account token has expired');
    }
    if (content.notBefore_s !== undefined && now_s < content.notBefore_s - 1)
      throw new TokenError('service account token is not valid yet');
    const meantFor = content.audiences ?? [issuer];
    const common = audiences.filter((audience) => meantFor.includes(audience));
    if (common.length === 0) {
      const lists = `[${meantFor.join(' ')}] is invalid for the target audiences [${audiences.join(' ')}]`;
      throw new TokenError(`token audiences ${lists}`);
    }
    await checkAlive(context, content, token);
    return { user: userOf(content), audiences: common };
  }

  async #verify(token: string, { issuer, publicKeys }: NonNullable<ApiContext['options']['serviceAccounts']>): Promise<TokenContent> {
    const claims = await verifyJwt(publicKeys, token);
    const content = claims && readClaims(claims, issuer);
    if (!content) throw new TokenError('invalid bearer token');
    this.#verified.set(token, content);
    return content;
  }
}

async function checkAlive(context: ApiContext, { namespace, serviceAccount, pod, secret, node, audiences }: TokenContent, token: string) {
  await check(context, serviceAccounts, namespace, serviceAccount);
  if (pod) await check(context, pods, namespace, pod);
  else if (node) await check(context, nodes, undefined, node);
  if (!secret) return;
  // One that is kept in a Secret is void as soon as it is no longer the one kept there.
  const kept = (await check(context, secrets, namespace, secret)) as Secret;
  if (audiences !== undefined) return;
  if (Buffer.from(kept.data?.['token'] ?? '', 'base64').toString() !== token) throw new TokenError('Token has been invalidated');
  const invalid = whyInvalid(kept);
  if (invalid) throw new TokenError(invalid);
  await noteUse(context, kept);
}

async function check(context: ApiContext, kind: AnyKind, namespace: string | undefined, { name, uid }: Reference): Promise<KubeObject> {
  const object = await findObject(context, kind, { namespace, name }, uid);
  const deleted_ms = Date.parse(object?.metadata.deletionTimestamp ?? '');
  if (!object || deleted_ms + DELETION_LEEWAY_MS < context.clock.now()) throw new TokenError(`${kind.singular} ${name} has been deleted`);
  if (uid && object.metadata.uid !== uid)
    throw new TokenError(`${kind.singular} UID (${object.metadata.uid}) does not match claim (${uid})`);
  return object;
}

/** From the cache, which may not have seen yet what was made a moment ago: then from the store. */
export async function findObject(
  { resources }: Pick<ApiContext, 'resources'>,
  kind: AnyKind,
  name: { readonly namespace?: string | undefined; readonly name: string },
  uid?: string,
): Promise<KubeObject | undefined> {
  const { cache, storage } = resources.of(kind);
  await cache.ready();
  const known = cache.get(storage.key(name))?.object;
  if (known && (!uid || known.metadata.uid === uid)) return known;
  return (await storage.get(name))?.object;
}
