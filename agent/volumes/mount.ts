// Mounting and unmounting on the node.
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { VolumeError } from './volume.js';

const run = promisify(execFile);

/** A mount that hangs must not hold its pod for ever. */
const MOUNT_TIMEOUT_MS = 30_000;

export async function isMounted(directory: string): Promise<boolean> {
  const mounts = await readFile('/proc/self/mounts', 'utf8');
  // Spaces in paths are written in octal there; our paths have none.
  return mounts.split('\n').some((line) => line.split(' ')[1] === directory);
}

export async function mountTmpfs(directory: string, size_bytes: number | undefined): Promise<void> {
  const options = size_bytes === undefined ? [] : ['-o', `size=${Math.ceil(size_bytes)}`];
  await mount(['-t', 'tmpfs', ...options, 'tmpfs', directory]);
}

async function mount(args: readonly string[]): Promise<void> {
  await run('mount', [...args], { timeout: MOUNT_TIMEOUT_MS }).catch((error: Error & { stderr?: string }) => {
    throw new VolumeError(error.stderr?.trim() || error.message);
  });
}

export async function unmount(directory: string): Promise<void> {
  await run('umount', [directory], { timeout: MOUNT_TIMEOUT_MS }).catch((error: Error & { stderr?: string }) => {
    throw new VolumeError(error.stderr?.trim() || error.message);
  });
}
