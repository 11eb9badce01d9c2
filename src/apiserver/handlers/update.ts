// PUT of an object or of a subresource that is a view of the whole object (status, finalize, approval).
import type { KubeObject } from '../../apimachinery/object.js';
import { kindOf, readObject } from '../body.js';
import type { ApiContext } from '../context.js';
import type { Handler } from '../exchange.js';
import { writerOf } from '../managed-fields.js';
import { writeOptions } from '../parameters.js';
import { updateObject } from '../writes.js';

export function updateHandler(context: ApiContext): Handler {
  return async ({ exchange, info, resource }) => {
    const kind = kindOf(resource);
    const { dryRun } = writeOptions(exchange.query, 'UpdateOptions');
    const body = readObject(exchange, kind, 'UpdateOptions');
    let used = false;
    const draft = (_current: KubeObject) => {
      // The first attempt takes the body itself; a later one needs it unchanged, which is rare enough to decode again.
      if (used) return readObject(exchange, kind, 'UpdateOptions');
      used = true;
      return body;
    };
    const name = { namespace: info.namespace, name: info.name! };
    const writer = writerOf(context, exchange, resource, info.subresource);
    return updateObject(context, { resource, name, subresource: info.subresource, exchange, dryRun, writer, draft });
  };
}
