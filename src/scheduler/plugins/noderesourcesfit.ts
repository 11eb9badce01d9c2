// NodeResourcesFit: a node must have room for all that a pod requests; the more would be left free, the better.
import { definePlugin, type NodeInfo } from '../define.js';
import { requestsOf, scoredRequest } from '../resources.js';
import { MAX_SCORE } from './normalize.js';

type Requests = ReadonlyMap<string, number>;
type Scored = { readonly cpu: number; readonly memory: number };

export const nodeResourcesFit = definePlugin<Requests, Scored>({
  name: 'NodeResourcesFit',
  make: () => ({
    events: [{ event: 'NodeAdd' }, { event: 'NodeUpdate' }, { event: 'AssignedPodUpdate' }, { event: 'AssignedPodDelete' }],
    preFilter: (pod) => ({ state: requestsOf(pod) }),
    filter(_, node, requests) {
      const reasons: string[] = [];
      if (node.pods.length + 1 > (node.allocatable.get('pods') ?? 0)) reasons.push('Too many pods');
      for (const [resource, amount] of requests) {
        const free = (node.allocatable.get(resource) ?? 0) - (node.requested.get(resource) ?? 0);
        if (amount > 0 && amount > free) reasons.push(`Insufficient ${resource}`);
      }
      return reasons.length > 0 ? { reasons } : undefined;
    },
    preScore: (pod) => ({ cpu: scoredRequest(pod, 'cpu'), memory: scoredRequest(pod, 'memory') }),
    score: (_, node, wanted) => Math.floor((leftFree('cpu', wanted, node) + leftFree('memory', wanted, node)) / 2),
  }),
});

/** 0..100: the share of a resource that would be left, pods without a request counted as small ones. */
function leftFree(resource: keyof Scored, wanted: Scored, node: NodeInfo): number {
  const capacity = node.allocatable.get(resource) ?? 0;
  const taken = node.scored[resource] + wanted[resource];
  return capacity === 0 || taken > capacity ? 0 : Math.floor(((capacity - taken) * MAX_SCORE) / capacity);
}
