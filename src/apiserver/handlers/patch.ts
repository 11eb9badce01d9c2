// PATCH of an object or of a subresource that is a view of the whole object: JSON, merge and strategic merge patches.
import type { JsonObject } from '../../apimachinery/json.js';
import { kindOf } from '../body.js';
import type { ApiContext } from '../context.js';
import type { Handler } from '../exchange.js';
import { writerOf } from '../managed-fields.js';
import { writeOptions } from '../parameters.js';
import { CUSTOM_PATCH_TYPES, isApply, PATCH_TYPES, readPatch } from '../patches.js';
import { updateObject } from '../writes.js';
import { apply } from './apply.js';

export function patchHandler(context: ApiContext): Handler {
  return async (request) => {
    const { exchange, info, resource } = request;
    if (isApply(exchange.body)) return apply(context, request);
    const kind = kindOf(resource);
    const { dryRun } = writeOptions(exchange.query, 'PatchOptions');
    const patch = readPatch(exchange, resource.schema.custom ? CUSTOM_PATCH_TYPES : PATCH_TYPES);
    return updateObject(context, {
      resource,
      name: { namespace: info.namespace, name: info.name! },
      subresource: info.subresource,
      exchange,
      dryRun,
      writer: writerOf(context, exchange, resource, info.subresource),
      draft: (current) => patch(kind, current as unknown as JsonObject),
    });
  };
}
