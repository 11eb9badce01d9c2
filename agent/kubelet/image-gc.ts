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
  readonly runtime: Pick<ContainerRuntime, 'listImages' | 'imagesInUse' | 'removeImage'>;
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

  /** Looks until the agent stops. What fails once may be well the next time, and is told only where it is not. */
  async run(): Promise<void> {
    const { clock, stopping, log } = this.options;
    for (let hasFailed = false; !stopping.aborted; ) {
      const failure = await this.collect().then(
        () => undefined,
        (error: Error) => error,
      );
      if (failure) log.warn({ error: failure.message }, 'image garbage collection failed, trying again later');
      if (failure && hasFailed) this.tell('ImageGCFailed', failure.message);
      hasFailed = failure !== undefined;
      await sleep(clock, PERIOD_MS, stopping).catch(() => undefined);
    }
  }

  /** Once: those too old, and where the disk is fuller than it may be, as many as bring it down. Rejects where that cannot be had. */
  async collect(): Promise<void> {
    const { settings, disk, clock } = this.options;
    const unused = await this.unused();
    const maxAge_ms = settings.imageMaximumGCAge;
    const aged = maxAge_ms > 0 ? unused.filter(({ lastUsed_ms }) => clock.monotonic() - lastUsed_ms > maxAge_ms) : [];
    for (const record of aged) await this.remove(record);
    const observed = await disk();
    if (!observed) return;
    const { available, capacity } = observed;
    if (capacity === 0) throw this.told('InvalidDiskCapacity', 'invalid capacity 0 on image filesystem');
    const used_percent = 100 - Math.floor((available * 100) / capacity);
    if (used_percent < settings.imageGCHighThresholdPercent) return;
    const wanted = Math.floor((capacity * (100 - settings.imageGCLowThresholdPercent)) / 100) - available;
    const freed = await this.free(
      unused.filter((record) => !aged.includes(record)),
      wanted,
    );
    if (freed < wanted) throw this.told('FreeDiskSpaceFailed', shortage(used_percent, capacity, freed));
  }

  /** Under pressure: all that nobody uses, however young. */
  async removeUnused(): Promise<void> {
    for (const record of await this.unused()) await this.remove(record);
  }

  private async free(unused: readonly ImageRecord[], wanted_bytes: number): Promise<number> {
    const { clock, settings } = this.options;
    let freed = 0;
    const failures: string[] = [];
    for (const record of byLastUse(unused)) {
      if (freed >= wanted_bytes) break;
      if (clock.monotonic() - record.firstSeen_ms < settings.imageMinimumGCAge) continue;
      const failure = await this.remove(record);
      if (failure) failures.push(failure.message);
      else freed += record.image.size_bytes;
    }
    if (failures.length === 0) return freed;
    const why = failures.length === 1 ? failures[0] : `[${failures.join(', ')}]`;
    throw new Error(`wanted to free ${wanted_bytes} bytes, but freed ${freed} bytes space with errors in image deletion: ${why}`);
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

  /** Why it could not be removed; a container may have been made of it meanwhile. */
  private async remove({ image }: ImageRecord): Promise<Error | undefined> {
    const { runtime, log } = this.options;
    try {
      await runtime.removeImage(image);
      this.records.delete(image.id);
      this.listed = undefined;
      log.info({ image: image.tags[0] ?? image.id, size_bytes: image.size_bytes }, 'removed an image that nobody uses');
      return undefined;
    } catch (error) {
      log.warn({ image: image.id, error: (error as Error).message }, 'cannot remove an image');
      return error as Error;
    }
  }

  private told(reason: string, message: string): Error {
    this.tell(reason, message);
    return new Error(message);
  }

  private tell(reason: string, message: string): void {
    const node = this.options.node();
    if (node) this.options.events.event(node, 'Warning', reason, message);
  }
}

/** Upstream's words, since 1.35. */
const shortage = (used_percent: number, capacity: number, freed: number) =>
  `Insufficient free disk space on the node's image filesystem (${used_percent}% of ${formatSize(capacity)} used). ` +
  `Failed to free sufficient space by deleting unused images (freed ${freed} bytes). ` +
  'Investigate disk usage, as it could be used by active images, logs, volumes, or other data.';

function formatSize(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log2(bytes) / 10)));
  return `${(bytes / 1024 ** power).toFixed(1)} ${units[power]}`;
}
