// What a node has left of memory, disk and process IDs, from the kernel.
import { readFile, statfs } from 'node:fs/promises';
import { processTable } from '../../process-table.js';
import type { Observations, Signal } from './thresholds.js';

/** Resolves to what could be seen: a disk that cannot be asked tells nothing. */
export type ReadSignals = () => Promise<Observations>;

/** `imageDirectory`: where the runtime has its images; undefined while that is not known. */
export function nodeSignals(rootDirectory: string, imageDirectory: () => Promise<string | undefined>): ReadSignals {
  return async () => {
    const [memory, pids, node, images] = await Promise.all([
      readMemory(),
      readPids(),
      readDisk('nodefs', rootDirectory),
      imageDirectory().then((directory) => (directory === undefined ? [] : readDisk('imagefs', directory).catch(unseen))),
    ]);
    return new Map([...memory, ...node, ...images, ...pids]);
  };
}

/** The engine may be on another machine, or have its disk where the agent cannot look. */
const unseen = () => [];

type Entry = readonly [Signal, { readonly available: number; readonly capacity: number }];

/** Upstream's count: all that is not in the working set, which the file pages of longest standing are not part of. */
async function readMemory(): Promise<readonly Entry[]> {
  const text = await readFile('/proc/meminfo', 'utf8');
  const of = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) * 1024;
  return [['memory.available', { available: of('MemFree') + of('Inactive\\(file\\)'), capacity: of('MemTotal') }]];
}

async function readPids(): Promise<readonly Entry[]> {
  const { capacity, tasks } = await processTable();
  return [['pid.available', { available: capacity - tasks, capacity }]];
}

async function readDisk(name: 'nodefs' | 'imagefs', directory: string): Promise<readonly Entry[]> {
  const { blocks, bavail, bsize, files, ffree } = await statfs(directory);
  const bytes: Entry = [`${name}.available`, { available: bavail * bsize, capacity: blocks * bsize }];
  // Some file systems make inodes as they go, and count none.
  return files === 0 ? [bytes] : [bytes, [`${name}.inodesFree`, { available: ffree, capacity: files }]];
}
