// POST to a collection.
import { badRequest, methodNotAllowed } from '../../apimachinery/status.js';
import { kindOf, readObject } from '../body.js';
import type { ApiContext } from '../context.js';
import type { Handler, ResourceRequest, Result } from '../exchange.js';
import { writerOf } from '../managed-fields.js';
import { writeOptions } from '../parameters.js';
import { setNamespace } from '../strategy.js';
import { createObject } from '../writes.js';

export function createHandler(context: ApiContext): Handler {
  return async (request) => {
    const { exchange, info, resource } = request;
    if (info.name !== undefined) throw methodNotAllowed(resource.kind.groupResource, 'create');
    return createFromBody(context, request, writeOptions(exchange.query, 'CreateOptions').dryRun);
  };
}

export async function createFromBody(context: ApiContext, { exchange, info, resource }: ResourceRequest, dryRun: boolean): Promise<Result> {
  const draft = readObject(exchange, kindOf(resource), 'CreateOptions');
  setNamespace(draft, resource, info.namespace);
  if (resource.kind.namespaced && !draft.metadata.namespace) {
    throw badRequest('an empty namespace may not be set during creation');
  }
  return createObject(context, { resource, draft, exchange, dryRun, writer: writerOf(context, exchange, resource, undefined) });
}
