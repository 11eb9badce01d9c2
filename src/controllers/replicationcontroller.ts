// Watches ReplicationControllers and pods; creates, adopts, releases and deletes pods, and keeps the controllers' status.
import { selectorOfMap } from '../apimachinery/labels.js';
import { replicationControllers } from '../kinds/core/replicationcontroller.js';
import { replicaController } from './replicas.js';

export const replicationController = replicaController({
  name: 'replicationcontroller',
  serviceAccount: 'replication-controller',
  eventSource: 'replication-controller',
  kind: replicationControllers,
  selector: (owner) => selectorOfMap(owner.spec.selector),
});
