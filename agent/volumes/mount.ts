// Mounting and unmounting on the node, and what is mounted there.
import { mkdir, readFile } from 'node:fs/promises';
import { runInShell } from '../shells.js';
import { VolumeError } from './volume.js';

/** A mount that hangs must not hold its pod for ever. */
const MOUNT_TIMEOUT_MS = 30_000;
/** It says nothing, or a line. */
const OUTPUT_MAX_BYTES = 64 << 10;

/** Mount points of the node, in the order in which they were mounted. */
async function mountPoints(): Promise<readonly string[]> {
  const mounts = await readFile('/proc/self/mounts', 'utf8');
  return mounts.split('\n').map((line) => plain(line.split(' ')[1] ?? ''));
}

/** The kernel writes blanks and backslashes in octal. */
const plain = (path: string) => path.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));

export async function isMounted(directory: string): Promise<boolean> {
  return (await mountPoints()).includes(directory);
}

/** A directory in memory, made unless it is there already. */
export async function mountTmpfs(directory: string, options: readonly string[]): Promise<void> {
  await mkdir(directory, { recursive: true });
  if (await isMounted(directory)) return;
  await mount(['-t', 'tmpfs', ...withOptions(options), 'tmpfs', directory]);
}

/** `source` is used as it is, also where it is a link into /proc/<pid>/fd: nobody can swap what an open file is. */
export async function bindMount(source: string, target: string, options: readonly string[] = []): Promise<void> {
  await mount(['--no-canonicalize', '--bind', source, target]);
  if (options.length > 0) await mount(['-o', ['bind', 'remount', ...options].join(','), target]);
}

export async function mountNfs(source: string, directory: string, options: readonly string[]): Promise<void> {
  await mount(['-t', 'nfs', ...withOptions(options), source, directory]);
}

/** The first layer lies over the others. They are named from `root`, since all options together must fit into a page. */
export async function mountOverlay(root: string, layers: readonly string[], directory: string, options: readonly string[]): Promise<void> {
  await mount(['-t', 'overlay', ...withOptions([...options, `lowerdir=${layers.join(':')}`]), 'overlay', directory], root);
}

const withOptions = (options: readonly string[]) => (options.length > 0 ? ['-o', options.join(',')] : []);

/** Says what failed as upstream does, command and all. */
async function mount(args: readonly string[], from = '/'): Promise<void> {
  const { code, stderr } = await (from === '/' ? run('mount', args) : run('sh', ['-c', 'cd "$0" && exec mount "$@"', from, ...args]));
  if (code === 0) return;
  const status = typeof code === 'number' ? `exit status ${code}` : code;
  throw new VolumeError(`mount failed: ${status}\nMounting command: mount\nMounting arguments: ${args.join(' ')}\nOutput: ${stderr}`);
}

export async function unmount(directory: string): Promise<void> {
  const { code, stderr } = await run('umount', ['--no-canonicalize', directory]);
  if (code !== 0) throw new VolumeError(`unmount failed: ${stderr.trim() || code}`);
}

const run = (program: string, args: readonly string[]) =>
  runInShell({ program, args, timeout_ms: MOUNT_TIMEOUT_MS, output_max_bytes: OUTPUT_MAX_BYTES });

/**
 * Unmounts all that is mounted in a directory, whoever did it: containers can propagate mounts to the node. Rejects where something
 * stays mounted, since removing the directory would then remove what is not the pod's.
 */
export async function unmountBelow(directory: string): Promise<void> {
  const below = async () => (await mountPoints()).filter((path) => path.startsWith(`${directory}/`));
  for (const path of (await below()).reverse()) await unmount(path);
  const [left] = await below();
  if (left !== undefined) throw new VolumeError(`${left} is still mounted`);
}
