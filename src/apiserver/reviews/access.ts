// Answers to questions about access: what the authorisers say of the attributes that a review names.
import { parseFieldSelector } from '../../apimachinery/field-selector.js';
import type { ResourceAttributes, SelfSubjectAccessReviewSpec, SubjectAccessReviewStatus } from '../../kinds/types/authorization_v1.js';
import type { Attributes } from '../authorization/attributes.js';
import type { ApiContext } from '../context.js';
import type { UserInfo } from '../options.js';

export async function accessStatus(
  { authorizer }: ApiContext,
  user: UserInfo,
  spec: SelfSubjectAccessReviewSpec,
): Promise<SubjectAccessReviewStatus> {
  const { allowed, reason } = await authorizer.decide(attributesOf(user, spec));
  return { allowed, ...(reason && { reason }) };
}

function attributesOf(user: UserInfo, { resourceAttributes, nonResourceAttributes }: SelfSubjectAccessReviewSpec): Attributes {
  if (!resourceAttributes) {
    const { path = '', verb = '' } = nonResourceAttributes ?? {};
    return { isResource: false, user, verb, path };
  }
  const { verb = '', group = '', version = '', resource = '', subresource, namespace, name } = resourceAttributes;
  const fields = fieldsOf(resourceAttributes);
  const base = { isResource: true, user, verb, group, version, resource } as const;
  return {
    ...base,
    subresource: subresource || undefined,
    namespace: namespace || undefined,
    name: name || undefined,
    ...(fields && { fields }),
  };
}

function fieldsOf({ fieldSelector }: ResourceAttributes): ReadonlyMap<string, string> | undefined {
  if (!fieldSelector) return undefined;
  const { rawSelector, requirements = [] } = fieldSelector;
  const raw = rawSelector ? parseFieldSelector(rawSelector).filter(({ op }) => op === '=') : [];
  const listed = requirements.filter(({ operator, values }) => operator === 'In' && values?.length === 1);
  return new Map([
    ...raw.map(({ path, value }) => [path, value] as const),
    ...listed.map(({ key, values }) => [key, values![0]!] as const),
  ]);
}
