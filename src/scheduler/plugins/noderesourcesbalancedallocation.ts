// NodeResourcesBalancedAllocation: better a node of which equal shares of CPU and memory would be taken, so that neither is stranded.
import { definePlugin } from '../define.js';
import { requestsOf } from '../resources.js';
import { MAX_SCORE } from './normalize.js';

export const nodeResourcesBalancedAllocation = definePlugin<undefined, ReadonlyMap<string, number>>({
  name: 'NodeResourcesBalancedAllocation',
  make: () => ({
    preScore(pod) {
      const requests = requestsOf(pod);
      // A pod that asks for neither changes no balance, and must not be drawn to where there is one.
      return !requests.get('cpu') && !requests.get('memory') ? 'skip' : requests;
    },
    score(_, node, requests) {
      const share = (resource: string) => {
        const capacity = node.allocatable.get(resource) ?? 0;
        const taken = (node.requested.get(resource) ?? 0) + (requests.get(resource) ?? 0);
        return capacity === 0 ? 1 : Math.min(1, taken / capacity);
      };
      // The standard deviation of two values is half their distance.
      const deviation = Math.abs(share('cpu') - share('memory')) / 2;
      return Math.floor((1 - deviation) * MAX_SCORE);
    },
  }),
});
