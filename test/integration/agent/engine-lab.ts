// A node for tests: a network namespace with its own containerd and dockerd, tiny images, and CNI plugins that run in it.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PREFIX = 'porthole-engine-';
const CNI_BIN = ['/usr/lib/cni', '/opt/cni/bin'].find((directory) => existsSync(directory)) ?? '/usr/lib/cni';
const APPLETS = [
  'sh',
  'sleep',
  'cat',
  'echo',
  'true',
  'false',
  'hostname',
  'wget',
  'httpd',
  'ip',
  'id',
  'env',
  'ls',
  'stty',
  'kill',
  'ps',
  'mkdir',
  'tar',
  'touch',
  'rm',
  'nc',
  'head',
  'tr',
  'seq',
];
const START_TIMEOUT_MS = 30_000;

export const PAUSE_IMAGE = 'lab/pause:1';
export const BUSYBOX_IMAGE = 'lab/busybox:1';

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Polls a condition, as only tests may. */
export async function until<T>(
  what: string,
  probe: () => Promise<T | undefined | false> | T | undefined | false,
  timeout_ms = 45_000,
): Promise<T> {
  const end = performance.now() + timeout_ms;
  for (;;) {
    const found = await probe();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > end) throw new Error(`timed out: ${what}`);
    await pause(20);
  }
}

export interface EngineOptions {
  /** Absent: containers outlive their engine. */
  readonly liveRestore?: boolean;
}

export class EngineLab {
  readonly socket: string;
  readonly containerdSocket: string;
  readonly cniBin: string;
  readonly cniConf: string;
  readonly netns: string;
  private readonly processes: ChildProcess[] = [];

  private constructor(
    readonly directory: string,
    private readonly options: EngineOptions,
  ) {
    this.netns = directory.slice(directory.lastIndexOf('/') + 1);
    this.socket = join(directory, 'docker.sock');
    this.containerdSocket = join(directory, 'containerd.sock');
    this.cniBin = join(directory, 'cni-bin');
    this.cniConf = join(directory, 'net.d');
  }

  static async start(options: EngineOptions = {}): Promise<EngineLab> {
    await sweep();
    const lab = new EngineLab(mkdtempSync(join(tmpdir(), PREFIX)), options);
    writeFileSync(join(lab.directory, 'owner'), String(process.pid));
    try {
      execFileSync('ip', ['netns', 'add', lab.netns]);
      lab.run('ip', ['link', 'set', 'lo', 'up']);
      lab.run('sh', ['-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward']);
      lab.writePlugins();
      await lab.startEngine();
      lab.importImages();
      return lab;
    } catch (error) {
      await lab.stop();
      throw error;
    }
  }

