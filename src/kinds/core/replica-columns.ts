// Desired, Current and Ready: the columns of the kinds that keep a number of pods, old and new.
import type { Column } from '../define.js';

interface Replicated {
  readonly spec: { readonly replicas?: number };
  readonly status: { readonly replicas: number; readonly readyReplicas?: number };
}

export function replicaColumns<T extends Replicated>(): readonly Column<T>[] {
  return [
    { name: 'Desired', type: 'integer', description: 'How many pods there should be', cell: ({ spec }) => spec.replicas ?? 0 },
    { name: 'Current', type: 'integer', description: 'How many pods there are', cell: ({ status }) => status.replicas ?? 0 },
    { name: 'Ready', type: 'integer', description: 'How many of them are ready', cell: ({ status }) => status.readyReplicas ?? 0 },
  ];
}
