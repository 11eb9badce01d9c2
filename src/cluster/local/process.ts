// Processes of a local cluster: started under bin/respawn, found again by their pid files or command lines, ended by pid.
import { spawn } from 'node:child_process';
import { appendFile, mkdir, open, readdir, readFile, rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Clock } from '../../apimachinery/clock.js';
import { PROJECT_ROOT } from '../../apimachinery/project-root.js';
import type { ProcessLayout } from './state.js';
import { waitFor } from './wait.js';

const RESPAWN = resolve(PROJECT_ROOT, 'bin/respawn');

/** Where a start begins in a log that holds earlier ones too. */
const START_MARK = 'respawn: a new start';
/** Our commands' one line, or the head of a stack trace: after it there are only frames. */
const ERROR_LINE = /^porthole \w+: |^\w*Error\b/;
/** How much of a log's end is read to say why a process died. */
const LOG_TAIL_BYTES = 8192;
/** KILL cannot be refused; what remains after this is stuck in the kernel. */
const KILL_TIMEOUT_MS = 5_000;

/** Starts `command` under a supervisor that outlives this process. */
export async function startSupervised(
  layout: ProcessLayout,
  command: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<void> {
  await Promise.all([mkdir(dirname(layout.pidFile), { recursive: true }), mkdir(dirname(layout.logFile), { recursive: true })]);
  await rm(`${layout.pidFile}.child`, { force: true });
  await appendFile(layout.logFile, `${START_MARK}\n`);
  const child = spawn('/bin/sh', [RESPAWN, layout.pidFile, layout.logFile, ...command], { detached: true, stdio: 'ignore', env, cwd: '/' });
  await new Promise<void>((resolvePromise, reject) => {
    child.once('spawn', resolvePromise);
    child.once('error', reject);
  });
  child.unref();
}

/** False for a zombie too: it runs nothing, and pid 1 may reap late. */
export async function isAlive(pid: number): Promise<boolean> {
  const stat = await readIfThere(`/proc/${pid}/stat`);
  // The state follows the command in parentheses, which may itself hold any character.
  const state = stat?.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3);
  return state !== undefined && state !== 'Z' && state !== 'X';
}

/** The supervisor's pid where it runs: a pid file's number counts only if that process is the supervisor of this very file. */
export async function supervisorPid(layout: ProcessLayout): Promise<number | undefined> {
  const pid = await readPid(layout.pidFile);
  if (pid === undefined || !(await isAlive(pid))) return undefined;
  return (await commandLine(pid)).includes(layout.pidFile) ? pid : undefined;
}

/** The pid of the supervised command itself, or undefined while there is none. */
export async function childPid(layout: ProcessLayout): Promise<number | undefined> {
  const pid = await readPid(`${layout.pidFile}.child`);
  return pid !== undefined && (await isAlive(pid)) ? pid : undefined;
}

/** Why the command ended, if it has ended since its start: the last lines of its own log. */
export async function deathOf(layout: ProcessLayout): Promise<string | undefined> {
  const tail = (await logTail(layout)).trimEnd().split('\n');
  const lines = tail.slice(tail.findLastIndex((line) => line.startsWith(START_MARK)) + 1);
  const death = lines.findLastIndex((line) => line.startsWith('respawn: ') && line.includes(' ended with status '));
  if (death < 0) return undefined;
  const own = lines.slice(0, death).filter((line) => line.trim() !== '' && !line.startsWith('respawn: '));
  const said = own.findLast((line) => ERROR_LINE.test(line)) ?? own.at(-1);
  return `${said ?? lines[death]} (log: ${layout.logFile})`;
}

async function logTail(layout: ProcessLayout): Promise<string> {
  const file = await open(layout.logFile, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (!file) return '';
  try {
    const { size } = await file.stat();
    const length = Math.min(size, LOG_TAIL_BYTES);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length);
    return buffer.subarray(0, bytesRead).toString('utf8');
  } finally {
    await file.close();
  }
}

/** TERM to the supervisor, which passes it on and ends with its command; KILL to the command where that takes longer than `grace_ms`. */
export async function stopSupervised(layout: ProcessLayout, clock: Clock, grace_ms: number): Promise<void> {
  const supervisor = await supervisorPid(layout);
  if (supervisor !== undefined) {
    const child = await childPid(layout);
    signal(supervisor, 'SIGTERM');
    if (child !== undefined) await endAll([child], clock, grace_ms);
    await endAll([supervisor], clock, grace_ms);
  }
  await Promise.all([rm(layout.pidFile, { force: true }), rm(`${layout.pidFile}.child`, { force: true })]);
}

/** Waits for all of them to end, then kills those that have not. */
export async function endAll(pids: readonly number[], clock: Clock, grace_ms: number): Promise<void> {
  if (pids.length === 0) return;
  const noneLeft = async () => ((await Promise.all(pids.map(isAlive))).some(Boolean) ? undefined : true);
  const ended = await waitFor(noneLeft, { clock, timeout_ms: grace_ms, what: 'processes to end' }).catch(() => false);
  if (ended) return;
  for (const pid of pids) if (await isAlive(pid)) signal(pid, 'SIGKILL');
  await waitFor(noneLeft, { clock, timeout_ms: KILL_TIMEOUT_MS, what: `processes ${pids.join(', ')} to end` });
}

/** Sends a signal; that the process has just ended by itself is as good. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/**
 * Pids of the processes with an argument at or below one of `paths` (a cluster's own directories are on each of its command lines)
 * that `isWanted` knows by their command line.
 */
export async function processesOf(
  paths: readonly string[],
  isWanted: (commandLine: readonly string[]) => boolean,
): Promise<readonly number[]> {
  const concerns = (argument: string) => paths.some((path) => argument === path || argument.includes(`${path}/`));
  const found: number[] = [];
  for (const entry of await readdir('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || pid === process.pid || !(await isAlive(pid))) continue;
    const line = await commandLine(pid);
    if (line.some(concerns) && isWanted(line)) found.push(pid);
  }
  return found;
}

async function commandLine(pid: number): Promise<readonly string[]> {
  return (await readIfThere(`/proc/${pid}/cmdline`))?.split('\0') ?? [];
}

async function readPid(file: string): Promise<number | undefined> {
  const pid = Number((await readIfThere(file))?.trim() || Number.NaN);
  return Number.isInteger(pid) && pid > 1 ? pid : undefined;
}

/** Undefined where there is no such file, or the process behind it has just ended. */
async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ESRCH') return undefined;
    throw error;
  }
}
