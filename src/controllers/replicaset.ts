// Watches ReplicaSets and pods; creates, adopts, releases and deletes pods, and keeps the ReplicaSets' status.
import { selectorOf } from '../apimachinery/labels.js';
import { replicaSets } from '../kinds/apps/replicaset.js';
import { replicaController } from './replicas.js';

export const replicaSet = replicaController({
  name: 'replicaset',
  kind: replicaSets,
  selector: (owner) => selectorOf(owner.spec.selector),
  countsTerminating: true,
});
