// Image garbage collection: what goes where the disk is too full, and what is told where that is not enough.
import { beforeEach, expect, it } from 'vitest';
import { readSettings } from '../../../../agent/config/load.js';
import { ImageGc } from '../../../../agent/kubelet/image-gc.js';
import type { Image } from '../../../../agent/runtime/runtime.js';
import { silentLogger } from '../../../../src/apimachinery/logger.js';
import type { Node } from '../../../../src/kinds/types/core_v1.js';
import { ManualClock } from '../../client/fakes.js';

const settings = readSettings({});
const GiB = 2 ** 30;
const image = (id: string): Image => ({ id, digests: [], tags: [`${id}:1`], user: '', size_bytes: GiB });

let clock: ManualClock;
let stop: AbortController;
let images: Image[];
let disk: { available: number; capacity: number };
let cannotRemove: Set<string>;
let told: string[];
let gc: ImageGc;

beforeEach(async () => {
  clock = new ManualClock();
  stop = new AbortController();
  images = ['used', 'old', 'young'].map(image);
  disk = { available: 5 * GiB, capacity: 10 * GiB };
  cannotRemove = new Set();
  told = [];
  gc = new ImageGc({
    settings,
    runtime: {
      listImages: async () => images,
      imagesInUse: async () => new Set(['used']),
      removeImage: async ({ id }) => {
        if (cannotRemove.has(id)) throw new Error(`${id} is held`);
        images = images.filter((each) => each.id !== id);
      },
    },
    pulled: { prune: async () => undefined },
    disk: async () => disk,
    mounted: async () => new Set(),
    node: () => ({ metadata: { name: 'n' } }) as Node,
    events: { event: (_, type, reason, message) => told.push(`${type} ${reason}: ${message}`) },
    clock,
    log: silentLogger,
    stopping: stop.signal,
  });
  images = images.filter(({ id }) => id !== 'young');
  await gc.collect();
  await clock.advance(settings.imageMinimumGCAge);
  images.push(image('young'));
});

const ids = () => images.map(({ id }) => id);
const SHORT =
  "Insufficient free disk space on the node's image filesystem (95% of 10.0 GiB used). Failed to free sufficient space by deleting " +
  'unused images (freed 1073741824 bytes). Investigate disk usage, as it could be used by active images, logs, volumes, or other data.';

it('leaves everything while the disk is not too full', async () => {
  await gc.collect();
  expect(ids()).toEqual(['used', 'old', 'young']);
  expect(told).toEqual([]);
});

it('removes what nobody uses and is not too young, until enough is free', async () => {
  disk = { available: 1.5 * GiB, capacity: 10 * GiB };
  await gc.collect();
  expect(ids()).toEqual(['used', 'young']);
  expect(told).toEqual([]);
});

it('says that it was not enough, in words of what to do', async () => {
  disk = { available: 0.5 * GiB, capacity: 10 * GiB };
  await expect(gc.collect()).rejects.toThrow(SHORT);
  expect(told).toEqual([`Warning FreeDiskSpaceFailed: ${SHORT}`]);
});

it('names the images that could not be removed', async () => {
  disk = { available: 1 * GiB, capacity: 10 * GiB };
  cannotRemove.add('old');
  const why = 'wanted to free 1073741824 bytes, but freed 0 bytes space with errors in image deletion: old is held';
  await expect(gc.collect()).rejects.toThrow(why);
});

it('a disk of no size is told as such', async () => {
  disk = { available: 0, capacity: 0 };
  await expect(gc.collect()).rejects.toThrow('invalid capacity 0 on image filesystem');
  expect(told).toEqual(['Warning InvalidDiskCapacity: invalid capacity 0 on image filesystem']);
});

it('a failure is told as one of the collection from the second in a row on', async () => {
  disk = { available: 0, capacity: 0 };
  const failed = () => told.filter((text) => text.includes('ImageGCFailed'));
  const running = gc.run();
  await clock.advance(0);
  expect(failed()).toEqual([]);
  await clock.advance(300_000);
  expect(failed()).toEqual(['Warning ImageGCFailed: invalid capacity 0 on image filesystem']);
  disk = { available: 5 * GiB, capacity: 10 * GiB };
  await clock.advance(300_000);
  disk = { available: 0, capacity: 0 };
  await clock.advance(300_000);
  expect(failed()).toHaveLength(1);
  stop.abort();
  await running;
});
