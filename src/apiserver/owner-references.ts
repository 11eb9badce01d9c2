// Owners that an object names twice: as upstream, each is kept once and the client is warned.
import { isDeepStrictEqual } from 'node:util';
import type { Draft } from './body.js';
import type { Exchange } from './exchange.js';

export function dropDuplicateOwners({ metadata }: Draft, { method, warnings }: Exchange): void {
  const { ownerReferences: references } = metadata;
  if (!references || references.length < 2) return;
  const kept: typeof references = [];
  const duplicates: string[] = [];
  for (const reference of references) {
    if (kept.some((other) => isDeepStrictEqual(other, reference))) duplicates.push(reference.uid);
    else kept.push(reference);
  }
  if (duplicates.length === 0) return;
  metadata.ownerReferences = kept;
  // As upstream, which looks at what a patch has made when admission has seen it.
  const when = method === 'PATCH' ? ' after mutating admission happens' : '';
  warnings.push(
    `.metadata.ownerReferences contains duplicate entries${when}; API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: ${duplicates.join(', ')}`,
  );
}
