// Files that come from the API (configMap, secret, downwardAPI): which, and written so that readers see all old or all new.
import { chmod, chown, mkdir, readdir, readFile, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { KeyToPath } from '../../src/kinds/types/core_v1.js';
import { VolumeError } from './volume.js';

export interface PayloadFile {
  readonly data: Buffer;
  readonly mode: number;
  /** Whose it is; absent: root's. */
  readonly user?: number;
}

/** By path below the volume. */
export type Payload = ReadonlyMap<string, PayloadFile>;

const DATA_LINK = '..data';
const DEFAULT_MODE = 0o644;

/** What of an object's keys is wanted, and how. */
export interface KeysWish {
  readonly items?: readonly KeyToPath[];
  readonly defaultMode?: number;
  readonly optional?: boolean;
}

/** All keys, or those that `items` name. `what` names the object in errors. */
export function keysToPayload(data: ReadonlyMap<string, Buffer>, { items, defaultMode, optional }: KeysWish, what: string): Payload {
  const mode = defaultMode ?? DEFAULT_MODE;
  if (!items?.length) return new Map([...data].map(([key, bytes]) => [key, { data: bytes, mode }]));
  const payload = new Map<string, PayloadFile>();
  for (const item of items) {
    const bytes = data.get(item.key);
    if (bytes) payload.set(safePath(item.path), { data: bytes, mode: item.mode ?? mode });
    else if (!optional) throw new VolumeError(`references non-existent ${what} key: ${item.key}`);
  }
  return payload;
}

/** The API validates paths too; a file outside of the volume would be the node's. */
export function safePath(path: string): string {
  if (path.startsWith('/') || path === '' || path.split('/').some((part) => part === '..') || path.startsWith('..')) {
    throw new VolumeError(`path "${path}" must be relative, and not begin with '..' or hold it`);
  }
  return path;
}

/**
 * Writes the files into a directory of their own and swaps a symbolic link to it, as upstream's atomic writer does:
 * `<directory>/key -> ..data/key`, `..data -> ..<n>`. Does nothing where they are there already.
 */
export async function writePayload(directory: string, payload: Payload, group: number | undefined): Promise<void> {
  await mkdir(directory, { recursive: true });
  const current = await readlink(join(directory, DATA_LINK)).catch(() => undefined);
  if (current && (await isSame(join(directory, current), payload))) return;
  const next = `..${Number(current?.slice(2) ?? 0) + 1}`;
  await rm(join(directory, next), { recursive: true, force: true });
  await mkdir(join(directory, next));
  for (const [path, { data, mode, user = 0 }] of payload) {
    const file = join(directory, next, path);
    await mkdir(dirname(file), { recursive: true });
    // A group that may read does so through the group's bits, as upstream's fsGroup.
    await writeFile(file, data, { mode: 0o600 });
    if (group !== undefined || user !== 0) await chown(file, user, group ?? 0);
    // Apart from writing, where the umask would cut it.
    await chmod(file, group === undefined ? mode : mode | 0o440);
  }
  const swap = join(directory, `${DATA_LINK}_tmp`);
  await rm(swap, { force: true });
  await symlink(next, swap);
  await rename(swap, join(directory, DATA_LINK));
  await linkTopLevel(directory, payload);
  if (current) await rm(join(directory, current), { recursive: true, force: true });
}

async function isSame(directory: string, payload: Payload): Promise<boolean> {
  const names = await filesBelow(directory, '');
  if (names.length !== payload.size) return false;
  for (const name of names) {
    const wanted = payload.get(name);
    if (!wanted?.data.equals(await readFile(join(directory, name)))) return false;
  }
  return true;
}

async function filesBelow(directory: string, prefix: string): Promise<string[]> {
  const entries = await readdir(join(directory, prefix), { withFileTypes: true }).catch(() => []);
  const nested = entries.map((entry) => {
    const path = prefix ? `${prefix}/${entry.name}` : entry.name;
    return entry.isDirectory() ? filesBelow(directory, path) : [path];
  });
  return (await Promise.all(nested)).flat();
}

async function linkTopLevel(directory: string, payload: Payload): Promise<void> {
  const wanted = new Set([...payload.keys()].map((path) => path.split('/')[0]!));
  for (const name of await readdir(directory)) {
    if (name.startsWith('..')) continue;
    if (wanted.has(name)) wanted.delete(name);
    else await rm(join(directory, name), { force: true });
  }
  for (const name of wanted) await symlink(join(DATA_LINK, name), join(directory, name));
}
