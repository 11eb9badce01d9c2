// ImageLocality: better a node that has the pod's images already, by their size and by how many nodes have them.
import { allContainers } from '../../kinds/core/podutil.js';
import { definePlugin, type NodeInfo } from '../define.js';
import { type Add, Tally } from '../tally.js';
import { MAX_SCORE } from './normalize.js';

/** Upstream's bounds: less is not worth a thought, more (for each container) makes no further difference. */
const MIN_BYTES = 23 * 1024 * 1024;
const MAX_BYTES_PER_CONTAINER = 1000 * 1024 * 1024;
/** The tally's one key; its domains are images. */
const IMAGES = 'images';

interface Wanted {
  readonly images: readonly { readonly name: string; readonly spread: number }[];
  readonly max_bytes: number;
}

export const imageLocality = definePlugin<undefined, Wanted>({
  name: 'ImageLocality',
  make() {
    const nodesByImage = new Tally(countImages, (before, now) => before.node === now.node);
    return {
      preScore({ spec }, _, snapshot) {
        const there = nodesByImage.update(snapshot).domains(IMAGES);
        const containers = allContainers(spec);
        const mounted = (spec.volumes ?? []).flatMap(({ image }) => (image ? [image.reference] : []));
        // An image that few nodes have would draw all pods to those; so it counts by its spread.
        const images = [...containers.map(({ image }) => image), ...mounted].map((image) => {
          const name = normalized(image ?? '');
          return { name, spread: (there.get(name)?.amount ?? 0) / snapshot.nodes.length };
        });
        const known = images.filter(({ spread }) => spread > 0);
        return known.length === 0 ? 'skip' : { images: known, max_bytes: MAX_BYTES_PER_CONTAINER * containers.length };
      },
      score(_, node, { images, max_bytes }) {
        let present = 0;
        for (const { name, spread } of images) present += Math.floor((sizesOf(node).get(name) ?? 0) * spread);
        return Math.floor((MAX_SCORE * (Math.min(Math.max(present, MIN_BYTES), max_bytes) - MIN_BYTES)) / (max_bytes - MIN_BYTES));
      },
    };
  },
});

function countImages(info: NodeInfo, add: Add): void {
  for (const name of sizesOf(info).keys()) add(IMAGES, name, 1);
}

/** Without a tag or digest, `latest` is meant. */
function normalized(image: string): string {
  return image.lastIndexOf(':') <= image.lastIndexOf('/') ? `${image}:latest` : image;
}

const NO_IMAGES: ReadonlyMap<string, number> = new Map();
const sizes = new WeakMap<NodeInfo['node'], ReadonlyMap<string, number>>();

function sizesOf({ node }: NodeInfo): ReadonlyMap<string, number> {
  const { images } = node.status;
  if (!images) return NO_IMAGES;
  let known = sizes.get(node);
  if (!known) sizes.set(node, (known = new Map(images.flatMap(({ names = [], sizeBytes = 0 }) => names.map((name) => [name, sizeBytes])))));
  return known;
}
