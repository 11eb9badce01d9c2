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
    this.cniBin = join(directory, 'cni-bin');
    this.cniConf = join(directory, 'net.d');
  }

  static async start(options: EngineOptions = {}): Promise<EngineLab> {
    sweep();
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
      `address = "${at('containerd.sock')}"`,
    ];
    writeFileSync(at('containerd.toml'), config.join('\n'));
    writeFileSync(
      at('daemon.json'),
      JSON.stringify({ 'exec-opts': ['native.cgroupdriver=cgroupfs'], runtimes: { second: { path: 'runc' } } }),
    );
    this.spawn('containerd', ['--config', at('containerd.toml'), '--log-level', 'warn']);
    await until('containerd listens', () => existsSync(at('containerd.sock')) || undefined, START_TIMEOUT_MS);
    this.startDockerd();
    await this.whenEngineAnswers();
  }

  private startDockerd(): ChildProcess {
    const at = (name: string) => join(this.directory, name);
    rmSync(at('docker.pid'), { force: true });
    return this.spawn('dockerd', [
      `--config-file=${at('daemon.json')}`,
      `--host=unix://${this.socket}`,
      `--containerd=${at('containerd.sock')}`,
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
    remove(this.directory);
  }
}

/** Undoes all that a lab leaves, whether it was stopped in good order or killed. */
function remove(directory: string): void {
  const mounts = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .filter((path) => path.startsWith(`${directory}/`));
  for (const mount of mounts.reverse()) execFileSync('umount', ['-l', mount]);
  const netns = directory.slice(directory.lastIndexOf('/') + 1);
  if (existsSync(`/run/netns/${netns}`)) execFileSync('ip', ['netns', 'del', netns]);
  removeCgroups(netns);
  rmSync(directory, { recursive: true, force: true });
}

/** The engine leaves its parent group behind, in each controller's hierarchy or in the one of v2. */
function removeCgroups(name: string): void {
  const root = '/sys/fs/cgroup';
  const hierarchies = [root, ...readdirSync(root).map((entry) => join(root, entry))];
  for (const hierarchy of hierarchies) {
    const group = join(hierarchy, name);
    if (existsSync(group)) execFileSync('find', [group, '-depth', '-type', 'd', '-exec', 'rmdir', '{}', ';']);
  }
}

/** What runs that were killed have left: their owner is no more. */
function sweep(): void {
  for (const entry of readdirSync(tmpdir())) {
    const directory = join(tmpdir(), entry);
    const owner = join(directory, 'owner');
    if (!entry.startsWith(PREFIX) || !existsSync(owner) || existsSync(`/proc/${readFileSync(owner, 'utf8')}`)) continue;
    killAllOf(directory);
    remove(directory);
  }
}

/** Every process with the lab's directory on its command line: the engine, its shims, and through them the containers. */
function killAllOf(directory: string): void {
  const isOurs = (pid: string) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(directory);
    } catch {
      return false;
    }
  };
  const netns = directory.slice(directory.lastIndexOf('/') + 1);
  const inCgroup = (pid: string) => {
    try {
      return readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(`/${netns}/`);
    } catch {
      return false;
    }
  };
  const pids = readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && (isOurs(pid) || inCgroup(pid)));
  for (const pid of pids) {
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch (error) {
      // It ended by itself meanwhile.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}
