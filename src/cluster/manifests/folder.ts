// ManifestFolder: the files of a folder and those below it, read when they change: told by inotify, with a slow look at all of them as a
// safety net.
import { type FSWatcher, watch } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { Clock, Timer } from '../../apimachinery/clock.js';
import type { Logger } from '../../apimachinery/logger.js';
import { checksumOf, type ManifestObject, parseManifest } from './documents.js';

/** An editor writes a file in several steps. */
const SETTLE_MS = 100;
const LOOK_INTERVAL_MS = 60_000;
/** A manifest is read and applied whole. */
const FILE_MAX_BYTES = 10 << 20;
/** As many as a folder by hand will ever have; each has an object of its own in the API. */
const FILES_MAX = 1000;
const ENDING = /\.(ya?ml|json)$/;

export interface ManifestFile {
  /** Its path below the folder. */
  readonly source: string;
  readonly checksum: string;
  readonly objects: readonly ManifestObject[];
  /** Why it cannot be used. */
  readonly error?: string;
  /** A file of its name and `.skip` stands beside it: it is neither applied nor taken for removed. */
  readonly skipped: boolean;
}

interface Known extends ManifestFile {
  /** Tells whether the file is still the same. */
  readonly version: string;
}

export interface ManifestFolderOptions {
  readonly path: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** All of its files, whenever any has come, gone or changed. */
  readonly changed: (files: readonly ManifestFile[]) => void;
}

export class ManifestFolder {
  #known: ReadonlyMap<string, Known> | undefined;
  readonly #watchers = new Map<string, { readonly of: FSWatcher; readonly inode: number }>();
  #timer: Timer | undefined;
  #looking: Promise<void> | undefined;
  #stopped = false;

  constructor(private readonly options: ManifestFolderOptions) {}

  /** Resolves once all that is there was told. */
  async start(): Promise<void> {
    await this.#look();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    for (const { of } of this.#watchers.values()) of.close();
    await this.#looking;
  }

  #lookAfter(delay_ms: number): void {
    this.#timer?.cancel();
    if (!this.#stopped) this.#timer = this.options.clock.after(delay_ms, () => void this.#look());
  }

  /** One at a time; who asks meanwhile is answered by a look of its own. */
  async #look(): Promise<void> {
    await this.#looking;
    this.#looking = this.#read();
    await this.#looking;
    this.#looking = undefined;
    this.#lookAfter(LOOK_INTERVAL_MS);
  }

  async #read(): Promise<void> {
    const { path, log, changed } = this.options;
    try {
      const paths = await this.#walk(path);
      if (paths.length > FILES_MAX) log.warn({ path, files: paths.length }, `only the first ${FILES_MAX} manifests are applied`);
      const names = new Set(paths);
      const now = new Map<string, Known>();
      for (const file of paths.filter((each) => ENDING.test(each)).slice(0, FILES_MAX)) {
        const read = await this.#file(file, names.has(`${file}.skip`));
        if (read) now.set(file, read);
      }
      const before = this.#known;
      if (before?.size === now.size && [...now].every(([file, known]) => before.get(file) === known)) return;
      this.#known = now;
      changed([...now.values()]);
    } catch (error) {
      // A folder that cannot be looked into tells of no removal.
      log.warn({ path, error: (error as Error).message }, 'cannot read the manifests folder, trying again later');
    }
  }

  /** All files, each directory followed from now on. */
  async #walk(directory: string): Promise<readonly string[]> {
    // Followed first: what comes while it is read is told.
    this.#follow(directory, (await stat(directory)).ino);
    const entries = await readdir(directory, { withFileTypes: true });
    const found: string[] = [];
    for (const entry of entries.filter(({ name }) => !name.startsWith('.')).sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = join(directory, entry.name);
      if (entry.isDirectory()) found.push(...(await this.#walk(path)));
      else found.push(path);
    }
    return found;
  }

  /** A directory that was made anew is another one to inotify. */
  #follow(directory: string, inode: number): void {
    const known = this.#watchers.get(directory);
    if (known?.inode === inode || this.#stopped) return;
    known?.of.close();
    const watcher = watch(directory, { persistent: false }, () => this.#lookAfter(SETTLE_MS));
    // It has gone: the next look tells what there is instead.
    watcher.on('error', () => {
      watcher.close();
      this.#watchers.delete(directory);
      this.#lookAfter(SETTLE_MS);
    });
    this.#watchers.set(directory, { of: watcher, inode });
  }

  /** Undefined for what is no file, or has gone meanwhile. */
  async #file(path: string, skipped: boolean): Promise<Known | undefined> {
    const info = await stat(path).catch(() => undefined);
    if (!info?.isFile()) return undefined;
    const version = `${info.ino} ${info.mtimeMs} ${info.size}`;
    const before = this.#known?.get(path);
    if (before?.version === version && before.skipped === skipped) return before;
    const known = { source: relative(this.options.path, path), version, skipped };
    if (info.size > FILE_MAX_BYTES) return { ...known, checksum: '', objects: [], error: `it is larger than ${FILE_MAX_BYTES} bytes` };
    const content = await readFile(path, 'utf8').catch(() => undefined);
    if (content === undefined) return undefined;
    const checksum = checksumOf(content);
    try {
      return { ...known, checksum, objects: parseManifest(content) };
    } catch (error) {
      return { ...known, checksum, objects: [], error: (error as Error).message };
    }
  }
}
