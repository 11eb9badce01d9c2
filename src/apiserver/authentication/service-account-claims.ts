// What is written into a service account token, and whom it stands for.

import type { Random } from '../../apimachinery/clock.js';
import { rfc3339, uuid } from '../../apimachinery/clock.js';
import type { KubeObject } from '../../apimachinery/object.js';
import { type Claims, LEGACY_CLAIMS, LEGACY_ISSUER, serviceAccountGroups, serviceAccountUser } from '../../client/jwt.js';
import type { UserInfo } from '../options.js';

/** An object that a token lives no longer than. */
export interface Reference {
  readonly name: string;
  readonly uid: string;
}

/** What a token says, whichever way it is written. */
export interface TokenContent {
  readonly namespace: string;
  readonly serviceAccount: Reference;
  readonly pod?: Reference;
  readonly secret?: Reference;
  /** Where the pod runs, or what the token is bound to. */
  readonly node?: Reference;
  /** Undefined for a token that is kept in a Secret: it is for the API server. */
  readonly audiences?: readonly string[];
  readonly id?: string;
  readonly notBefore_s?: number;
  readonly expires_s?: number;
}

export interface TokenWish extends TokenContent {
  readonly issuer: string;
  readonly now_ms: number;
  readonly validFor_s: number;
  /** When its holder should have a new one, though this one goes on being valid. */
  readonly warnAfter_s?: number;
  readonly random: Random;
}

export function claimsOf(wish: TokenWish): Claims {
  const { namespace, serviceAccount, pod, secret, node, audiences, issuer, validFor_s, warnAfter_s } = wish;
  const now_s = Math.floor(wish.now_ms / 1000);
  const about = {
    namespace,
    ...(node && { node }),
    ...(pod && { pod }),
    ...(secret && { secret }),
    serviceaccount: serviceAccount,
    ...(warnAfter_s === undefined ? {} : { warnafter: now_s + warnAfter_s }),
  };
  return {
    aud: audiences,
    exp: now_s + validFor_s,
    iat: now_s,
    iss: issuer,
    jti: uuid(wish.random),
    'kubernetes.io': about,
    nbf: now_s,
    sub: serviceAccountUser(namespace, serviceAccount.name),
  };
}

export const expiryText = ({ now_ms }: TokenWish, after_s: number) => rfc3339((Math.floor(now_ms / 1000) + after_s) * 1000);

/** Undefined for what is no service account token of this issuer. */
export function readClaims(claims: Claims, issuer: string): TokenContent | undefined {
  const content = claims['iss'] === LEGACY_ISSUER ? readLegacy(claims) : claims['iss'] === issuer ? readBound(claims) : undefined;
  if (!content || claims['sub'] !== serviceAccountUser(content.namespace, content.serviceAccount.name)) return undefined;
  return content;
}

function readLegacy(claims: Claims): TokenContent | undefined {
  const [namespace, name, uid, secret] = [LEGACY_CLAIMS.namespace, LEGACY_CLAIMS.name, LEGACY_CLAIMS.uid, LEGACY_CLAIMS.secret].map(
    (claim) => text(claims[claim]),
  );
  if (!namespace || !name || !uid || !secret) return undefined;
  return { namespace, serviceAccount: { name, uid }, secret: { name: secret, uid: '' } };
}

function readBound(claims: Claims): TokenContent | undefined {
  const about = (claims['kubernetes.io'] ?? {}) as { readonly [name: string]: unknown };
  const [namespace, serviceAccount] = [text(about['namespace']), reference(about['serviceaccount'])];
  const [expires_s, notBefore_s, audiences] = [claims['exp'], claims['nbf'], [claims['aud'] ?? []].flat()];
  if (!namespace || !serviceAccount || typeof expires_s !== 'number' || typeof notBefore_s !== 'number') return undefined;
  const [pod, secret, node, id] = [reference(about['pod']), reference(about['secret']), reference(about['node']), text(claims['jti'])];
  return {
    namespace,
    serviceAccount,
    ...(pod && { pod }),
    ...(secret && { secret }),
    ...(node && { node }),
    audiences: audiences.map(String),
    ...(id && { id }),
    notBefore_s,
    expires_s,
  };
}

const text = (value: unknown) => (typeof value === 'string' ? value : undefined);

function reference(value: unknown): Reference | undefined {
  const { name, uid } = (value ?? {}) as { name?: unknown; uid?: unknown };
  return typeof name === 'string' && typeof uid === 'string' ? { name, uid } : undefined;
}

const EXTRA = 'authentication.kubernetes.io/';

export function userOf({ namespace, serviceAccount, pod, node, id }: TokenContent): UserInfo {
  const extra: { [key: string]: readonly string[] } = {};
  if (id) extra[`${EXTRA}credential-id`] = [`JTI=${id}`];
  if (node) Object.assign(extra, { [`${EXTRA}node-name`]: [node.name], [`${EXTRA}node-uid`]: [node.uid] });
  if (pod) Object.assign(extra, { [`${EXTRA}pod-name`]: [pod.name], [`${EXTRA}pod-uid`]: [pod.uid] });
  const { name, uid } = serviceAccount;
  return { name: serviceAccountUser(namespace, name), uid, groups: serviceAccountGroups(namespace), extra };
}

export const referenceTo = ({ metadata: { name, uid } }: KubeObject): Reference => ({ name, uid });
