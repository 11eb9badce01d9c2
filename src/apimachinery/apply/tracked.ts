// NOT_TRACKED: fields that have no managers: an object's identity, and what the server alone writes.
import { setOf } from './field-set.js';

const metadata = (name: string) => ['f:metadata', `f:${name}`];

export const NOT_TRACKED = setOf(
  ['f:apiVersion'],
  ['f:kind'],
  ['f:metadata'],
  metadata('clusterName'),
  metadata('creationTimestamp'),
  metadata('generation'),
  metadata('managedFields'),
  metadata('name'),
  metadata('namespace'),
  metadata('resourceVersion'),
  metadata('selfLink'),
  metadata('uid'),
);
