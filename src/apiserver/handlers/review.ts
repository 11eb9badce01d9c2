// POST of a review, or to a subresource that is one: answered in its own body, nothing stored.
import { invalidObject } from '../../apimachinery/status.js';
import { type BodyKind, bodyKind, readObject } from '../body.js';
import type { ApiContext } from '../context.js';
import type { Handler } from '../exchange.js';
import { isDryRun } from '../parameters.js';
import type { Resource } from '../resources.js';
import { reviews } from '../reviews/index.js';
import { setNamespace } from '../strategy.js';

export function reviewHandler(context: ApiContext): Handler {
  return async ({ exchange, info, resource }) => {
    const { subresource, namespace, name } = info;
    const review = reviews.find((each) => each.kind === resource.kind && each.subresource === subresource);
    if (!review) throw new Error(`review: nothing answers ${resource.kind.plural} ${subresource ?? ''}`);
    const dryRun = isDryRun(exchange.query.getAll('dryRun'), 'CreateOptions');
    const kind = kindOf(context, resource, subresource);
    const body = readObject(exchange, kind, 'CreateOptions');
    if (subresource === undefined) setNamespace(body, resource, namespace);
    review.defaults?.(body as never, context);
    const admission = {
      operation: 'CREATE',
      resource,
      subresource,
      kind,
      namespace,
      name: name ?? '',
      exchange,
      dryRun,
      old: undefined,
    } as const;
    await context.admission.both(admission, body, context);
    if (subresource === undefined) refuseInvalid(resource, body);
    const status = await review.answer({ body: body as never, user: exchange.user, namespace, name }, context);
    return { type: 'value', code: 201, value: { ...body, status } };
  };
}

function kindOf({ resources }: ApiContext, { kind, schema }: Resource, subresource: string | undefined): BodyKind {
  const review = subresource === undefined ? undefined : kind.subresources?.reviews?.[subresource];
  if (!review) return { apiVersion: kind.apiVersion, kind: kind.kind, schema };
  const [group, version] = review.bodyVersion.split('/');
  return bodyKind(resources.schemas, review.bodyVersion, review.bodyKind, `${group!.split('.')[0]}.${version}.${review.bodyKind}`);
}

function refuseInvalid({ kind }: Resource, body: object): void {
  const errors = kind.validate?.(body, undefined) ?? [];
  if (errors.length > 0) throw invalidObject(kind.group, kind.kind, '', errors);
}
