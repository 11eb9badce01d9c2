// The parameters that a binding gives to its policy: one object, several by their labels, or none.
import { selectorOf } from '../../apimachinery/labels.js';
import type { KubeObject } from '../../apimachinery/object.js';
import type { ParamKind, ParamRef } from '../../kinds/types/admissionregistration_v1.js';
import { lookUp, lookUpAll } from '../admission/lookup.js';
import type { ApiContext } from '../context.js';

/** Thrown where what is configured cannot be; what failurePolicy is about. */
export class ParamError extends Error {}

/** Undefined stands for no parameters at all; an empty list, for a binding that has nothing to say. Throws ParamError. */
export async function paramsFor(
  context: ApiContext,
  paramKind: ParamKind | undefined,
  ref: ParamRef | undefined,
  requestNamespace: string | undefined,
): Promise<readonly (KubeObject | undefined)[]> {
  if (!paramKind || !ref) return [undefined];
  const { apiVersion = '', kind: kindName = '' } = paramKind;
  const resource = context.resources.byGvk(apiVersion, kindName);
  if (!resource)
    throw new ParamError(`failed to configure policy: failed to find resource referenced by paramKind: '${apiVersion}, Kind=${kindName}'`);
  const { kind } = resource;
  if (!kind.namespaced && ref.namespace)
    throw new ParamError(
      'failed to configure binding: cannot use namespaced paramRef in policy binding that matches cluster-scoped resources',
    );
  const namespace = kind.namespaced ? ref.namespace || requestNamespace : undefined;
  if (kind.namespaced && namespace === undefined) {
    throw new ParamError(
      'failed to configure binding: cannot use namespaced paramRef in policy binding that matches cluster-scoped resources',
    );
  }
  const found = ref.selector
    ? await bySelector(context, kind, namespace, ref.selector)
    : [await lookUp<KubeObject>(context, kind, { namespace, name: ref.name! })];
  const present = found.filter((each) => each !== undefined);
  if (present.length === 0 && ref.parameterNotFoundAction === 'Deny') {
    throw new ParamError('failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction');
  }
  return present;
}

async function bySelector(
  context: ApiContext,
  kind: Parameters<typeof lookUpAll>[1],
  namespace: string | undefined,
  selector: ParamRef['selector'],
) {
  const { matches } = selectorOf(selector);
  return (await lookUpAll<KubeObject>(context, kind, namespace)).filter(({ metadata }) => matches(metadata.labels));
}
