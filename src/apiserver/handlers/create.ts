// POST to a collection.
import { badRequest, methodNotAllowed } from '../../apimachinery/status.js';
import { kindOf, readObject } from '../body.js';
import type { ApiContext } from '../context.js';
import type { Handler } from '../exchange.js';
import { writerOf } from '../managed-fields.js';
import { writeOptions } from '../parameters.js';
import { setNamespace } from '../strategy.js';
import { createObject } from '../writes.js';

export function createHandler(context: ApiContext): Handler {
  return async ({ exchange, info, resource }) => {
    if (info.name !== undefined) throw methodNotAllowed(resource.kind.groupResource, 'create');
    const { dryRun } = writeOptions(exchange.query, 'CreateOptions');
    const draft = readObject(exchange, kindOf(resource), 'CreateOptions');
    setNamespace(draft, resource, info.namespace);
    if (resource.kind.namespaced && !draft.metadata.namespace) {
      throw badRequest('an empty namespace may not be set during creation');
    }
    return createObject(context, { resource, draft, exchange, dryRun, writer: writerOf(context, exchange, resource, undefined) });
  };
}
