// Watches Nodes; says in an annotation of each for how many seconds its kubelet may go by what it has read of Secrets and ConfigMaps: more, the
// more nodes there are that would ask.
import { nodes } from '../kinds/core/node.js';
import { defineController } from './define.js';
import { perRun } from './run-state.js';

const ANNOTATION_TTL = 'node.alpha.kubernetes.io/ttl';

/** Upstream's. They overlap, so that a cluster at a boundary does not change all its nodes with each that comes or goes. */
const STEPS = [
  { min: 0, max: 100, ttl_s: 0 },
  { min: 90, max: 500, ttl_s: 15 },
  { min: 450, max: 1000, ttl_s: 30 },
  { min: 900, max: 2000, ttl_s: 60 },
  { min: 1800, max: 10_000, ttl_s: 300 },
] as const;

/** All nodes are one key: how many they are decides for each. */
const ALL_NODES = 'nodes';

const stateOf = perRun(() => ({ step: 0 }));

export const ttl = defineController({
  name: 'ttl',
  inputs: [nodes.mapped(() => [ALL_NODES])],
  outputs: [nodes],
  async reconcile(_key, context) {
    const all = context.list(nodes);
    const state = stateOf(context);
    state.step = stepFor(all.length, state.step);
    const wanted = String(STEPS[state.step]!.ttl_s);
    for (const { metadata } of all) {
      if (metadata.annotations?.[ANNOTATION_TTL] === wanted) continue;
      const patch = { metadata: { uid: metadata.uid, annotations: { [ANNOTATION_TTL]: wanted } } };
      await context.client.patch(nodes, metadata, 'application/merge-patch+json', patch);
    }
  },
});

/** The step of so many nodes, coming from another. Pure. */
export function stepFor(count: number, before: number): number {
  let step = before;
  while (step < STEPS.length - 1 && count > STEPS[step]!.max) step++;
  while (step > 0 && count < STEPS[step]!.min) step--;
  return step;
}
