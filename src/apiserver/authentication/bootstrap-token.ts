// Bootstrap tokens: `id.secret`, kept as Secrets of kube-system, by which a machine may ask for a certificate.
import { createHash, timingSafeEqual } from 'node:crypto';
import { secrets } from '../../kinds/core/secret.js';
import type { Secret } from '../../kinds/types/core_v1.js';
import { GROUP_BOOTSTRAPPERS, NAMESPACE_SYSTEM } from '../../kinds/wellknown.js';
import type { ApiContext } from '../context.js';
import type { UserInfo } from '../options.js';

const TOKEN = /^([a-z0-9]{6})\.([a-z0-9]{16})$/;
const SECRET_TYPE = 'bootstrap.kubernetes.io/token';
/** The groups that a token may bring, so that none makes its holder an administrator. */
const EXTRA_GROUP = /^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/;

export const isBootstrapToken = (token: string) => TOKEN.test(token);

/** Undefined for a token that is unknown, wrong, expired or not meant for this. */
export async function bootstrapUser(context: Pick<ApiContext, 'resources' | 'clock'>, token: string): Promise<UserInfo | undefined> {
  const [, id, secret] = TOKEN.exec(token) ?? [];
  if (!id || !secret) return undefined;
  const stored = await context.resources.of(secrets).storage.get({ namespace: NAMESPACE_SYSTEM, name: `bootstrap-token-${id}` });
  const object = stored?.object as Secret | undefined;
  if (!object || object.type !== SECRET_TYPE || object.metadata.deletionTimestamp !== undefined) return undefined;
  const read = (key: string) => Buffer.from(object.data?.[key] ?? '', 'base64').toString();
  if (read('token-id') !== id || !isSame(read('token-secret'), secret) || read('usage-bootstrap-authentication') !== 'true')
    return undefined;
  const expiration = read('expiration');
  // What cannot be read as a time has expired: never let in by mistake.
  if (expiration !== '' && !(Date.parse(expiration) > context.clock.now())) return undefined;
  const extra = read('auth-extra-groups').split(',').filter(Boolean);
  if (!extra.every((group) => EXTRA_GROUP.test(group))) return undefined;
  return { name: `system:bootstrap:${id}`, groups: [GROUP_BOOTSTRAPPERS, ...extra] };
}

/** In a time that does not tell how much of it is right. */
function isSame(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
