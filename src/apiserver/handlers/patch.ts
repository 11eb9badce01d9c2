// PATCH of an object or of a subresource that is a view of the whole object: JSON, merge and strategic merge patches.
import type { JsonObject } from '../../apimachinery/json.js';
import { kindOf, toObject } from '../body.js';
import type { ApiContext } from '../context.js';
import type { Handler } from '../exchange.js';
import { isDryRun } from '../parameters.js';
import { readPatch } from '../patches.js';
import { updateObject } from '../writes.js';

export function patchHandler(context: ApiContext): Handler {
  return async ({ exchange, info, resource }) => {
    const kind = kindOf(resource);
    const dryRun = isDryRun(exchange.query.getAll('dryRun'), 'PatchOptions');
    const patch = readPatch(exchange.body);
    return updateObject(context, {
      resource,
      name: { namespace: info.namespace, name: info.name! },
      subresource: info.subresource,
      exchange,
      dryRun,
      draft(current) {
        const patched = patch(kind.schema, current as unknown as JsonObject);
        return toObject(exchange, kind, patched, 'PatchOptions');
      },
    });
  };
}
