// NOT_TRACKED: fields that have no managers: an object's identity, and what the server alone writes.
import { setOf } from './field-set.js';

const metadata = (name: string) => ['f:metadata', `f:${name}`];

const PARTS = [
  ['f:apiVersion'],
  ['f:kind'],
  metadata('clusterName'),
  metadata('creationTimestamp'),
  metadata('generation'),
  metadata('managedFields'),
  metadata('name'),
  metadata('namespace'),
  metadata('resourceVersion'),
  metadata('selfLink'),
  metadata('uid'),
];

export const NOT_TRACKED = setOf(['f:metadata'], ...PARTS);
/** Those that need not even be looked at, since metadata itself has other fields. */
export const NOT_COMPARED = setOf(...PARTS);
