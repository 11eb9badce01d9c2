// POST to pods/eviction: a deletion that policies may refuse; there are none yet, so it is a deletion.
import { badRequest } from '../../apimachinery/status.js';
import type { Eviction } from '../../kinds/types/policy_v1.js';
import { bodyKind, readObject } from '../body.js';
import type { ApiContext } from '../context.js';
import { checkDeletionOptions, type DeletionOptions } from '../deletion.js';
import type { Handler } from '../exchange.js';
import { isDryRun } from '../parameters.js';
import { successStatus } from '../success.js';
import { deleteObject } from './delete.js';

export const EVICTION = 'eviction';

export function evictionHandler(context: ApiContext): Handler {
  return async ({ exchange, info, resource }) => {
    const kind = bodyKind(context.resources.schemas, 'policy/v1', 'Eviction', 'policy.v1.Eviction');
    const body = readObject(exchange, kind, 'CreateOptions');
    const { metadata, deleteOptions } = body as unknown as Partial<Eviction>;
    const [{ namespace, subresource }, name] = [info, info.name!];
    if (metadata?.name && metadata.name !== name)
      throw badRequest(`name in URL does not match name in Eviction object: ${name} != ${metadata.name}`);
    const options = (deleteOptions ?? {}) as DeletionOptions;
    checkDeletionOptions(options);
    const dryRun = isDryRun([...exchange.query.getAll('dryRun'), ...(deleteOptions?.dryRun ?? [])], 'CreateOptions');
    const target = { resource, namespace, name, exchange, dryRun };
    await context.admission.both({ ...target, operation: 'CREATE', subresource, kind, old: undefined }, body, context);
    await deleteObject(context, { ...target, options, admitted: true });
    return { type: 'value', code: 201, value: successStatus(resource.kind.groupResource, name, undefined, 201) };
  };
}
