// GET of one object: the newest state, straight from the store.
import { notFound } from '../../apimachinery/status.js';
import type { Handler } from '../exchange.js';
import { revisionOf } from '../parameters.js';

export const getHandler: Handler = async ({ exchange, info, resource }) => {
  const name = info.name!;
  const revision = revisionOf(exchange.query.get('resourceVersion'));
  // The newest is as new as anybody can ask for, except for what is still to come.
  if (revision) await resource.cache.caughtUp(revision);
  const object = await resource.storage.get({ namespace: info.namespace, name });
  if (!object) throw notFound(resource.kind.groupResource, name);
  return { type: 'object', code: 200, resource, object };
};
