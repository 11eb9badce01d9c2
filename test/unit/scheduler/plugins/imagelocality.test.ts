// ImageLocality by a table: images that a node has already, by their size and by how many nodes have them.
import { expect, test } from 'vitest';
import { node, pod } from '../../controllers/objects.js';
import { scores } from './lab.js';

const MB = 1024 * 1024;
const holding = (name: string, images: { readonly [image: string]: number }) =>
  node(name, { status: { images: Object.entries(images).map(([image, megabytes]) => ({ names: [image], sizeBytes: megabytes * MB })) } });
const nodes = [
  holding('n1', { 'app:1': 1000, 'big:1': 3000, 'sha@sha256:0a': 500 }),
  holding('n2', { 'app:1': 1000, 'small:latest': 30, 'reg:5000/x/web:latest': 500 }),
  holding('n3', {}),
  holding('n4', {}),
];
const containers = (...images: string[]) => images.map((image, i) => ({ name: `c${i}`, image }));

// Of an image counts its size by the share of nodes that have it; 0 is 23 MiB, 100 is 1000 MiB for each container.
test.each<[string, object, readonly number[] | undefined]>([
  ['on two of four: 500 - 23 of 977', { containers: containers('app:1') }, [48, 48, 0, 0]],
  ['on one of four: 750 - 23 of 977', { containers: containers('big:1') }, [74, 0, 0, 0]],
  ['too small to be worth a thought: 7.5', { containers: containers('small') }, [0, 0, 0, 0]],
  ['nobody has it', { containers: containers('unknown:1') }, undefined],
  ['another tag', { containers: containers('app:2') }, undefined],
  ['without a tag, of a registry with a port: 125 - 23', { containers: containers('reg:5000/x/web') }, [0, 10, 0, 0]],
  ['by digest: 125 - 23', { containers: containers('sha@sha256:0a') }, [10, 0, 0, 0]],
  ['two containers: 500 + 750 - 23, and 500 - 23, of 1977', { containers: containers('app:1', 'big:1') }, [62, 24, 0, 0]],
  ['twice the same image counts twice: 1000 - 23 of 1977', { containers: containers('app:1', 'app:1') }, [49, 49, 0, 0]],
  ['one of them nobody has: 500 - 23 of 1977', { containers: containers('app:1', 'unknown:1') }, [24, 24, 0, 0]],
  ['init containers are containers', { containers: containers('unknown:1'), initContainers: containers('app:1') }, [24, 24, 0, 0]],
  [
    'an image that is mounted: 500 + 750 - 23, of 977: the volume is no container',
    { containers: containers('app:1'), volumes: [{ name: 'v', image: { reference: 'big:1' } }] },
    [100, 48, 0, 0],
  ],
])('%s', (_, spec, expected) => {
  expect(scores('ImageLocality', pod('p', { spec }), nodes)).toEqual(expected);
});

test('what the only node has counts whole: 3000 of at most 1000', () => {
  expect(scores('ImageLocality', pod('p', { spec: { containers: containers('big:1') } }), nodes.slice(0, 1))).toEqual([100]);
});
