// POST to pods/eviction: a deletion that disruption budgets may put off.
import { rfc3339 } from '../../apimachinery/clock.js';
import { isJsonObject } from '../../apimachinery/json.js';
import { badRequest, notFound } from '../../apimachinery/status.js';
import type { Pod } from '../../kinds/types/core_v1.js';
import type { Eviction } from '../../kinds/types/policy_v1.js';
import { bodyKind, readObject } from '../body.js';
import type { ApiContext } from '../context.js';
import { checkDeletionOptions, checkPreconditions, type DeletionOptions } from '../deletion.js';
import { takeFromBudget } from '../disruption-budget.js';
import type { Handler, RequestBody } from '../exchange.js';
import { isDryRun } from '../parameters.js';
import { successStatus } from '../success.js';
import { type DeleteRequest, deleteObject } from './delete.js';

export const EVICTION = 'eviction';
const BETA = 'policy/v1beta1';

export function evictionHandler(context: ApiContext): Handler {
  return async ({ exchange, info, resource }) => {
    const kind = bodyKind(context.resources.schemas, versionIn(exchange.body), 'Eviction', 'policy.v1.Eviction');
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
    await evict(context, target, options);
    return { type: 'value', code: 201, value: successStatus(resource.kind.groupResource, name, undefined, 201) };
  };
}

/** As upstream, the version before is taken too: it has the same shape, and kubectl 1.20 sends it. */
function versionIn(body: RequestBody): string {
  const isBeta =
    body.type === 'bytes'
      ? Buffer.from(body.bytes).includes(BETA)
      : body.type === 'value' && isJsonObject(body.value) && body.value['apiVersion'] === BETA;
  return isBeta ? BETA : 'policy/v1';
}

type Target = Omit<DeleteRequest, 'options'>;

async function evict(context: ApiContext, target: Target, options: DeletionOptions): Promise<void> {
  const { resource, namespace, name, dryRun } = target;
  const stored = await resource.storage.get({ namespace, name });
  if (!stored) throw notFound(resource.kind.groupResource, name);
  checkPreconditions(resource.kind, stored.object, options.preconditions);
  await takeFromBudget(context, stored.object as Pod, dryRun);
  if (!dryRun)
    await resource.storage.change({ namespace, name }, ({ object }) => ({
      type: 'put',
      object: disrupted(object as Pod, context.clock.now()),
    }));
  // The condition has made it a newer object than the one that the client knows.
  const { resourceVersion: _, ...preconditions } = options.preconditions ?? {};
  await deleteObject(context, { ...target, options: { ...options, preconditions }, admitted: true });
}

/** Says of a pod why it goes, for who makes it anew. */
function disrupted(pod: Pod, now_ms: number): Pod {
  const others = (pod.status.conditions ?? []).filter(({ type }) => type !== 'DisruptionTarget');
  const condition = {
    type: 'DisruptionTarget',
    status: 'True',
    lastTransitionTime: rfc3339(now_ms),
    reason: 'EvictionByEvictionAPI',
    message: 'Eviction API: evicting',
  };
  return { ...pod, status: { ...pod.status, conditions: [...others, condition] } };
}
