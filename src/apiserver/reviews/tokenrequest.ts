// TokenRequest (serviceaccounts/token, kubectl create token): a token of a service account, for an audience, for a while, bound to
// an object if asked.
import { invalid } from '../../apimachinery/field.js';
import { type KubeObject, keyOf } from '../../apimachinery/object.js';
import { badRequest, conflict, invalidObject, noSuchPath, notFound } from '../../apimachinery/status.js';
import { signJwt } from '../../client/jwt.js';
import { nodes } from '../../kinds/core/node.js';
import { pods } from '../../kinds/core/pod.js';
import { secrets } from '../../kinds/core/secret.js';
import { serviceAccounts } from '../../kinds/core/serviceaccount.js';
import type { AnyKind, Mutable } from '../../kinds/define.js';
import type { BoundObjectReference, TokenRequest } from '../../kinds/types/authentication_v1.js';
import type { Pod } from '../../kinds/types/core_v1.js';
import { apiAudiences } from '../authentication/authenticator.js';
import { claimsOf, expiryText, type Reference, referenceTo, type TokenWish } from '../authentication/service-account-claims.js';
import { findObject } from '../authentication/service-account-tokens.js';
import type { ApiContext } from '../context.js';
import { defineReview, type ReviewRequest } from './review.js';

const EXPIRATION_s = 3600;
const EXPIRATION_MIN_s = 600;
const EXPIRATION_MAX_s = 2 ** 32;
/** What admission asks for on behalf of pods. Their programs may not know that tokens change, so these go on for a year. */
const POD_EXPIRATION_s = 3607;
const EXTENDED_s = 365 * 24 * 3600;

const BINDABLE: readonly AnyKind[] = [pods, secrets, nodes];

export const tokenRequest = defineReview<TokenRequest>({
  kind: serviceAccounts,
  subresource: 'token',
  defaults(body, { options }) {
    body.spec ??= {} as typeof body.spec;
    body.spec.expirationSeconds ??= EXPIRATION_s;
    if (!body.spec.audiences?.length) body.spec.audiences = [...apiAudiences(options)];
  },
  async answer(request, context) {
    const { body, namespace, name } = request;
    const keys = context.options.serviceAccounts;
    if (!keys) throw noSuchPath();
    if (body.metadata.name && body.metadata.name !== name) {
      throw badRequest(`the name of the object (${body.metadata.name}) does not match the name on the URL (${name})`);
    }
    refuseInvalid(body);
    const account = await findObject(context, serviceAccounts, { namespace, name: name! });
    if (!account) throw notFound(serviceAccounts.groupResource, name!);
    const bound = await boundTo(request, context);
    const { audiences, expirationSeconds } = body.spec;
    const own = apiAudiences(context.options);
    const forPods = expirationSeconds === POD_EXPIRATION_s && bound.pod && audiences.every((audience) => own.includes(audience));
    const wish: TokenWish = {
      namespace: namespace!,
      serviceAccount: referenceTo(account),
      ...bound,
      audiences,
      issuer: keys.issuer,
      now_ms: context.clock.now(),
      validFor_s: forPods ? EXTENDED_s : expirationSeconds!,
      ...(forPods && { warnAfter_s: POD_EXPIRATION_s }),
      random: context.random,
    };
    return { token: await signJwt(keys.privateKey, claimsOf(wish)), expirationTimestamp: expiryText(wish, expirationSeconds!) };
  },
});

function refuseInvalid({ spec, metadata }: Mutable<TokenRequest>): void {
  const { expirationSeconds: seconds = 0 } = spec;
  const refuse = (why: string) =>
    invalidObject('authentication.k8s.io', 'TokenRequest', metadata.name ?? '', [invalid('spec.expirationSeconds', seconds, why)]);
  if (seconds < EXPIRATION_MIN_s) throw refuse('may not specify a duration less than 10 minutes');
  if (seconds > EXPIRATION_MAX_s) throw refuse('may not specify a duration larger than 2^32 seconds');
}

/** The object that the token is bound to; for a pod also the node that it runs on. */
async function boundTo(
  { body, namespace, name }: ReviewRequest<TokenRequest>,
  context: ApiContext,
): Promise<Partial<Record<'pod' | 'secret' | 'node', Reference>>> {
  const ref = body.spec.boundObjectRef;
  if (!ref) return {};
  const kind = BINDABLE.find((each) => each.kind === ref.kind && ref.apiVersion === each.apiVersion);
  if (!kind) throw badRequest(`cannot bind token to object of type ${ref.apiVersion ?? ''}, Kind=${ref.kind ?? ''}`);
  const object = await findObject(context, kind, { namespace: kind.namespaced ? namespace : undefined, name: ref.name ?? '' }, ref.uid);
  if (!object) throw notFound(kind.groupResource, ref.name ?? '');
  checkUid(object, ref, kind);
  if (kind !== pods) return { [kind.singular]: referenceTo(object) };
  const { serviceAccountName, nodeName } = (object as Pod).spec;
  if (serviceAccountName !== name) {
    throw badRequest(
      `cannot bind token for serviceaccount ${JSON.stringify(keyOf({ namespace, name: name! }))} to pod running with different serviceaccount name.`,
    );
  }
  const node = nodeName ? await findObject(context, nodes, { name: nodeName }) : undefined;
  return { pod: referenceTo(object), ...(node && { node: referenceTo(node) }) };
}

function checkUid({ metadata }: KubeObject, { uid, name }: BoundObjectReference, { groupResource }: AnyKind): void {
  if (!uid || uid === metadata.uid) return;
  const why = `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`;
  throw conflict(groupResource, name ?? '', why);
}
