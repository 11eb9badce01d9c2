// How many processes and threads the kernel can have, and how many it has.
import { readFile } from 'node:fs/promises';

export interface ProcessTable {
  readonly capacity: number;
  readonly tasks: number;
}

/** Of the kernel's two bounds the lower one counts. */
const BOUNDS = ['/proc/sys/kernel/pid_max', '/proc/sys/kernel/threads-max'];

export async function processTable(): Promise<ProcessTable> {
  const [load, ...bounds] = await Promise.all(['/proc/loadavg', ...BOUNDS].map((path) => readFile(path, 'utf8')));
  return { capacity: Math.min(...bounds.map(Number)), tasks: Number(load!.split(' ')[3]?.split('/')[1] ?? 0) };
}
