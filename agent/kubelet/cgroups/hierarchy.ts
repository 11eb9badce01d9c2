// The kernel's control group files: groups made, written, read, found and removed in every hierarchy. What a pod's start and end do with
// them is done on the spot: no disk is behind them, and a thread would cost many times what the kernel does.
import { type Dirent, mkdirSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, sleep } from '../../../src/apimachinery/clock.js';
import type { CgroupFile } from './limits.js';

/** Those that a pod's limits are in. */
const LIMITING = ['cpu', 'memory', 'pids', 'hugetlb'];
/** With v2 a group's parent must hand down what the engine uses besides; with v1 the engine makes the group there itself. */
const HANDED_DOWN_V2 = [...LIMITING, 'cpuset', 'io'];
/** A group can be removed once its last process is reaped, which may come after the engine says that it has ended. */
const BUSY_TRIES = 20;
const BUSY_WAIT_MS = 50;

/** ENODEV: the group went while it was read. */
const isMissing = (error: unknown) => ['ENOENT', 'ENODEV'].includes((error as NodeJS.ErrnoException).code ?? '');

const orIfMissing =
  <T>(value: T) =>
  (error: unknown): T => {
    if (isMissing(error)) return value;
    throw error;
  };

export class CgroupHierarchy {
  /** The controllers of this machine, which stay. */
  private controllers: Promise<readonly string[]> | undefined;

  constructor(
    readonly version: 1 | 2,
    private readonly clock: Clock,
    private readonly root = '/sys/fs/cgroup',
  ) {}

  /** With v1 each controller has a hierarchy of its own. */
  directory(path: string, controller: string): string {
    return this.version === 1 ? join(this.root, controller, path) : join(this.root, path);
  }

  /** Of the named controllers, those that this machine has. */
  private async present(wanted: readonly string[]): Promise<readonly string[]> {
    this.controllers ??= this.list().catch((error: unknown) => {
      this.controllers = undefined;
      throw error;
    });
    const there = await this.controllers;
    return wanted.filter((controller) => there.includes(controller));
  }

  private async list(): Promise<readonly string[]> {
    return this.version === 1 ? readdir(this.root) : (await readFile(join(this.root, 'cgroup.controllers'), 'utf8')).trim().split(' ');
  }

  async make(path: string): Promise<void> {
    if (this.version === 1) {
      for (const controller of await this.present(LIMITING)) mkdirSync(this.directory(path, controller), { recursive: true });
      return;
    }
    mkdirSync(join(this.root, path), { recursive: true });
    // A group has only the controllers that each of its ancestors hands down.
    const parts = path.split('/').filter(Boolean);
    const enable = (await this.present(HANDED_DOWN_V2)).map((controller) => `+${controller}`).join(' ');
    for (const [depth] of parts.entries()) {
      writeFileSync(join(this.root, ...parts.slice(0, depth), 'cgroup.subtree_control'), enable);
    }
  }

  async write(path: string, files: readonly CgroupFile[]): Promise<void> {
    const controllers = await this.present(LIMITING);
    for (const { controller, file, value } of files) {
      if (controllers.includes(controller)) writeFileSync(join(this.directory(path, controller), file), value);
    }
  }

  /** undefined where there is no such group. */
  read(path: string, controller: string, file: string): Promise<string | undefined> {
    return readFile(join(this.directory(path, controller), file), 'utf8').then((text) => text.trim(), orIfMissing(undefined));
  }

  async exists(path: string): Promise<boolean> {
    return (await this.read(path, 'memory', 'cgroup.procs')) !== undefined;
  }

  /** Names of the groups directly below, in any hierarchy. */
  async children(path: string): Promise<readonly string[]> {
    return [...new Set((await this.everywhere(path)).flatMap((directory) => subdirectories(directory) ?? []))];
  }

  /** With all below it and every process in it; what still has some after a while stays, and rejects. */
  async remove(path: string): Promise<void> {
    for (const directory of await this.everywhere(path)) await this.removeTree(directory);
  }

  private async removeTree(directory: string): Promise<void> {
    const children = subdirectories(directory);
    if (!children) return;
    for (const child of children) await this.removeTree(join(directory, child));
    for (let tries = 1; ; tries++) {
      try {
        return rmdirSync(directory);
      } catch (error) {
        if (isMissing(error)) return;
        if ((error as NodeJS.ErrnoException).code !== 'EBUSY' || tries === BUSY_TRIES) throw error;
      }
      // The engine may have forgotten them: it was killed while it started a container.
      await killAll(join(directory, 'cgroup.procs'));
      await sleep(this.clock, BUSY_WAIT_MS);
    }
  }

  private async everywhere(path: string): Promise<readonly string[]> {
    if (this.version === 2) return [join(this.root, path)];
    return (await readdir(this.root)).map((controller) => join(this.root, controller, path));
  }
}

/** Those of the kernel's list; 0 stands for one that is not of this machine's process namespace. */
async function killAll(list: string): Promise<void> {
  const text = await readFile(list, 'utf8').catch(orIfMissing(''));
  for (const pid of text.split('\n').map(Number)) {
    try {
      if (pid > 0) process.kill(pid, 'SIGKILL');
    } catch (error) {
      // It has ended meanwhile.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

/** undefined where it is not there itself. */
function subdirectories(directory: string): readonly string[] | undefined {
  let entries: readonly Dirent[];
  try {
    entries = readdirSync(directory, { withFileTypes: true });
  } catch (error) {
    return orIfMissing(undefined)(error);
  }
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}
