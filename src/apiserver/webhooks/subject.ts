// What a webhook is asked about: the request in the version that its rules name, where all its conditions hold.
import { loadCel } from '../../apimachinery/cel/library.js';
import type { KubeObject } from '../../apimachinery/object.js';
import { forbiddenRequest } from '../../apimachinery/status.js';
import type { AdmissionRequest } from '../admission/admission.js';
import type { RequestMatcher } from '../admission/matching.js';
import type { ApiContext } from '../context.js';
import { celVariables } from '../policies/cel-subject.js';
import { ConditionError } from '../policies/match-conditions.js';
import type { Resource } from '../resources.js';
import type { Hook } from './hooks.js';
import type { ReviewSubject } from './review.js';

/** Undefined where the request is none of the webhook's business. Throws StatusError. */
export async function subjectOf(
  context: ApiContext,
  { matcher }: { readonly matcher: RequestMatcher },
  request: AdmissionRequest,
  object: KubeObject | undefined,
): Promise<ReviewSubject | undefined> {
  const resource = matcher.resourceFor(request, context);
  if (!resource || !(await matcher.selects(request, object, context))) return undefined;
  const [inVersion, old] = await Promise.all([convert(request, resource, object), convert(request, resource, request.old)]);
  return { request, resource, object: inVersion, old };
}

/** The bodies of subresources have versions of their own, which the resource's do not change. */
async function convert(
  { resource, kind }: AdmissionRequest,
  to: Resource,
  object: KubeObject | undefined,
): Promise<KubeObject | undefined> {
  if (!object || to === resource || kind.kind !== resource.kind.kind) return object;
  return resource.storage.convertTo(to.storage, object);
}

/** Whether the webhook's conditions hold. Throws 403 where they cannot be told, unless its failures are to be ignored. */
export async function conditionsHold(context: ApiContext, { conditions, webhook }: Hook, subject: ReviewSubject): Promise<boolean> {
  if (conditions.isEmpty) return true;
  await loadCel();
  try {
    return conditions.hold(await celVariables(context, subject));
  } catch (error) {
    if (!(error instanceof ConditionError)) throw error;
    if (webhook.failurePolicy === 'Ignore') return false;
    throw forbiddenRequest(subject.request.resource.kind.groupResource, subject.request.name, error.message);
  }
}
