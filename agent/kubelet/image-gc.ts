// Images that nobody uses: which there are, and which go where the disk fills, or for their age.
import { type Clock, sleep } from '../../src/apimachinery/clock.js';
import type { Logger } from '../../src/apimachinery/logger.js';
import type { EventRecorder } from '../../src/client/events.js';
import type { ContainerImage, Node } from '../../src/kinds/types/core_v1.js';
import type { KubeletSettings } from '../config/kubelet-configuration.js';
import type { ContainerRuntime, Image } from '../runtime/runtime.js';
import type { Observation } from './eviction/thresholds.js';
import type { PulledImages } from './pulled-images.js';

/** Upstream's. */
const PERIOD_MS = 300_000;
/** Upstream's, of a node's status. */
const NAMES_PER_IMAGE = 5;
/** How old the list in the node's status may be; upstream's is as old. */
const LIST_MAX_AGE_MS = 30_000;

export interface ImageRecord {
  readonly image: Image;
  readonly firstSeen_ms: number;
  readonly lastUsed_ms: number;
}

/** Unused ones: first those that have been so for the longest. */
export function byLastUse(records: readonly ImageRecord[]): readonly ImageRecord[] {
  return [...records].sort((a, b) => a.lastUsed_ms - b.lastUsed_ms || a.firstSeen_ms - b.firstSeen_ms);
}

/** The largest, each with a few of its names, as a node's status shows them. */
export function statusImages(images: readonly Image[], max: number): readonly ContainerImage[] {
  const named = [...images]
    .sort((a, b) => b.size_bytes - a.size_bytes)
    .map(({ digests, tags, size_bytes }) => {
      const names = [...digests, ...tags].filter((name) => !name.includes('<none>'));
      return { names: names.slice(0, NAMES_PER_IMAGE), sizeBytes: size_bytes };
    });
  return max === -1 ? named : named.slice(0, max);
}

export interface ImageGcOptions {
  readonly settings: KubeletSettings;
  readonly runtime: ContainerRuntime;
  readonly pulled: Pick<PulledImages, 'prune'>;
  /** Of the file system that images are on; undefined while it is not known. */
  readonly disk: () => Promise<Observation | undefined>;
  /** IDs of those that pods have mounted. */
  readonly mounted: () => Promise<ReadonlySet<string>>;
  readonly node: () => Node | undefined;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly log: Logger;
  readonly stopping: AbortSignal;
}

export class ImageGc {
  private readonly records = new Map<string, ImageRecord>();
  private listed: { readonly images: readonly ContainerImage[]; readonly at_ms: number } | undefined;

  constructor(private readonly options: ImageGcOptions) {}

  /** For the node's status; what was there last while the runtime does not say. */
  async list(): Promise<readonly ContainerImage[]> {
    const { clock, runtime, settings } = this.options;
    const now_ms = clock.monotonic();
    if (!this.listed || now_ms - this.listed.at_ms >= LIST_MAX_AGE_MS) {
      const images = await runtime.listImages().catch(() => undefined);
      if (images) this.listed = { images: statusImages(images, settings.nodeStatusMaxImages), at_ms: now_ms };
    }
    return this.listed?.images ?? [];
  }

  /** Looks until the agent stops. */
  async run(): Promise<void> {
    const { clock, stopping, log } = this.options;
    while (!stopping.aborted) {
      await this.collect().catch((error: Error) =>
        log.warn({ error: error.message }, 'image garbage collection failed, trying again later'),
      );
      await sleep(clock, PERIOD_MS, stopping).catch(() => undefined);
    }
  }

  /** Once: those too old, and where the disk is fuller than it may be, as many as bring it down. */
  async collect(): Promise<void> {
    const { settings, disk, clock } = this.options;
    const unused = await this.unused();
    const maxAge_ms = settings.imageMaximumGCAge;
    const aged = maxAge_ms > 0 ? unused.filter(({ lastUsed_ms }) => clock.monotonic() - lastUsed_ms > maxAge_ms) : [];
    for (const record of aged) await this.remove(record);
    const observed = await disk();
    if (!observed || observed.capacity === 0) return;
    const { available, capacity } = observed;
    const used_percent = 100 - Math.floor((available * 100) / capacity);
    if (used_percent < settings.imageGCHighThresholdPercent) return;
    const wanted = Math.floor((capacity * (100 - settings.imageGCLowThresholdPercent)) / 100) - available;
    const freed = await this.free(
      unused.filter((record) => !aged.includes(record)),
      wanted,
    );
    if (freed < wanted) this.tellShortage(wanted, freed);
  }

  /** Under pressure: all that nobody uses, however young. */
  async removeUnused(): Promise<void> {
    for (const record of await this.unused()) await this.remove(record);
  }

  private async free(unused: readonly ImageRecord[], wanted_bytes: number): Promise<number> {
    const { clock, settings } = this.options;
    let freed = 0;
    for (const record of byLastUse(unused)) {
      if (freed >= wanted_bytes) break;
      if (clock.monotonic() - record.firstSeen_ms < settings.imageMinimumGCAge) continue;
      if (await this.remove(record)) freed += record.image.size_bytes;
    }
    return freed;
  }

  /** Those that no container has, no pod has mounted and that are not the runtime's own. */
  private async unused(): Promise<readonly ImageRecord[]> {
    const { runtime, clock, pulled, mounted } = this.options;
    const now_ms = clock.monotonic();
    const since_ms = clock.now();
    const [images, ofContainers, ofVolumes] = await Promise.all([runtime.listImages(), runtime.imagesInUse(), mounted()]);
    const inUse = new Set([...ofContainers, ...ofVolumes]);
    const known = new Set(images.map(({ id }) => id));
    await pulled.prune(known, since_ms);
    for (const id of this.records.keys()) if (!known.has(id)) this.records.delete(id);
    for (const image of images) {
      const before = this.records.get(image.id);
      const firstSeen_ms = before?.firstSeen_ms ?? now_ms;
      const lastUsed_ms = inUse.has(image.id) ? now_ms : (before?.lastUsed_ms ?? now_ms);
      this.records.set(image.id, { image, firstSeen_ms, lastUsed_ms });
    }
    return [...this.records.values()].filter(({ image }) => !inUse.has(image.id) && !image.pinned);
  }

  private async remove({ image }: ImageRecord): Promise<boolean> {
    const { runtime, log } = this.options;
    try {
      await runtime.removeImage(image);
      this.records.delete(image.id);
      this.listed = undefined;
      log.info({ image: image.tags[0] ?? image.id, size_bytes: image.size_bytes }, 'removed an image that nobody uses');
      return true;
    } catch (error) {
      // A container may have been made of it meanwhile.
      log.warn({ image: image.id, error: (error as Error).message }, 'cannot remove an image');
      return false;
    }
  }

  private tellShortage(wanted: number, freed: number): void {
    const message = `Failed to garbage collect required amount of images. Attempted to free ${wanted} bytes, but only found ${freed} bytes eligible to free.`;
    const node = this.options.node();
    if (node) this.options.events.event(node, 'Warning', 'FreeDiskSpaceFailed', message);
  }
}
