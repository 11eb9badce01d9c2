// POST to an action subresource (pods/binding), and to `bindings`, the same for a pod that the body names.
import type { JsonObject } from '../../apimachinery/json.js';
import { badRequest } from '../../apimachinery/status.js';
import { pods } from '../../kinds/core/pod.js';
import type { ActionSubresource } from '../../kinds/define.js';
import { bodyKind, type Draft, readObject } from '../body.js';
import type { ApiContext } from '../context.js';
import type { Exchange, Handler, Result } from '../exchange.js';
import { isDryRun } from '../parameters.js';
import type { Resource } from '../resources.js';
import { successStatus } from '../success.js';
import { updateObject } from '../writes.js';

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
    return act(context, exchange, resource, { namespace: info.namespace, name: info.name! }, action, body);
  };
}

/** POST /api/v1/namespaces/<namespace>/bindings. */
export async function createBinding(context: ApiContext, exchange: Exchange, namespace: string): Promise<Result> {
  const resource = context.resources.of(pods);
  const action = actionOf(resource, 'binding');
  const body = readAction(context, exchange, action);
  if (!body.metadata.name) throw badRequest('a Binding must name the pod in metadata.name');
  return act(context, exchange, resource, { namespace, name: body.metadata.name }, action, body);
}

function actionOf({ kind }: Resource, name: string): ActionSubresource<unknown> {
  const action = kind.subresources?.actions?.[name];
  if (!action) throw new Error(`action: ${kind.kind} has no ${name}`);
  return action;
}

/** Bodies of actions are types of the core packages: `v1` Binding is `core.v1.Binding`. */
function readAction({ resources }: ApiContext, exchange: Exchange, { bodyVersion, bodyKind: kind }: ActionSubresource<unknown>): Draft {
  const [group, version] = bodyVersion.includes('/') ? bodyVersion.split('/') : ['core', bodyVersion];
  const schemaId = `${group!.split('.')[0]}.${version}.${kind}`;
  return readObject(exchange, bodyKind(resources.schemas, bodyVersion, kind, schemaId), 'CreateOptions');
}

async function act(
  context: ApiContext,
  exchange: Exchange,
  resource: Resource,
  name: { namespace: string | undefined; name: string },
  action: ActionSubresource<unknown>,
  body: Draft,
): Promise<Result> {
  const dryRun = isDryRun(exchange.query.getAll('dryRun'), 'CreateOptions');
  await updateObject(context, {
    resource,
    name,
    subresource: undefined,
    user: exchange.user,
    dryRun,
    trusted: true,
    draft(current) {
      const draft = structuredClone(current) as Draft;
      action.apply(draft as never, body as unknown as JsonObject, context.clock.now());
      return draft;
    },
  });
  return { type: 'value', code: 201, value: successStatus(resource.kind.groupResource, name.name, undefined, 201) };
}