  /** Runs a program in the node's namespace and returns what it prints. */
  run(program: string, args: readonly string[]): string {
    return execFileSync('nsenter', [`--net=/run/netns/${this.netns}`, '--', program, ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  docker(...args: readonly string[]): string {
    return execFileSync('docker', ['-H', `unix://${this.socket}`, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
  }

  /** The test runs outside of the node's namespace; the plugins must not. */
  private writePlugins(): void {
    mkdirSync(this.cniBin);
    mkdirSync(this.cniConf);
    for (const plugin of readdirSync(CNI_BIN)) {
      const path = join(this.cniBin, plugin);
      writeFileSync(path, `#!/bin/sh\nexec nsenter --net=/run/netns/${this.netns} -- ${join(CNI_BIN, plugin)}\n`);
      chmodSync(path, 0o755);
    }
  }

  private async startEngine(): Promise<void> {
    const at = (name: string) => join(this.directory, name);
    const config = [
      'version = 2',
      `root = "${at('containerd')}"`,
      `state = "${at('containerd-state')}"`,
      'disabled_plugins = ["io.containerd.grpc.v1.cri"]',
      '[grpc]',
      `address = "${this.containerdSocket}"`,
    ];
    writeFileSync(at('containerd.toml'), config.join('\n'));
    writeFileSync(
      at('daemon.json'),
      JSON.stringify({ 'exec-opts': ['native.cgroupdriver=cgroupfs'], runtimes: { second: { path: 'runc' } } }),
    );
    this.spawn('containerd', ['--config', at('containerd.toml'), '--log-level', 'warn']);
    await until('containerd listens', () => existsSync(this.containerdSocket) || undefined, START_TIMEOUT_MS);
    this.startDockerd();
    await this.whenEngineAnswers();
  }

  private startDockerd(): ChildProcess {
    const at = (name: string) => join(this.directory, name);
    rmSync(at('docker.pid'), { force: true });
    return this.spawn('dockerd', [
      `--config-file=${at('daemon.json')}`,
      `--host=unix://${this.socket}`,
      `--containerd=${this.containerdSocket}`,
      `--data-root=${at('docker')}`,
      `--exec-root=${at('docker-exec')}`,
      `--pidfile=${at('docker.pid')}`,
      '--bridge=none',
      '--iptables=false',
      '--ip6tables=false',
      '--ip-forward=false',
      '--userland-proxy=false',
      ...(this.options.liveRestore === false ? [] : ['--live-restore']),
      `--cgroup-parent=/${this.netns}`,
      '--log-level=warn',
    ]);
  }

  /** It no longer answers, though it still listens. */
  hangEngine(): void {
    this.processes.at(-1)!.kill('SIGSTOP');
  }

  wakeEngine(): void {
    this.processes.at(-1)!.kill('SIGCONT');
  }

  async killEngine(): Promise<void> {
    const dockerd = this.processes.pop()!;
    dockerd.kill('SIGKILL');
    await until('dockerd is dead', () => dockerd.exitCode !== null || dockerd.signalCode !== null);
  }

  async restartEngine(): Promise<void> {
    this.startDockerd();
    await this.whenEngineAnswers();
  }

  private async whenEngineAnswers(): Promise<void> {
    const answers = () => {
      try {
        return this.docker('version', '--format', '{{.Server.Version}}');
      } catch {
        return undefined;
      }
    };
    await until('dockerd answers', answers, START_TIMEOUT_MS);
  }

  private spawn(program: string, args: readonly string[]): ChildProcess {
    const child = spawn('nsenter', [`--net=/run/netns/${this.netns}`, '--', program, ...args], { stdio: ['ignore', 'ignore', 'ignore'] });
    this.processes.push(child);
    writeFileSync(join(this.directory, 'pids'), this.processes.map(({ pid }) => pid).join('\n'));
    return child;
  }

  private importImages(): void {
    const busybox = join(this.directory, 'rootfs-busybox');
    mkdirSync(join(busybox, 'bin'), { recursive: true });
    mkdirSync(join(busybox, 'tmp'), { mode: 0o1777 });
    mkdirSync(join(busybox, 'etc'));
    writeFileSync(join(busybox, 'etc/passwd'), 'root:x:0:0::/:/bin/sh\n');
    copyFileSync('/bin/busybox', join(busybox, 'bin/busybox'));
    for (const applet of APPLETS) symlinkSync('busybox', join(busybox, 'bin', applet));
    this.import(busybox, BUSYBOX_IMAGE, ['ENV PATH=/bin', 'CMD ["/bin/sh"]']);
    const sleeper = join(this.directory, 'rootfs-pause');
    mkdirSync(sleeper);
    copyFileSync('/usr/bin/catatonit', join(sleeper, 'catatonit'));
    this.import(sleeper, PAUSE_IMAGE, ['ENTRYPOINT ["/catatonit", "-P"]']);
  }

  private import(rootfs: string, name: string, changes: readonly string[]): void {
    const flags = changes.flatMap((change) => ['--change', change]);
    const tar = join(this.directory, 'image.tar');
    execFileSync('tar', ['-C', rootfs, '-cf', tar, '.']);
    this.docker('import', ...flags, tar, name);
  }

  async stop(): Promise<void> {
    const isUp =
      this.processes.length === 2 && this.processes.every(({ exitCode, signalCode }) => exitCode === null && signalCode === null);
    const ids = isUp ? this.docker('ps', '-aq').split('\n').filter(Boolean) : [];
    if (ids.length > 0) this.docker('rm', '-f', ...ids);
    for (const child of [...this.processes].reverse()) {
      child.kill('SIGTERM');
      await until('an engine process ends', () => child.exitCode !== null || child.signalCode !== null);
    }
    await removeLab(this.netns);
  }
}

/** Undoes all that a lab leaves, whether it was stopped in good order or killed. */
async function removeLab(name: string): Promise<void> {
  const directory = join(tmpdir(), name);
  // Shims outlive their containerd, and what an engine that was killed had just started outlives its engine.
  await until('all of a lab has ended', () => killAllOf(name) === 0);
  const mounts = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .filter((path) => path.startsWith(`${directory}/`));
  for (const mount of mounts.reverse()) execFileSync('umount', ['-l', mount]);
  if (existsSync(`/run/netns/${name}`)) execFileSync('ip', ['netns', 'del', name]);
  await until('its control groups are gone', () => removeGroups(name));
  rmSync(directory, { recursive: true, force: true });
}

/** The engine leaves its parent group behind. Whether none is left: those of processes that are just being ended are busy. */
function removeGroups(name: string): boolean {
  const groups = hierarchies()
    .map((hierarchy) => join(hierarchy, name))
    .filter((group) => existsSync(group));
  for (const group of groups) execFileSync('find', [group, '-depth', '-type', 'd', '-exec', 'rmdir', '{}', ';'], { stdio: 'ignore' });
  return groups.every((group) => !existsSync(group));
}

/** Each controller's, or the one of v2. */
function hierarchies(): readonly string[] {
  const root = '/sys/fs/cgroup';
  const names = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return [root, ...names.map((entry) => join(root, entry.name))];
}

/** What runs that were killed have left: their owner is no more. */
async function sweep(): Promise<void> {
  const groups = hierarchies().flatMap((hierarchy) => readdirSync(hierarchy));
  const shims = processes().map(({ argv }) => (isEngine(argv) ? (new RegExp(`${PREFIX}\\w+`).exec(argv)?.[0] ?? '') : ''));
  const labs = new Set([...readdirSync(tmpdir()), ...groups, ...shims].filter((each) => each.startsWith(PREFIX)));
  for (const lab of labs) if (!isInUse(lab)) await removeLab(lab);
}

function isInUse(lab: string): boolean {
  const directory = join(tmpdir(), lab);
  if (!existsSync(directory)) return false;
  const owner = join(directory, 'owner');
  return !existsSync(owner) || existsSync(`/proc/${readFileSync(owner, 'utf8')}`);
}

/** The engine's parts and its shims, by their command lines. */
const isEngine = (argv: string) => /^\S*\b(dockerd|containerd|containerd-shim-runc-v2)\0/.test(argv);

/** Those of this machine that have not ended. */
function processes(): readonly { readonly pid: number; readonly argv: string; readonly cgroup: string }[] {
  const read = (pid: string, file: string) => {
    try {
      return readFileSync(`/proc/${pid}/${file}`, 'utf8');
    } catch {
      // It has ended meanwhile.
      return '';
    }
  };
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map((pid) => ({ pid: Number(pid), argv: read(pid, 'cmdline'), cgroup: read(pid, 'cgroup') }))
    .filter(({ argv }) => argv !== '');
}

/** The engine, its shims and what runs in its control groups; returns how many there were. */
function killAllOf(name: string): number {
  const ours = processes().filter(({ argv, cgroup }) => (isEngine(argv) && argv.includes(name)) || cgroup.includes(`/${name}/`));
  for (const { pid } of ours) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      // It ended by itself meanwhile.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
  return ours.length;
}
