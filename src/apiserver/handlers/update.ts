// PUT of an object or of a subresource that is a view of the whole object (status, finalize, approval).
import { authorizeCreation } from '../authorization/creation.js';
import { kindOf, readObject } from '../body.js';
import type { ApiContext } from '../context.js';
import type { Handler } from '../exchange.js';
import { writerOf } from '../managed-fields.js';
import { writeOptions } from '../parameters.js';
import { checkCreation } from '../strategy.js';
import { createObject, createOrUpdate, updateObject } from '../writes.js';

export function updateHandler(context: ApiContext): Handler {
  return async ({ exchange, info, resource }) => {
    const kind = kindOf(resource);
    const { dryRun } = writeOptions(exchange.query, 'UpdateOptions');
    const body = readObject(exchange, kind, 'UpdateOptions');
    let used = false;
    const draft = () => {
      // The first attempt takes the body itself; a later one needs it unchanged, which is rare enough to decode again.
      if (used) return readObject(exchange, kind, 'UpdateOptions');
      used = true;
      return body;
    };
    const name = { namespace: info.namespace, name: info.name! };
    const writer = writerOf(context, exchange, resource, info.subresource);
    const update = () => updateObject(context, { resource, name, subresource: info.subresource, exchange, dryRun, writer, draft });
    if (info.subresource !== undefined || !resource.kind.allowCreateOnUpdate) return update();
    return createOrUpdate(resource, name, update, async () => {
      await authorizeCreation(context, exchange);
      const fresh = draft();
      checkCreation(resource, fresh, name);
      return createObject(context, { resource, draft: fresh, exchange, dryRun, writer });
    });
  };
}
