// ImageLocality: better a node that has the pod's images already, by their size and by how many nodes have them.
import { allContainers } from '../../kinds/core/podutil.js';
import { definePlugin, type NodeInfo } from '../define.js';
import { MAX_SCORE } from './normalize.js';

/** Upstream's bounds, each container: less is not worth a thought, more makes no further difference. */
const MIN_BYTES = 23 * 1024 * 1024;
const MAX_BYTES_PER_CONTAINER = 1000 * 1024 * 1024;

export const imageLocality = definePlugin<undefined, readonly { readonly image: string; readonly spread: number }[]>({
  name: 'ImageLocality',
  make: () => ({
    preScore({ spec }, nodes, snapshot) {
      const images = allContainers(spec).map(({ image }) => normalized(image ?? ''));
      // An image that few nodes have would draw all pods to those; so it counts by its spread.
      return images.map((image) => ({ image, spread: nodesWith(image, nodes) / snapshot.nodes.length }));
    },
    score(_, node, images) {
      let present = 0;
      for (const { image, spread } of images) if (spread > 0) present += Math.floor((sizesOf(node).get(image) ?? 0) * spread);
      const max = MAX_BYTES_PER_CONTAINER * images.length;
      return Math.floor((MAX_SCORE * (Math.min(Math.max(present, MIN_BYTES), max) - MIN_BYTES)) / (max - MIN_BYTES));
    },
  }),
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

function nodesWith(image: string, nodes: readonly NodeInfo[]): number {
  let count = 0;
  for (const node of nodes) if (sizesOf(node).has(image)) count++;
  return count;
}
