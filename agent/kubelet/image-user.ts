// What an image's own /etc/passwd and /etc/group say of a user, read from its layers: neither is trusted to be what it should.
import { readFile } from 'node:fs/promises';
import { openInside, pathOf } from '../volumes/safe-path.js';
import { VolumeError } from '../volumes/volume.js';

/** No such file of an image is near it. */
const FILE_MAX_BYTES = 1 << 20;

export interface ImageUser {
  /** Its own group. */
  readonly gid: number;
  /** Those that name it as their member. */
  readonly groups: readonly number[];
}

/** By its name or number; one that the image does not know is in root's group alone. */
export async function imageUser(layers: readonly string[], user: string): Promise<ImageUser> {
  const users = records(await fileOf(layers, 'etc/passwd'));
  const [name, , , gid] = users.find(([known, , uid]) => known === user || uid === user) ?? [];
  if (name === undefined) return { gid: 0, groups: [] };
  const groups = records(await fileOf(layers, 'etc/group'));
  const isMember = ([, , , members = '']: readonly string[]) => members.split(',').includes(name);
  return { gid: Number(gid) || 0, groups: groups.filter(isMember).flatMap(([, , id]) => (/^\d+$/.test(id ?? '') ? [Number(id)] : [])) };
}

const records = (text: string) => text.split('\n').map((line) => line.trim().split(':'));

/** As the topmost layer has it; empty where none does, or where it is no plain file there: a link could lead out of the image. */
async function fileOf([top, ...below]: readonly string[], path: string): Promise<string> {
  if (top === undefined) return '';
  const file = await openInside(top, path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return 'absent';
    if (error.code === 'ENOTDIR' || error instanceof VolumeError) return 'no file';
    throw error;
  });
  if (file === 'absent') return fileOf(below, path);
  if (file === 'no file') return '';
  try {
    const stats = await file.stat();
    return stats.isFile() && stats.size <= FILE_MAX_BYTES ? await readFile(pathOf(file), 'utf8') : '';
  } finally {
    await file.close();
  }
}
