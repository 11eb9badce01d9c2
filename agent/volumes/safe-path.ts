// Paths inside a directory that others write into: each part is opened in the one before it, so that no link swapped in leads out of it.
import { constants } from 'node:fs';
import { chmod, type FileHandle, mkdir, open, realpath, stat } from 'node:fs/promises';
import { VolumeError } from './volume.js';

/** Linux's; Node has no name for it: a handle that only stands for the file, and opens neither devices nor pipes. */
const O_PATH = 0o10000000;
export const O_PATH_NOFOLLOW = O_PATH | constants.O_NOFOLLOW;

/** Where an open file can be had as itself, whatever its path has become. */
export const pathOf = (file: FileHandle, pid: number | 'self' = 'self') => `/proc/${pid}/fd/${file.fd}`;

/** What `path`, which is relative and has no links, is in `root`. The caller closes it. Rejects with the system's error or a VolumeError. */
export async function openInside(root: string, path: string): Promise<FileHandle> {
  const parts = partsOf(path);
  return walk(await openRoot(root), parts);
}

/** The same for a path that is made of directories where it is not there yet, with the mode and group that `root` has. */
export async function makeInside(root: string, path: string): Promise<void> {
  const parts = partsOf(path);
  const { mode } = await stat(root);
  const made = await walk(await openRoot(root), parts, async (parent, part) => {
    const target = `${pathOf(parent)}/${part}`;
    // The mode is set apart from making it, where the umask would cut it.
    await mkdir(target, { mode: 0o700 });
    const directory = await open(target, O_PATH_NOFOLLOW | constants.O_DIRECTORY);
    // A handle by O_PATH has no fchmod.
    await chmod(pathOf(directory), mode & 0o7777);
    return directory;
  });
  await made.close();
}

/** Follows links as they are now, which the caller must not trust any longer than that: undefined where it is nothing in `root`. */
export async function resolveInside(root: string, path: string): Promise<string | undefined> {
  const base = await realpath(root);
  const target = await realpath(`${base}/${path}`).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (target === undefined) return undefined;
  if (target === base) return '';
  if (!target.startsWith(`${base}/`)) throw new VolumeError(`${path} leads out of the volume`);
  return target.slice(base.length + 1);
}

const openRoot = async (root: string) => open(await realpath(root), O_PATH_NOFOLLOW | constants.O_DIRECTORY);

function partsOf(path: string): readonly string[] {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (path.startsWith('/') || parts.includes('..')) throw new VolumeError(`path "${path}" must be relative and without '..'`);
  return parts;
}

type Make = (parent: FileHandle, part: string) => Promise<FileHandle>;

/** Closes all but the last; `make` stands in for what is not there. */
async function walk(root: FileHandle, parts: readonly string[], make?: Make): Promise<FileHandle> {
  let current = root;
  for (const [index, part] of parts.entries()) {
    const flags = index < parts.length - 1 ? O_PATH_NOFOLLOW | constants.O_DIRECTORY : O_PATH_NOFOLLOW;
    const next = await step(current, part, flags, make).finally(() => current.close());
    current = next;
  }
  return current;
}

async function step(parent: FileHandle, part: string, flags: number, make: Make | undefined): Promise<FileHandle> {
  const next = await open(`${pathOf(parent)}/${part}`, flags).catch((error: NodeJS.ErrnoException) => {
    if (make && error.code === 'ENOENT') return make(parent, part);
    throw error;
  });
  // With O_PATH a link itself is opened.
  if (!(await next.stat()).isSymbolicLink()) return next;
  await next.close();
  throw new VolumeError(`"${part}" is a symbolic link`);
}
