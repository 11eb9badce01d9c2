// GET of one object: the newest state, from the watch cache where that is known to have it, else from the store.
import { notFound } from '../../apimachinery/status.js';
import type { Handler } from '../exchange.js';

export const getHandler: Handler = async ({ info, resource }) => {
  const { cache, kind, storage } = resource;
  const name = { namespace: info.namespace, name: info.name! };
  const object = cache.current ? cache.get(storage.key(name)) : await storage.get(name);
  if (!object) throw notFound(kind.groupResource, name.name);
  return { type: 'object', code: 200, resource, object };
};
