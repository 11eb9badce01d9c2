// ImageLocality: better a node that has the pod's images already, by their size and by how many nodes have them.
import { allContainers } from '../../kinds/core/podutil.js';
import { definePlugin, type NodeInfo, type Snapshot } from '../define.js';
import { MAX_SCORE } from './normalize.js';

/** Upstream's bounds, each container: less is not worth a thought, more makes no further difference. */
const MIN_BYTES = 23 * 1024 * 1024;
const MAX_BYTES_PER_CONTAINER = 1000 * 1024 * 1024;

export const imageLocality = definePlugin({
  name: 'ImageLocality',
  score(pod, node, snapshot) {
    const containers = allContainers(pod.spec);
    const total = snapshot.nodes.size;
    const present = containers.reduce((sum, { image }) => {
      const size_bytes = sizesOf(node).get(normalized(image ?? '')) ?? 0;
      // An image that few nodes have would draw all pods to those; so it counts by its spread.
      return size_bytes === 0 ? sum : sum + (size_bytes * nodesWith(normalized(image ?? ''), snapshot)) / total;
    }, 0);
    const max = MAX_BYTES_PER_CONTAINER * containers.length;
    return Math.floor((MAX_SCORE * (Math.min(Math.max(present, MIN_BYTES), max) - MIN_BYTES)) / (max - MIN_BYTES));
  },
});

/** Without a tag or digest, `latest` is meant. */
function normalized(image: string): string {
  return image.lastIndexOf(':') <= image.lastIndexOf('/') ? `${image}:latest` : image;
}

const sizes = new WeakMap<NodeInfo['node'], ReadonlyMap<string, number>>();

function sizesOf({ node }: NodeInfo): ReadonlyMap<string, number> {
  let known = sizes.get(node);
  if (!known) {
    const images = node.status.images ?? [];
    known = new Map(images.flatMap(({ names = [], sizeBytes = 0 }) => names.map((name) => [name, sizeBytes] as const)));
    sizes.set(node, known);
  }
  return known;
}

const spreads = new WeakMap<Snapshot, Map<string, number>>();

function nodesWith(image: string, snapshot: Snapshot): number {
  let counts = spreads.get(snapshot);
  if (!counts) spreads.set(snapshot, (counts = new Map()));
  let count = counts.get(image);
  if (count === undefined) {
    count = [...snapshot.nodes.values()].filter((node) => sizesOf(node).has(image)).length;
    counts.set(image, count);
  }
  return count;
}
