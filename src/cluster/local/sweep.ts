// Ends and removes what a cluster has left on the machine, whether it was stopped or killed: processes, containers' cgroups, mounts.
import { readdir, readFile, rmdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Clock } from '../../apimachinery/clock.js';
import { run } from './command.js';
import { endAll, processesOf, signal } from './process.js';
import type { ClusterLayout } from './state.js';

const CGROUP_ROOT = '/sys/fs/cgroup';
/** Nothing is told to end nicely here, so nothing takes long. */
const GRACE_MS = 3_000;

/** Processes with a cluster's paths on their command lines that are the cluster's, not, say, somebody's `tail -f` of a log. */
const OUR_PROGRAMS = new Set(['nsenter', 'unshare', 'node', 'containerd', 'dockerd', 'runc', 'docker-init']);
const SHIM_PREFIX = 'containerd-shim';

/** Ends every process of the cluster: supervisors are told first, so that they start nothing anew; the rest is killed, containers too. */
export async function killProcesses(layout: ClusterLayout, clock: Clock): Promise<void> {
  const paths = [layout.runDir, layout.dataDir];
  const supervisors = await processesOf(paths, isSupervisor);
  for (const pid of supervisors) signal(pid, 'SIGTERM');
  const rest = await processesOf(paths, isOurs);
  const contained = (await Promise.all((await cgroupDirs(layout)).map(cgroupProcesses))).flat();
  for (const pid of [...rest, ...contained]) signal(pid, 'SIGKILL');
  await endAll([...new Set([...supervisors, ...rest, ...contained])], clock, GRACE_MS);
}

const isSupervisor = ([shell, script]: readonly string[]) => basename(shell ?? '') === 'sh' && basename(script ?? '') === 'respawn';

function isOurs(commandLine: readonly string[]): boolean {
  const program = basename(commandLine[0] ?? '');
  return OUR_PROGRAMS.has(program) || program.startsWith(SHIM_PREFIX);
}

/** The cluster's cgroups in every hierarchy (one with cgroup v2), children before their parents. */
async function cgroupDirs(layout: ClusterLayout): Promise<readonly string[]> {
  const hierarchies = [CGROUP_ROOT, ...(await subdirectories(CGROUP_ROOT))];
  return (await Promise.all(hierarchies.map((hierarchy) => treeOf(join(hierarchy, layout.cgroup))))).flat();
}

async function treeOf(directory: string): Promise<string[]> {
  let children: readonly string[];
  try {
    children = await subdirectories(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  return [...(await Promise.all(children.map(treeOf))).flat(), directory];
}

async function subdirectories(directory: string): Promise<readonly string[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map((entry) => join(directory, entry.name));
}

async function cgroupProcesses(directory: string): Promise<readonly number[]> {
  try {
    return (await readFile(join(directory, 'cgroup.procs'), 'utf8')).split('\n').filter(Boolean).map(Number);
  } catch (error) {
    // Gone meanwhile, or a threaded group of cgroup v2, whose processes its parent lists.
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENODEV' || code === 'EOPNOTSUPP') return [];
    throw error;
  }
}

/** To be called when their processes have ended. */
export async function removeCgroups(layout: ClusterLayout): Promise<void> {
  for (const directory of await cgroupDirs(layout)) {
    await rmdir(directory).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
  }
}

/** Unmounts everything at or below the cluster's directories: overlays, namespaces, volumes. */
export async function unmountAll(layout: ClusterLayout): Promise<void> {
  const points = mountPointsBelow(await readFile('/proc/self/mountinfo', 'utf8'), [layout.runDir, layout.dataDir]);
  // Lazily: what a dying process still holds goes with it.
  for (const point of points) await run('umount', ['--lazy', point]);
}

/** From /proc/self/mountinfo, the last mounted first. */
export function mountPointsBelow(mountinfo: string, directories: readonly string[]): readonly string[] {
  const points = mountinfo
    .split('\n')
    .map((line) => line.split(' ')[4])
    .filter((point) => point !== undefined)
    .map((point) => point.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))));
  return points.filter((point) => directories.some((directory) => point.startsWith(`${directory}/`))).reverse();
}
