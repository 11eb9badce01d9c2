// pods/decisions at the port of a scheduler that is a process of its own: the API server's path, for those whom the API server says may.
import { isJsonObject } from '../apimachinery/json.js';
import { normalize } from '../apimachinery/normalize.js';
import { badRequest, invalidObject, methodNotAllowed } from '../apimachinery/status.js';
import type { Client } from '../client/client.js';
import { DECISIONS, type PodDecider } from '../client/pod-decisions.js';
import { pods } from '../kinds/core/pod.js';
import { schemas } from '../kinds/index.js';
import type { Pod } from '../kinds/types/core_v1.js';
import type { ComponentRequest, ComponentServerOptions } from './component-server.js';

const PATH = new RegExp(`^/api/v1/namespaces/([^/]+)/pods/([^/]+)/${DECISIONS}$`);

export function decisionsPath(client: Client, scheduler: PodDecider): NonNullable<ComponentServerOptions['more']> {
  return (request) => {
    const [, namespace, name] = PATH.exec(request.path) ?? [];
    return namespace && name ? decisions(client, scheduler, request, decodeURIComponent(namespace), decodeURIComponent(name)) : undefined;
  };
}

async function decisions(
  client: Client,
  scheduler: PodDecider,
  request: ComponentRequest,
  namespace: string,
  name: string,
): Promise<object> {
  const about = { version: 'v1', resource: 'pods', namespace };
  switch (request.method) {
    case 'GET':
      await request.may({ ...about, verb: 'get', name });
      return scheduler.decisionsOf(await client.get(pods, { namespace, name }));
    case 'POST':
      await request.may({ ...about, verb: 'create' });
      return scheduler.tryOut(podOf(await request.body(), namespace));
    default:
      throw methodNotAllowed(pods.groupResource, request.method.toLowerCase());
  }
}

/** As a dry run of its creation has given it back: admission and defaults have had their say. */
function podOf(text: string, namespace: string): Pod {
  const pod = normalize(schemas.get(pods.schema), { ...objectOf(text) }).object as unknown as Pod;
  if (pod.metadata?.namespace !== namespace)
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  const errors = pods.validate?.(pod, undefined) ?? [];
  if (errors.length > 0) throw invalidObject('', 'Pod', pod.metadata.name, errors);
  return { ...pod, status: pod.status ?? {} };
}

function objectOf(text: string) {
  try {
    const value: unknown = JSON.parse(text);
    if (isJsonObject(value as never)) return value as never as { readonly [field: string]: never };
  } catch {
    // Said below.
  }
  throw badRequest('the body of the request must be an object');
}
