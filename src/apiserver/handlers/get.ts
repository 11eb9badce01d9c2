// GET of one object: the newest state, straight from the store.
import { notFound } from '../../apimachinery/status.js';
import type { Handler } from '../exchange.js';

export const getHandler: Handler = async ({ info, resource }) => {
  const name = info.name!;
  const object = await resource.storage.get({ namespace: info.namespace, name });
  if (!object) throw notFound(resource.kind.groupResource, name);
  return { type: 'object', code: 200, resource, object };
};
