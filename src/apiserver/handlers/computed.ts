// GET of kinds that are found out when somebody asks: nothing of them is stored, so there is nothing to watch or to page through.
import type { KubeObject } from '../../apimachinery/object.js';
import { notFound } from '../../apimachinery/status.js';
import type { ApiContext } from '../context.js';
import type { Handler, ResourceRequest } from '../exchange.js';
import { checkListOptions } from '../parameters.js';
import { matcherOf } from '../selectors.js';
import { ObjectCodec, type StoredObject } from '../storage/stored.js';

export function computedHandlers(context: ApiContext): { readonly get: Handler; readonly list: Handler } {
  return {
    async get(request) {
      const { info, resource } = request;
      const [object] = (await computed(context, request)).filter(({ object: { metadata } }) => metadata.name === info.name);
      if (!object) throw notFound(resource.kind.groupResource, info.name!);
      return { type: 'object', code: 200, resource, object };
    },
    async list(request) {
      const { exchange, resource } = request;
      checkListOptions(exchange.query);
      const matches = matcherOf(resource.kind, exchange.query, undefined);
      const objects = await computed(context, request);
      return { type: 'list', resource, objects: matches ? objects.filter(matches) : objects, resourceVersion: 0 };
    },
  };
}

async function computed(context: ApiContext, { info, resource: { kind, extension } }: ResourceRequest): Promise<readonly StoredObject[]> {
  const codec = new ObjectCodec(kind, kind.selectableFields);
  const { apiVersion } = kind;
  const { namespace, name } = info;
  const objects = await extension!.compute!(context, { namespace, name });
  return objects.map((object) => codec.unstored({ kind: kind.kind, apiVersion, ...object } as unknown as KubeObject));
}
