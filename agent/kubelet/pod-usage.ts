// What pods use of their node: memory and processes by their control groups, disk by their containers and volumes.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pod } from '../../src/kinds/types/core_v1.js';
import type { Exec } from '../proxy/exec.js';
import type { ContainerRuntime } from '../runtime/runtime.js';
import type { CgroupHierarchy } from './cgroups/hierarchy.js';
import type { CgroupManager } from './cgroups/manager.js';
import type { PodUsage, Resource } from './eviction/ranking.js';
import type { PodDirs } from './pod-dirs.js';

const EMPTY_DIRS = join('volumes', 'kubernetes.io~empty-dir');

export interface UsageOptions {
  readonly cgroups: CgroupManager;
  readonly runtime: ContainerRuntime;
  readonly dirs: PodDirs;
  readonly exec: Exec;
}

export class PodUsages {
  constructor(private readonly options: UsageOptions) {}

  of(pod: Pod, resource: Resource): Promise<PodUsage> {
    return resource === 'memory' || resource === 'pids' ? this.byCgroup(pod, resource) : this.onDisk(pod, resource);
  }

  private async byCgroup(pod: Pod, resource: 'memory' | 'pids'): Promise<PodUsage> {
    const read = resource === 'memory' ? workingSet_bytes : processes;
    const group = await this.options.cgroups.find(pod.metadata.uid);
    if (!group) return { pod, total: 0, containers: new Map() };
    const { hierarchy, path } = group;
    const containers = new Map<string, number>();
    const children = await hierarchy.children(path);
    for (const { name, containerID } of pod.status.containerStatuses ?? []) {
      const id = containerID?.split('//')[1];
      // A path's last part, or with systemd `docker-<id>.scope`.
      const child = id && children.find((each) => each.includes(id));
      if (child) containers.set(name, await read(hierarchy, `${path}/${child}`));
    }
    return { pod, total: await read(hierarchy, path), containers };
  }

  private async onDisk(pod: Pod, resource: 'ephemeral-storage' | 'inodes'): Promise<PodUsage> {
    const { runtime } = this.options;
    const containers = new Map<string, number>();
    if (resource === 'ephemeral-storage') {
      for (const { id, name } of (await runtime.podStatus(pod.metadata.uid)).containers) {
        containers.set(name, (containers.get(name) ?? 0) + (await runtime.diskUsage_bytes(id)));
      }
    }
    const volumes = await this.emptyDirs(pod, resource);
    const total = [...containers.values(), ...volumes.values()].reduce((sum, each) => sum + each, 0);
    return { pod, total, containers };
  }

  /** By volume name; of those in memory, nothing is on disk. */
  async emptyDirs(pod: Pod, resource: 'ephemeral-storage' | 'inodes' = 'ephemeral-storage'): Promise<ReadonlyMap<string, number>> {
    const { dirs, exec } = this.options;
    const parent = join(dirs.pod(pod.metadata.uid), EMPTY_DIRS);
    const names = await readdir(parent).catch(() => []);
    const onDisk = names.filter((name) => !pod.spec.volumes?.find((volume) => volume.name === name)?.emptyDir?.medium);
    const measure = async (name: string) => {
      const flags = resource === 'inodes' ? ['--inodes'] : ['--block-size=1'];
      const text = await exec('du', ['-s', '-x', ...flags, join(parent, name)]);
      return [name, Number(text.split('\t')[0])] as const;
    };
    return new Map(await Promise.all(onDisk.map(measure)));
  }
}

/** What the kernel could not take back without swapping: all but the file pages of longest standing. */
export async function workingSet_bytes(hierarchy: CgroupHierarchy, path: string): Promise<number> {
  const [usage, inactive] =
    hierarchy.version === 1 ? ['memory.usage_in_bytes', 'total_inactive_file'] : ['memory.current', 'inactive_file'];
  const [used, stat] = await Promise.all([hierarchy.read(path, 'memory', usage), hierarchy.read(path, 'memory', 'memory.stat')]);
  const idle = Number(new RegExp(`^${inactive} (\\d+)`, 'm').exec(stat ?? '')?.[1] ?? 0);
  return Math.max(0, Number(used ?? 0) - idle);
}

async function processes(hierarchy: CgroupHierarchy, path: string): Promise<number> {
  return Number((await hierarchy.read(path, 'pids', 'pids.current')) ?? 0);
}
