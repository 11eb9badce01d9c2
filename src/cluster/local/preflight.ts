// What must hold before a cluster is started, each found out before anything is changed and told in one line.
import { constants } from 'node:fs';
import { access, readFile, statfs } from 'node:fs/promises';
import { createServer } from 'node:net';
import { delimiter, dirname, join } from 'node:path';
import { run } from './command.js';
import { supervisorPid } from './process.js';
import type { ClusterLayout } from './state.js';
import { UserError } from './user-error.js';

/** Three engines' images, the store and logs take about 200 MB; below this the kubelets would soon report disk pressure. */
const MIN_FREE_BYTES = 2 * 1024 ** 3;

/** Each with the Debian package that brings it. */
const NEEDED_COMMANDS = [
  ['dockerd', 'docker.io'],
  ['containerd', 'docker.io'],
  ['iptables-restore', 'iptables'],
  ['conntrack', 'conntrack'],
  ['ip', 'iproute2'],
  ['nsenter', 'util-linux'],
] as const;

/** Debian's place, then upstream's. */
export const CNI_BIN_DIRS = ['/usr/lib/cni', '/opt/cni/bin'] as const;

/** Controllers without which containers have no limits, or do not start at all. */
const NEEDED_CONTROLLERS = ['cpu', 'memory', 'pids'];

/** Rejects with a UserError for the first thing that does not hold. */
export async function preflight(layout: ClusterLayout): Promise<void> {
  requireRoot('start a cluster');
  await refuseSecondStart(layout);
  await requireCommands();
  await requireCniPlugins();
  await requireCgroups();
  await requireDisk(layout);
  await requireSubnet(layout);
  await requirePort(layout.port);
}

export function requireRoot(what: string): void {
  if (process.getuid?.() !== 0) {
    throw new UserError(
      `root is needed to ${what} (network namespaces, Docker Engines): run it with sudo, or use npm start, npm run stop and npm run clean`,
    );
  }
}

async function refuseSecondStart(layout: ClusterLayout): Promise<void> {
  if ((await supervisorPid(layout.server)) === undefined) return;
  throw new UserError(
    `cluster ${layout.name} is already running (API at ${layout.apiUrl}): use it with kubectl --context ${layout.name}, or stop it with npm run stop`,
  );
}

async function requireCommands(): Promise<void> {
  const missing: string[] = [];
  for (const [command, debianPackage] of NEEDED_COMMANDS) {
    if (!(await isInPath(command)) && !missing.includes(debianPackage)) missing.push(debianPackage);
  }
  if (missing.length > 0)
    throw new UserError(`not installed: ${missing.join(', ')}: run npm start, or apt-get install ${missing.join(' ')}`);
}

async function requireCniPlugins(): Promise<void> {
  for (const directory of CNI_BIN_DIRS) if (await isExecutable(join(directory, 'bridge'))) return;
  throw new UserError(`no CNI plugins in ${CNI_BIN_DIRS.join(' or ')}: run npm start, or apt-get install containernetworking-plugins`);
}

async function isInPath(command: string): Promise<boolean> {
  for (const directory of (process.env['PATH'] ?? '').split(delimiter)) {
    if (directory && (await isExecutable(join(directory, command)))) return true;
  }
  return false;
}

const isExecutable = (file: string) =>
  access(file, constants.X_OK).then(
    () => true,
    () => false,
  );

async function requireCgroups(): Promise<void> {
  const missing = missingControllers(await readFile('/proc/cgroups', 'utf8'));
  if (missing.length > 0) {
    throw new UserError(
      `the kernel's cgroup controllers ${missing.join(', ')} are off: enable them at boot (cgroup_enable=memory on some boards)`,
    );
  }
  if (!(await isWritable('/sys/fs/cgroup'))) {
    throw new UserError('/sys/fs/cgroup is not writable: containers cannot be started here (inside a container, run it privileged)');
  }
}

const isWritable = (path: string) =>
  access(path, constants.W_OK).then(
    () => true,
    () => false,
  );

/** Of the controllers that are needed, those that /proc/cgroups does not list as enabled. */
export function missingControllers(procCgroups: string): readonly string[] {
  const enabled = new Set<string>();
  for (const line of procCgroups.split('\n')) {
    const [name, , , on] = line.split(/\s+/);
    if (name && on === '1') enabled.add(name);
  }
  return NEEDED_CONTROLLERS.filter((controller) => !enabled.has(controller));
}

async function requireDisk(layout: ClusterLayout): Promise<void> {
  const { directory, free_bytes } = await freeSpace(layout.dataDir);
  if (free_bytes < MIN_FREE_BYTES) throw new UserError(diskMessage(directory, free_bytes));
}

export function diskMessage(directory: string, free_bytes: number): string {
  const gib = (bytes: number) => (bytes / 1024 ** 3).toFixed(1);
  return `only ${gib(free_bytes)} GiB free at ${directory}, ${gib(MIN_FREE_BYTES)} GiB are needed: make room there`;
}

/** Of the file system that holds `path`, or will. */
async function freeSpace(path: string): Promise<{ directory: string; free_bytes: number }> {
  try {
    const { bavail, bsize } = await statfs(path);
    return { directory: path, free_bytes: bavail * bsize };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || path === '/') throw error;
    return freeSpace(dirname(path));
  }
}

async function requireSubnet(layout: ClusterLayout): Promise<void> {
  const routes = await run('ip', ['-4', '-o', 'route', 'show', 'to', 'root', layout.subnet]);
  // A killed start's own link goes before the new one comes.
  const route = routes.split('\n').find((line) => line.trim() !== '' && !line.includes(`dev ${layout.hostLink} `));
  if (route === undefined) return;
  throw new UserError(`subnet ${layout.subnet} is already in use on this machine (${route.trim()}): give another one with --subnet`);
}

async function requirePort(port: number): Promise<void> {
  const code = await listenError(port);
  if (code === undefined) return;
  if (code !== 'EADDRINUSE') throw new UserError(`port ${port} cannot be used (${code}): give another one with --port`);
  const users = portUsers(await run('ss', ['-Hltnp', `sport = :${port}`]));
  throw new UserError(`port ${port} is already in use${users ? ` by ${users}` : ''}: stop that, or give another one with --port`);
}

/** The error code of listening on the port of all addresses, or undefined where that works. */
function listenError(port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen(port, () => server.close(() => resolve(undefined)));
  });
}

/** `users:(("nginx",pid=12,fd=6))` of ss -p -> `nginx (pid 12)`. */
export function portUsers(ssOutput: string): string {
  const users = [...ssOutput.matchAll(/\("([^"]*)",pid=(\d+)/g)].map((match) => `${match[1]} (pid ${match[2]})`);
  return [...new Set(users)].join(', ');
}
