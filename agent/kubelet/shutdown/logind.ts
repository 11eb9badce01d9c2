// systemd's login manager, by its own programs: shutdowns are held up while one of them runs, and heard of from another.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { type Exec, ExecError } from '../../proxy/exec.js';

export interface Logind {
  /** So long shutdowns can be held up; raises the machine's limit where it is lower. */
  allow(period_ms: number): Promise<void>;
  /** Holds up shutdowns until it is released, or this process ends. */
  inhibit(): { release(): void };
  /** Tells of each shutdown that begins, and of each that is called off; `ended` is called where it can no longer. */
  watch(told: (isGoingDown: boolean) => void, ended: (why: string) => void): { close(): void };
}

const SERVICE = ['org.freedesktop.login1', '/org/freedesktop/login1', 'org.freedesktop.login1.Manager'];
const MATCH = "type='signal',interface='org.freedesktop.login1.Manager',member='PrepareForShutdown'";
const DROP_IN = '/etc/systemd/logind.conf.d/99-kubelet.conf';

/** A line of busctl's; undefined where it tells of something else. */
export function parsePrepareForShutdown(line: string): boolean | undefined {
  const message = JSON.parse(line) as { member?: string; payload?: { data?: readonly unknown[] } };
  const [isGoingDown] = message.payload?.data ?? [];
  return message.member === 'PrepareForShutdown' && typeof isGoingDown === 'boolean' ? isGoingDown : undefined;
}

/** `bus`: busctl's flags for the bus that logind is on. */
export function systemdLogind(exec: Exec, bus: readonly string[] = ['--system']): Logind {
  return {
    async allow(period_ms) {
      const text = await exec('busctl', [...bus, 'get-property', ...SERVICE, 'InhibitDelayMaxUSec']);
      const limit_ms = Number(/^t (\d+)/.exec(text)?.[1] ?? 0) / 1000;
      if (limit_ms >= period_ms) return;
      await mkdir('/etc/systemd/logind.conf.d', { recursive: true });
      await writeFile(DROP_IN, `# Kubelet logind override\n[Login]\nInhibitDelayMaxSec=${Math.ceil(period_ms / 1000)}\n`);
      await exec('systemctl', ['kill', '--signal=HUP', 'systemd-logind.service']);
    },
    inhibit() {
      const why = '--why=Kubelet needs time to handle node shutdown';
      // It ends with its input, and so with this process, too.
      const child = spawn('systemd-inhibit', ['--what=shutdown', '--who=kubelet', why, '--mode=delay', 'cat'], {
        stdio: ['pipe', 'ignore', 'ignore'],
      });
      child.on('error', () => undefined);
      return { release: () => end(child) };
    },
    watch(told, ended) {
      const child = spawn('busctl', [...bus, '--json=short', `--match=${MATCH}`, 'monitor'], { stdio: ['ignore', 'pipe', 'pipe'] });
      let said = '';
      child.stderr.on('data', (chunk) => {
        said = `${said}${chunk}`.slice(-1000);
      });
      createInterface({ input: child.stdout }).on('line', (line) => {
        const isGoingDown = line.startsWith('{') ? parsePrepareForShutdown(line) : undefined;
        if (isGoingDown !== undefined) told(isGoingDown);
      });
      child.on('error', (error) => ended(error.message));
      child.on('exit', (code) => ended(new ExecError('busctl', [], code ?? 'killed', said, '').message));
      return { close: () => end(child) };
    },
  };
}

function end(child: ChildProcess): void {
  child.removeAllListeners('exit');
  child.kill('SIGTERM');
}
