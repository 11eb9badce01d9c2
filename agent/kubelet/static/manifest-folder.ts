// The folder of static pods' manifests: read, and followed by inotify, with a slow look at all of it as a safety net.
import { type FSWatcher, watch } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, rfc3339, type Timer } from '../../../src/apimachinery/clock.js';
import type { Logger } from '../../../src/apimachinery/logger.js';
import type { Pod } from '../../../src/kinds/types/core_v1.js';
import { staticPod } from './manifest.js';

/** An editor writes a file in several steps. */
const SETTLE_MS = 50;
/** Upstream's. */
const MANIFEST_MAX_BYTES = 10 << 20;

export interface ManifestFolderOptions {
  /** A folder, or one file. */
  readonly path: string;
  readonly interval_ms: number;
  readonly nodeName: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly stopping: AbortSignal;
  /** All of its pods, by namespace and name; called when any has changed. */
  readonly changed: (pods: readonly Pod[]) => void;
}

interface Known {
  /** Tells whether the file is still the same. */
  readonly version: string;
  /** The last good one: a file that is being written ends no pod. */
  readonly pod: Pod | undefined;
}

export class ManifestFolder {
  private known = new Map<string, Known>();
  private watcher: { readonly of: FSWatcher; readonly inode: number } | undefined;
  private timer: Timer | undefined;
  private reading: Promise<void> | undefined;

  constructor(private readonly options: ManifestFolderOptions) {}

  /** Resolves once all that is there was told. */
  async start(): Promise<void> {
    this.options.stopping.addEventListener('abort', () => this.stop(), { once: true });
    await this.look();
  }

  private stop(): void {
    this.timer?.cancel();
    this.watcher?.of.close();
  }

  private lookAfter(delay_ms: number): void {
    this.timer?.cancel();
    if (this.options.stopping.aborted) return;
    this.timer = this.options.clock.after(delay_ms, () => void this.look());
  }

  private async look(): Promise<void> {
    // One after the other; who comes meanwhile has its turn.
    await this.reading;
    this.reading = this.read();
    await this.reading;
    this.lookAfter(this.options.interval_ms);
  }

  private async read(): Promise<void> {
    const { path, log, changed } = this.options;
    try {
      const info = await stat(path);
      this.follow(info.ino);
      const names = info.isDirectory()
        ? (await readdir(path)).filter((name) => !name.startsWith('.')).map((name) => join(path, name))
        : [path];
      const before = this.known;
      this.known = new Map();
      for (const file of names.sort()) await this.readFile(file, before.get(file));
      if ([...this.known].some(([file, { pod }]) => before.get(file)?.pod !== pod) || before.size !== this.known.size) changed(this.pods());
    } catch (error) {
      // What cannot be looked into tells nothing: pods run on.
      log.warn({ path, error: (error as Error).message }, 'cannot read the manifests of static pods, trying again later');
    }
  }

  /** Of two with one name, that of the first file counts. */
  private pods(): readonly Pod[] {
    const byName = new Map<string, Pod>();
    for (const [file, { pod }] of this.known) {
      if (!pod) continue;
      const name = `${pod.metadata.namespace}/${pod.metadata.name}`;
      if (byName.has(name)) this.options.log.warn({ file, pod: name }, 'another manifest has a static pod of that name already');
      else byName.set(name, pod);
    }
    return [...byName.values()];
  }

  private async readFile(file: string, before: Known | undefined): Promise<void> {
    const { clock, nodeName, log } = this.options;
    const info = await stat(file).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (!info?.isFile()) return;
    const version = `${info.ino} ${info.mtimeMs} ${info.size}`;
    if (before?.version === version) {
      this.known.set(file, before);
      return;
    }
    try {
      if (info.size > MANIFEST_MAX_BYTES) throw new Error(`it is larger than ${MANIFEST_MAX_BYTES} bytes`);
      const pod = staticPod(await readFile(file), { path: file, nodeName, seenAt: rfc3339(clock.now()) });
      this.known.set(file, { version, pod: before?.pod?.metadata.uid === pod.metadata.uid ? before.pod : pod });
    } catch (error) {
      log.warn({ file, error: (error as Error).message }, 'cannot read the manifest of a static pod');
      this.known.set(file, { version, pod: before?.pod });
    }
  }

  /** A folder that was made anew is another one to inotify. */
  private follow(inode: number): void {
    if (this.watcher?.inode === inode) return;
    this.watcher?.of.close();
    const of = watch(this.options.path, { persistent: false }, () => this.lookAfter(SETTLE_MS));
    of.on('error', (error) => {
      this.options.log.warn({ path: this.options.path, error: error.message }, 'lost sight of the manifests of static pods');
      of.close();
      this.watcher = undefined;
    });
    this.watcher = { of, inode };
  }
}
