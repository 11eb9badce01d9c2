// NodeResourcesFit: a node must have room for all that a pod requests; the more would be left free, the better.
import type { Pod } from '../../kinds/types/core_v1.js';
import { definePlugin, type NodeInfo } from '../define.js';
import { requestsOf, scoredRequest } from '../resources.js';
import { MAX_SCORE } from './normalize.js';

const SCORED = ['cpu', 'memory'] as const;

export const nodeResourcesFit = definePlugin({
  name: 'NodeResourcesFit',
  helpedBy: ['NodeAdd', 'NodeUpdate', 'AssignedPodDelete'],
  filter(pod, node) {
    const reasons: string[] = [];
    if (node.pods.length + 1 > (node.allocatable.get('pods') ?? 0)) reasons.push('Too many pods');
    for (const [resource, amount] of requestsOf(pod)) {
      const free = (node.allocatable.get(resource) ?? 0) - (node.requested.get(resource) ?? 0);
      if (amount > 0 && amount > free) reasons.push(`Insufficient ${resource}`);
    }
    return reasons.length > 0 ? { reasons } : undefined;
  },
  score(pod, node) {
    const free = SCORED.map((resource) => leftFree(resource, pod, node));
    return Math.floor(free.reduce((sum, part) => sum + part, 0) / SCORED.length);
  },
});

/** 0..100: the share of a resource that would be left, pods without a request counted as small ones. */
function leftFree(resource: (typeof SCORED)[number], pod: Pod, node: NodeInfo): number {
  const capacity = node.allocatable.get(resource) ?? 0;
  const taken = takenOf(node)[resource] + scoredRequest(pod, resource);
  return capacity === 0 || taken > capacity ? 0 : Math.floor(((capacity - taken) * MAX_SCORE) / capacity);
}

const taken = new WeakMap<NodeInfo, { readonly cpu: number; readonly memory: number }>();

/** Summed once for each state of a node, not once for each pod that looks at it. */
function takenOf(node: NodeInfo): { readonly cpu: number; readonly memory: number } {
  let known = taken.get(node);
  if (!known) {
    const sum = (resource: 'cpu' | 'memory') => node.pods.reduce((total, pod) => total + scoredRequest(pod, resource), 0);
    taken.set(node, (known = { cpu: sum('cpu'), memory: sum('memory') }));
  }
  return known;
}
