// Who is evicted first where a node runs short, and in which words: pure, upstream's order.
import { formatQuantity } from '../../../src/apimachinery/quantity.js';
import { podRequests, resourceAmount } from '../../../src/kinds/core/podutil.js';
import type { Pod } from '../../../src/kinds/types/core_v1.js';
import { thresholdAmount } from '../allocatable.js';
import { type Observation, SIGNALS, type Threshold } from './thresholds.js';

export type Resource = (typeof SIGNALS)[keyof typeof SIGNALS]['resource'];

/** What a pod uses of the one resource. */
export interface PodUsage {
  readonly pod: Pod;
  readonly total: number;
  /** By container name. */
  readonly containers: ReadonlyMap<string, number>;
}

const REQUESTED: { readonly [resource in Resource]?: string } = { memory: 'memory', 'ephemeral-storage': 'ephemeral-storage' };

/** Those above what they asked for first, then by priority, then by how much they are above it. */
export function rank(usages: readonly PodUsage[], resource: Resource): readonly PodUsage[] {
  const requested = REQUESTED[resource];
  const above = ({ pod, total }: PodUsage) => total - (requested ? (podRequests(pod).get(requested) ?? 0) : 0);
  const exceeds = (usage: PodUsage) => (requested && above(usage) > 0 ? 0 : 1);
  const priority = ({ pod }: PodUsage) => pod.spec.priority ?? 0;
  return [...usages].sort((a, b) => exceeds(a) - exceeds(b) || priority(a) - priority(b) || above(b) - above(a));
}

export function evictionMessage({ pod, containers }: PodUsage, threshold: Threshold, observed: Observation): string {
  const { resource } = SIGNALS[threshold.signal];
  const amount = (value: number) =>
    formatQuantity(Math.floor(value), resource === 'pids' || resource === 'inodes' ? 'DecimalSI' : 'BinarySI');
  const wanted = amount(thresholdAmount(threshold.value, observed.capacity));
  const requested = REQUESTED[resource];
  const above = pod.spec.containers.map(({ name, resources }) => {
    const used = containers.get(name) ?? 0;
    const request = requested ? resourceAmount(requested, resources?.requests?.[requested] ?? 0) : 0;
    if (!requested || used <= request) return '';
    return `Container ${name} was using ${amount(used)}, request is ${amount(request)}, has larger consumption of ${resource}. `;
  });
  return `The node was low on resource: ${resource}. Threshold quantity: ${wanted}, available: ${amount(observed.available)}. ${above.join('')}`;
}
