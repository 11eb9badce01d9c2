// NodeResourcesFit: a node must have room for all that a pod requests; how full it would then be is its score.
import { isExtendedResource, isScalarResource } from '../../kinds/core/resource-names.js';
import type { Pod } from '../../kinds/types/core_v1.js';
import { definePlugin, type FilterResult, type NodeInfo } from '../define.js';
import { nodeResourcesFitHints } from '../event-hints.js';
import { type NodeResourcesFitArgs, nodeResourcesFitArgs, type ResourceWeight, scorerOf } from '../resource-strategies.js';
import { requestsOf, scoredRequest } from '../resources.js';

/** A resource and how much of it the pod requests: more than nothing. */
type Requested = readonly (readonly [resource: string, amount: number])[];

interface Wanted extends ResourceWeight {
  readonly amount: number;
}

const FULL = 'Too many pods';

export const nodeResourcesFit = definePlugin<Requested, readonly Wanted[], NodeResourcesFitArgs>({
  name: 'NodeResourcesFit',
  args: nodeResourcesFitArgs,
  make({ ignoredResources, ignoredResourceGroups, scoringStrategy }) {
    const { type, resources } = scoringStrategy;
    const scorer = scorerOf(scoringStrategy);
    const isIgnored = (name: string) =>
      isExtendedResource(name) && (ignoredResources.includes(name) || ignoredResourceGroups.includes(name.slice(0, name.indexOf('/'))));
    return {
      events: nodeResourcesFitHints,
      signature: (pod) => [...requestsOf(pod), scoredRequest(pod, 'cpu'), scoredRequest(pod, 'memory')].join(),
      preFilter: (pod) => ({ state: [...requestsOf(pod)].filter(([name, amount]) => amount > 0 && !isIgnored(name)) }),
      filter(_, node, requested) {
        if (node.pods.length + 1 > (node.allocatable.get('pods') ?? 0)) return refusal(node, requested);
        for (let i = 0; i < requested.length; i++) if (lacks(node, requested[i]!)) return refusal(node, requested);
        return undefined;
      },
      preScore: (pod) => resources.map(({ name, weight }) => ({ name, weight, amount: wanted(pod, name) })),
      score(_, node, all) {
        let [sum, weights] = [0, 0];
        for (let i = 0; i < all.length; i++) {
          const { name, weight, amount } = all[i]!;
          const capacity = node.allocatable.get(name) ?? 0;
          if (capacity === 0 || (amount === 0 && isScalarResource(name))) continue;
          const score = scorer(taken(node, name) + amount, capacity);
          // By upstream's ratio what scores nothing does not count at all.
          if (score === 0 && type === 'RequestedToCapacityRatio') continue;
          sum += score * weight;
          weights += weight;
        }
        if (weights === 0) return 0;
        return type === 'RequestedToCapacityRatio' ? Math.round(sum / weights) : Math.floor(sum / weights);
      },
    };
  },
});

const lacks = ({ allocatable, requested }: NodeInfo, [resource, amount]: Requested[number]): boolean =>
  amount > (allocatable.get(resource) ?? 0) - (requested.get(resource) ?? 0);

/** All that is lacking is said; what the node could not give even if it were empty, no eviction brings. */
function refusal(node: NodeInfo, requested: Requested): FilterResult {
  const lacking = requested.filter((one) => lacks(node, one));
  const unresolvable = lacking.some(([resource, amount]) => amount > (node.allocatable.get(resource) ?? 0));
  const full = node.pods.length + 1 > (node.allocatable.get('pods') ?? 0) ? [FULL] : [];
  return { reasons: [...full, ...lacking.map(([resource]) => reasonOf(resource))], ...(unresolvable ? { unresolvable } : {}) };
}

const reasonOf = (resource: string): string => `Insufficient ${resource}`;

/** Pods without a request count as small ones. */
function wanted(pod: Pod, resource: string): number {
  return resource === 'cpu' || resource === 'memory' ? scoredRequest(pod, resource) : (requestsOf(pod).get(resource) ?? 0);
}

function taken({ scored, requested }: NodeInfo, resource: string): number {
  if (resource === 'cpu') return scored.cpu;
  return resource === 'memory' ? scored.memory : (requested.get(resource) ?? 0);
}
