// What a handler answered as the object that a client would have parsed of it.
import type { Result } from './exchange.js';
import { listMeta } from './http/encode.js';

/** Undefined for what is no single document: bytes and streams. */
export function plainResult(result: Result): object | undefined {
  switch (result.type) {
    case 'object':
      return result.object.object;
    case 'value':
      return result.value;
    case 'list': {
      const { listKind, apiVersion } = result.resource.kind;
      return { kind: listKind, apiVersion, metadata: listMeta(result), items: result.objects.map(({ object }) => object) };
    }
    default:
      return undefined;
  }
}
