// What processes and the machine use, read from /proc.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** The unit of times in /proc. */
const TICK_MS = 1000 / Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

export function rss_MB(pid: number): number {
  const kB = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  if (kB === undefined) throw new Error(`process ${pid} has no memory: it has ended`);
  return (Number(kB) * 1024) / 1e6;
}

/** CPU time of all its threads so far, those that have ended included: to a tick, which is 10 ms as a rule. */
export function cpu_ms(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The command in parentheses may hold any character; user and system time are the 14th and 15th field.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

/** CPU time of the threads that it has now: exact, for short stretches. */
export function threadsCpu_ms(pid: number): number {
  return readdirSync(`/proc/${pid}/task`)
    .map((thread) => Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]) / 1e6)
    .reduce((sum, one) => sum + one, 0);
}

export interface MachineTimes {
  readonly busy_ms: number;
  readonly total_ms: number;
}

/** Of all CPUs together, since boot. */
export function machineTimes(): MachineTimes {
  const [user, nice, system, idle, iowait, irq, softirq, steal] = readFileSync('/proc/stat', 'utf8')
    .split('\n', 1)[0]!
    .trim()
    .split(/\s+/)
    .slice(1)
    .map((ticks) => Number(ticks) * TICK_MS) as [number, number, number, number, number, number, number, number];
  const busy_ms = user + nice + system + irq + softirq + steal;
  return { busy_ms, total_ms: busy_ms + idle + iowait };
}
