// PodLogs: where log collectors look for containers' logs (/var/log/pods, /var/log/containers): links to the files that the engine writes.
import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { readdir, readlink, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Logger } from '../../src/apimachinery/logger.js';
import type { RuntimeContainer } from '../runtime/runtime.js';

export interface LoggedPod {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
}

type Logged = Pick<RuntimeContainer, 'id' | 'name' | 'attempt' | 'logPath' | 'startedAt_ms'>;

export class PodLogs {
  /** IDs of containers whose links are there, by pod uid. */
  readonly #linked = new Map<string, Set<string>>();

  /** `directory` is /var/log/pods; the other one is beside it. */
  constructor(
    private readonly directory: string,
    private readonly log: Logger,
  ) {}

  /** Makes links for containers that have none yet. Never throws: a pod runs without them. */
  sync(pod: LoggedPod, containers: readonly Logged[]): void {
    const linked = this.#linked.get(pod.uid) ?? new Set<string>();
    this.#linked.set(pod.uid, linked);
    for (const container of containers) {
      if (!container.logPath || container.startedAt_ms === 0 || linked.has(container.id)) continue;
      linked.add(container.id);
      try {
        this.#link(pod, container, container.logPath);
      } catch (error) {
        this.log.warn({ pod: pod.name, container: container.name, error: (error as Error).message }, 'cannot link to a log');
      }
    }
  }

  /** The pod is gone from the node. */
  async remove(pod: LoggedPod): Promise<void> {
    this.#linked.delete(pod.uid);
    await this.#removeDirectory(directoryName(pod));
  }

  /** Removes what agents before this one left of pods that are no more: links that lead nowhere. */
  async sweep(isKnown: (uid: string) => boolean): Promise<void> {
    for (const name of await list(this.directory)) {
      const [namespace, pod, uid] = name.split('_');
      if (!namespace || !pod || !uid || isKnown(uid)) continue;
      const links = await this.#linksIn(name);
      const isDangling = async (link: string) => (await stat(link).catch(() => undefined)) === undefined;
      // Another node's on this machine leads somewhere.
      if ((await Promise.all(links.map(isDangling))).every(Boolean)) await this.#removeDirectory(name);
    }
  }

  #link(pod: LoggedPod, { id, name, attempt }: Logged, logPath: string): void {
    const path = join(this.directory, directoryName(pod), name, `${attempt}.log`);
    mkdirSync(dirname(path), { recursive: true });
    relink(logPath, path);
    mkdirSync(this.#containers, { recursive: true });
    relink(path, join(this.#containers, `${pod.name}_${pod.namespace}_${name}-${id}.log`));
  }

  get #containers(): string {
    return join(dirname(this.directory), 'containers');
  }

  async #removeDirectory(name: string): Promise<void> {
    const [namespace, pod] = name.split('_');
    for (const link of await this.#linksIn(name)) {
      const id = basename(dirname(await readlink(link)));
      await rm(join(this.#containers, `${pod}_${namespace}_${basename(dirname(link))}-${id}.log`), { force: true });
    }
    await rm(join(this.directory, name), { recursive: true, force: true });
  }

  async #linksIn(name: string): Promise<readonly string[]> {
    const links: string[] = [];
    for (const container of await list(join(this.directory, name))) {
      for (const file of await list(join(this.directory, name, container))) links.push(join(this.directory, name, container, file));
    }
    return links;
  }
}

/** None of the parts can hold an underscore. */
const directoryName = ({ namespace, name, uid }: LoggedPod) => `${namespace}_${name}_${uid}`;

/** Empty where it is not there, or no directory. */
const list = (directory: string): Promise<readonly string[]> => readdir(directory).catch(() => []);

/** What an agent before this one may have made already is made anew. */
function relink(target: string, path: string): void {
  rmSync(path, { force: true });
  symlinkSync(target, path);
}
