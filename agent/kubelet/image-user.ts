// What an image's own /etc/passwd and /etc/group say of a user, read from its layers: neither is trusted to be what it should.
import { readFile } from 'node:fs/promises';
import { openInside, pathOf } from '../volumes/safe-path.js';
import { VolumeError } from '../volumes/volume.js';

/** No such file of an image is near it. */
const FILE_MAX_BYTES = 1 << 20;

/** Users looked up once each: a layer never changes. */
const USERS_MAX = 1000;

export interface ImageUser {
  /** undefined: it is a name that the image does not know. */
  readonly uid: number | undefined;
  /** Its own group. */
  readonly gid: number;
  /** Those that name it as their member. */
  readonly groups: readonly number[];
}

const knownUsers = new Map<string, ImageUser>();

/** By its name or number; one that the image does not know is in root's group alone. */
export async function imageUser(layers: readonly string[], user: string): Promise<ImageUser> {
  const key = [...layers, user].join('\0');
  const known = knownUsers.get(key) ?? (await lookUp(layers, user));
  if (knownUsers.size >= USERS_MAX) knownUsers.clear();
  knownUsers.set(key, known);
  return known;
}

async function lookUp(layers: readonly string[], user: string): Promise<ImageUser> {
  const users = records(await fileOf(layers, 'etc/passwd'));
  const [name, , uid, gid] = users.find(([known, , id]) => known === user || id === user) ?? [];
  if (name === undefined) return { uid: numberOf(user), gid: 0, groups: [] };
  const groups = records(await fileOf(layers, 'etc/group'));
  const isMember = ([, , , members = '']: readonly string[]) => members.split(',').includes(name);
  const ids = groups.filter(isMember).map(([, , id]) => numberOf(id));
  return { uid: numberOf(uid), gid: numberOf(gid) ?? 0, groups: ids.filter((id) => id !== undefined) };
}

/** A group's number, by that or its name; undefined where the image does not know it. */
export async function groupNumber(layers: readonly string[], group: string): Promise<number | undefined> {
  const number = numberOf(group);
  if (number !== undefined) return number;
  const [, , gid] = records(await fileOf(layers, 'etc/group')).find(([name]) => name === group) ?? [];
  return numberOf(gid);
}

const numberOf = (text = '') => (/^\d+$/.test(text) ? Number(text) : undefined);

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
