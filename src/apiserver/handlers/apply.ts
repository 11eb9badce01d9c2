// PATCH with a configuration to apply: creates the object where there is none.
import { applyTo } from '../apply.js';
import { authorizeCreation } from '../authorization/creation.js';
import type { ApiContext } from '../context.js';
import type { ResourceRequest, Result } from '../exchange.js';
import { writerOf } from '../managed-fields.js';
import { writeOptions } from '../parameters.js';
import { readConfiguration } from '../patches.js';
import { checkCreation } from '../strategy.js';
import { createObject, createOrUpdate, updateObject } from '../writes.js';

export async function apply(context: ApiContext, { exchange, info, resource }: ResourceRequest): Promise<Result> {
  const { dryRun, force } = writeOptions(exchange.query, 'PatchOptions', true);
  const config = readConfiguration(exchange);
  const [name, { subresource }] = [{ namespace: info.namespace, name: info.name! }, info];
  const request = { exchange, resource, name, config, force, writer: writerOf(context, exchange, resource, subresource) };
  const update = () =>
    updateObject(context, { resource, name, subresource, exchange, dryRun, draft: (current) => applyTo(context, request, current) });
  if (subresource !== undefined) return update();
  return createOrUpdate(resource, name, update, async () => {
    await authorizeCreation(context, exchange);
    const draft = await applyTo(context, request, undefined);
    checkCreation(resource, draft, name);
    return createObject(context, { resource, draft, exchange, dryRun });
  });
}
