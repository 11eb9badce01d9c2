// POST to an action subresource (pods/binding), and to `bindings`, the same for a pod that the body names.
import type { JsonObject } from '../../apimachinery/json.js';
import { badRequest } from '../../apimachinery/status.js';
import { pods } from '../../kinds/core/pod.js';
import type { ActionSubresource } from '../../kinds/define.js';
import { type BodyKind, bodyKind, type Draft, readObject } from '../body.js';
import type { ApiContext } from '../context.js';
import { draftOf } from '../draft.js';
import type { Exchange, Handler, Result } from '../exchange.js';
import { isDryRun } from '../parameters.js';
import type { Resource } from '../resources.js';
import { successStatus } from '../success.js';
import { updateObject } from '../writes.js';

const BINDING = 'binding';

interface Target {
  readonly resource: Resource;
  readonly subresource: string;
  readonly namespace: string | undefined;
  readonly name: string;
}

export function actionHandler(context: ApiContext): Handler {
  return async ({ exchange, info, resource }) => {
    const action = actionOf(resource, info.subresource!);
    const body = readAction(context, exchange, action);
    const { name, namespace } = body.metadata;
    if (name && name !== info.name) {
      throw badRequest(`the name of the object (${name}) does not match the name on the URL (${info.name})`);
    }
    if (namespace && namespace !== info.namespace) {
      throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
    }
    const target = { resource, subresource: info.subresource!, namespace: info.namespace, name: info.name! };
    return act(context, exchange, target, action, body);
  };
}

/** POST /api/v1/namespaces/<namespace>/bindings. */
export async function createBinding(context: ApiContext, exchange: Exchange, namespace: string): Promise<Result> {
  const resource = context.resources.of(pods);
  const action = actionOf(resource, BINDING);
  const body = readAction(context, exchange, action);
  if (!body.metadata.name) throw badRequest('a Binding must name the pod in metadata.name');
  return act(context, exchange, { resource, subresource: BINDING, namespace, name: body.metadata.name }, action, body);
}

function actionOf({ kind }: Resource, name: string): ActionSubresource<unknown> {
  const action = kind.subresources?.actions?.[name];
  if (!action) throw new Error(`action: ${kind.kind} has no ${name}`);
  return action;
}

/** Bodies of actions are types of the core packages: `v1` Binding is `core.v1.Binding`. */
function kindOfAction({ resources }: ApiContext, { bodyVersion, bodyKind: kind }: ActionSubresource<unknown>): BodyKind {
  const [group, version] = bodyVersion.includes('/') ? bodyVersion.split('/') : ['core', bodyVersion];
  return bodyKind(resources.schemas, bodyVersion, kind, `${group!.split('.')[0]}.${version}.${kind}`);
}

const readAction = (context: ApiContext, exchange: Exchange, action: ActionSubresource<unknown>): Draft =>
  readObject(exchange, kindOfAction(context, action), 'CreateOptions');

async function act(
  context: ApiContext,
  exchange: Exchange,
  target: Target,
  action: ActionSubresource<unknown>,
  body: Draft,
): Promise<Result> {
  const { resource, subresource, namespace, name } = target;
  const dryRun = isDryRun(exchange.query.getAll('dryRun'), 'CreateOptions');
  const kind = kindOfAction(context, action);
  await context.admission.both({ ...target, operation: 'CREATE', kind, exchange, dryRun, old: undefined }, body, context);
  await updateObject(context, {
    resource,
    name: { namespace, name },
    subresource,
    exchange,
    dryRun,
    trusted: true,
    draft(current) {
      const draft = draftOf(current);
      action.apply(draft as never, body as unknown as JsonObject, context.clock.now());
      return draft;
    },
  });
  return { type: 'value', code: 201, value: successStatus(resource.kind.groupResource, name, undefined, 201) };
}
