// Commands that nobody waits for any more: how one is ended, and which ones an agent that was killed has left.
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type Docker from 'dockerode';
import { type Clock, sleep } from '../../src/apimachinery/clock.js';
import { call } from './docker-errors.js';

/** What a command may do about a hang-up before it is killed. */
const HANGUP_GRACE_MS = 2_000;
const HANGUP_POLL_MS = 100;

/** Ends a command and what it has started, as the loss of its terminal would: SIGHUP, then SIGKILL. One that has ended is fine. */
export async function endCommand(exec: Docker.Exec, containerId: string, clock: Clock): Promise<void> {
  const isRunning = () => signalCommand(exec, containerId, 0);
  if (!(await signalCommand(exec, containerId, 'SIGHUP'))) return;
  const end_ms = clock.monotonic() + HANGUP_GRACE_MS;
  while (clock.monotonic() < end_ms) {
    if (!(await isRunning())) return;
    await sleep(clock, HANGUP_POLL_MS);
  }
  await signalCommand(exec, containerId, 'SIGKILL');
}

/** False where it does not run. */
async function signalCommand(exec: Docker.Exec, containerId: string, signal: NodeJS.Signals | 0): Promise<boolean> {
  const info = await call(exec.inspect(), 404);
  // A process ID of 0 is one that has not started.
  if (!info?.Running || !info.Pid || !(await isInContainer(info.Pid, containerId))) return false;
  // The engine makes each command the leader of a group.
  return kill(-info.Pid, signal) || kill(info.Pid, signal);
}

/** The ID may have come to be another process's since the engine looked. */
async function isInContainer(pid: number, containerId: string): Promise<boolean> {
  return readFile(`/proc/${pid}/cgroup`, 'utf8').then(
    (text) => text.includes(containerId),
    () => false,
  );
}

function kill(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

/** The commands under way as files, each named by its ID with its container's in it. */
export class CommandLedger {
  readonly #ours = new Set<string>();
  #made: Promise<unknown> | undefined;

  constructor(private readonly directory: string) {}

  async add(id: string, containerId: string): Promise<void> {
    this.#ours.add(id);
    await (this.#made ??= mkdir(this.directory, { recursive: true }));
    await writeFile(join(this.directory, id), containerId);
  }

  async remove(id: string): Promise<void> {
    await rm(join(this.directory, id), { force: true });
    this.#ours.delete(id);
  }

  /** Ends those of agents before this one. */
  async endOthers(docker: Docker, clock: Clock): Promise<void> {
    const ids = await readdir(this.directory).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    });
    await Promise.all(
      ids
        .filter((id) => !this.#ours.has(id))
        .map(async (id) => {
          await endCommand(docker.getExec(id), await readFile(join(this.directory, id), 'utf8'), clock);
          await this.remove(id);
        }),
    );
  }
}
