// subPath: a part of a volume, mounted where containers cannot reach it, so that what the engine mounts is what was looked at here.
import { mkdir, open, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { bindMount, isMounted, unmount } from './mount.js';
import { makeInside, openInside, pathOf, resolveInside } from './safe-path.js';

export interface SubPath {
  readonly podDirectory: string;
  readonly volumeName: string;
  readonly volumePath: string;
  readonly containerName: string;
  /** The mount's place among the container's. */
  readonly index: number;
  readonly path: string;
}

/** Makes it, as directories, where it is not there. Rejects where it cannot be, or something is there already. */
export async function makeSubPath({ volumePath, path }: SubPath): Promise<void> {
  if ((await resolveInside(volumePath, path)) === undefined) await makeInside(volumePath, path);
}

/** Where it is mounted, for the engine. Rejects where it does not lie in the volume. */
export async function bindSubPath({ podDirectory, volumeName, volumePath, containerName, index, path }: SubPath): Promise<string> {
  const resolved = await resolveInside(volumePath, path);
  if (resolved === undefined) throw new Error(`${path} does not exist`);
  // Links are followed above only to know where to look; between there and here one could have been swapped in.
  const source = await openInside(volumePath, resolved);
  try {
    const target = join(podDirectory, 'volume-subpaths', volumeName, containerName, String(index));
    const wanted = await source.stat();
    if (await isMounted(target)) {
      const existing = await stat(target);
      if (existing.ino === wanted.ino && existing.dev === wanted.dev) return target;
      await unmount(target);
    }
    await makeTarget(target, wanted.isDirectory());
    await bindMount(pathOf(source, process.pid), target);
    return target;
  } finally {
    await source.close();
  }
}

async function makeTarget(target: string, isDirectory: boolean): Promise<void> {
  if (isDirectory) await mkdir(target, { recursive: true, mode: 0o750 });
  else {
    await mkdir(dirname(target), { recursive: true, mode: 0o750 });
    await (await open(target, 'a', 0o640)).close();
  }
}
