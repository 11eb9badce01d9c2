// fsGroup: a volume's files belong to the pod's group, which may read and, unless nobody may, write them.
import type { Stats } from 'node:fs';
import { chmod, chown, type FileHandle, lchown, open, readdir } from 'node:fs/promises';
import type { PodSecurityContext } from '../../src/kinds/types/core_v1.js';
import { O_PATH_NOFOLLOW, openInside, pathOf } from './safe-path.js';

const MAY_WRITE = 0o660;
const MAY_READ = 0o440;
/** Of directories: to be entered, and to hand their group on to what is made in them. */
const DIRECTORY = 0o2110;

/** All of it or, by the policy, nothing where the top already is as it should be. */
export async function setOwnership(root: string, security: PodSecurityContext | undefined, readOnly: boolean): Promise<void> {
  const group = security?.fsGroup;
  if (group === undefined) return;
  const wanted = { group, bits: readOnly ? MAY_READ : MAY_WRITE };
  const top = await openInside(root, '');
  try {
    if (security?.fsGroupChangePolicy === 'OnRootMismatch' && fits(await top.stat(), wanted)) return;
    await below(top, wanted);
    // Last, so that a walk that was cut short is not taken for one that was finished.
    await give(pathOf(top), await top.stat(), wanted);
  } finally {
    await top.close();
  }
}

interface Wanted {
  readonly group: number;
  readonly bits: number;
}

const modeOf = (stats: Stats, { bits }: Wanted) => (stats.mode & 0o7777) | bits | (stats.isDirectory() ? DIRECTORY : 0);
const fits = (stats: Stats, wanted: Wanted) => stats.gid === wanted.group && (stats.mode & 0o7777) === modeOf(stats, wanted);

async function give(path: string, stats: Stats, wanted: Wanted): Promise<void> {
  await chown(path, stats.uid, wanted.group);
  // After the owner, which takes set-id bits away.
  await chmod(path, modeOf(stats, wanted));
}

/** By handles: what else writes in the volume cannot lead the walk out of it. */
async function below(directory: FileHandle, wanted: Wanted): Promise<void> {
  for (const name of await readdir(pathOf(directory))) {
    const path = `${pathOf(directory)}/${name}`;
    const file = await open(path, O_PATH_NOFOLLOW);
    try {
      const stats = await file.stat();
      if (stats.isSymbolicLink()) await lchown(path, stats.uid, wanted.group);
      else {
        if (stats.isDirectory()) await below(file, wanted);
        await give(pathOf(file), stats, wanted);
      }
    } finally {
      await file.close();
    }
  }
}
