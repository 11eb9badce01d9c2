// authorizeCreation: a PUT or PATCH that would make an object takes the right to create, too.
import type { ApiContext } from '../context.js';
import type { Exchange } from '../exchange.js';
import { attributesOf } from './attributes.js';
import { forbidden } from './forbidden.js';

/** Throws 403. */
export async function authorizeCreation({ authorizer }: ApiContext, { user, info, query }: Exchange): Promise<void> {
  await authorizer.ready(user);
  const attributes = { ...attributesOf(user, info, query), verb: 'create' };
  const { allowed, reason } = authorizer.authorize(attributes);
  if (!allowed) throw forbidden(attributes, reason);
}
