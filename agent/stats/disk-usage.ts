// DiskUsage: how much of the disk trees of files take. Counting is slow, so it is done only for whoever asks, and kept for a while.
import type { Stats } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { BoundedCache } from '../../src/apimachinery/bounded-cache.js';
import type { Clock } from '../../src/apimachinery/clock.js';

const BLOCK_BYTES = 512;
/** Trees that are remembered: of a full node some hundred. */
const TREES_MAX = 2000;

export interface Usage {
  readonly bytes: number;
  readonly inodes: number;
}

export class DiskUsage {
  readonly #kept = new BoundedCache<string, { readonly usage: Promise<Usage>; readonly at_ms: number }>(TREES_MAX);
  /** One tree after the other: what is asked for is not worth a busy disk. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly clock: Clock,
    private readonly maxAge_ms: number,
  ) {}

  of(path: string): Promise<Usage> {
    const kept = this.#kept.get(path);
    const now_ms = this.clock.monotonic();
    if (kept && now_ms - kept.at_ms < this.maxAge_ms) return kept.usage;
    const usage = this.#last.then(() => treeUsage(path));
    this.#last = usage;
    this.#kept.set(path, { usage, at_ms: now_ms });
    return usage;
  }
}

/** Of one file system; hard links count once. What goes while it is counted is not counted. */
export async function treeUsage(path: string): Promise<Usage> {
  const root = await stat(path);
  if (!root) return { bytes: 0, inodes: 0 };
  const linked = new Set<number>();
  let [bytes, inodes] = [0, 0];
  const count = async (file: string, stats: Stats): Promise<void> => {
    if (stats.nlink > 1 && !stats.isDirectory()) {
      if (linked.has(stats.ino)) return;
      linked.add(stats.ino);
    }
    bytes += stats.blocks * BLOCK_BYTES;
    inodes++;
    if (!stats.isDirectory()) return;
    for (const name of await readdir(file).catch(() => [])) {
      const child = await stat(join(file, name));
      if (child && child.dev === root.dev) await count(join(file, name), child);
    }
  };
  await count(path, root);
  return { bytes, inodes };
}

const stat = (path: string): Promise<Stats | undefined> => lstat(path).catch(() => undefined);
