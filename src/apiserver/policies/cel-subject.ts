// What the expressions of match conditions and policies see of a request.
import type { CelVariables } from '../../apimachinery/cel/environment.js';
import { celValue } from '../../apimachinery/cel/values.js';
import type { Json, JsonObject } from '../../apimachinery/json.js';
import { type AccessQuestion, CelAuthorizer } from '../../kinds/admissionregistration/cel.js';
import { namespaces } from '../../kinds/core/namespace.js';
import { lookUp } from '../admission/lookup.js';
import { type Attributes, fieldsOf } from '../authorization/attributes.js';
import type { ApiContext } from '../context.js';
import type { UserInfo } from '../options.js';
import { type ReviewSubject, requestFields } from '../webhooks/review.js';

/** Made when the first expression asks, since most requests meet none. */
export async function celVariables(context: ApiContext, subject: ReviewSubject): Promise<CelVariables> {
  const { request, object, old } = subject;
  const { namespace, resource } = request;
  const around = namespace !== undefined && resource.kind.namespaced ? await lookUp(context, namespaces, { name: namespace }) : undefined;
  const { user } = request.exchange;
  await context.authorizer.ready(user);
  return {
    object: asCel(object),
    oldObject: asCel(old),
    request: celValue(requestFields(subject) as Json),
    namespaceObject: asCel(around),
    authorizer: new CelAuthorizer((question) => context.authorizer.authorize(attributesOf(question, user)), requestOf(subject)),
  };
}

export const asCel = (object: object | undefined) => (object === undefined ? null : celValue(object as JsonObject));

function requestOf({ request, resource }: ReviewSubject): Omit<AccessQuestion, 'verb'> {
  const { namespace, name, subresource } = request;
  const { group, plural } = resource.kind;
  return { group, resource: plural, name, ...(subresource ? { subresource } : {}), ...(namespace ? { namespace } : {}) };
}

function attributesOf(question: AccessQuestion, self: UserInfo): Attributes {
  const { path, verb, group = '', resource = '', subresource, namespace, name, serviceAccount } = question;
  const user = serviceAccount ? accountUser(...serviceAccount) : self;
  if (path !== undefined) return { isResource: false, user, verb, path };
  const fields = question.fieldSelector ? fieldsOf(question.fieldSelector) : undefined;
  return { isResource: true, user, verb, group, version: '*', resource, subresource, namespace, name, ...(fields && { fields }) };
}

const accountUser = (namespace: string, name: string): UserInfo => ({
  name: `system:serviceaccount:${namespace}:${name}`,
  groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
});
