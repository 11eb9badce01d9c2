// The benchmark's own cluster: brought up and removed with the project's commands, apart from any other on the machine.
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { PROJECT_ROOT } from '../../src/apimachinery/project-root.js';
import { childPid } from '../../src/cluster/local/process.js';
import type { StartTimes } from '../../src/cluster/local/report.js';
import { type ClusterLayout, layoutOf, type ProcessLayout } from '../../src/cluster/local/state.js';
import { machineTimes } from './proc.js';
import { progress } from './report.js';

const NAME = 'bench';
const SUBNET = '192.168.246.0/24';
const PORT = 7646;

const QUIET_SAMPLE_MS = 1_000;
/** Of all cores: what a machine that does nothing else stays below. */
const QUIET_SHARE = 0.1;
/** Then it is measured all the same, and said. */
const QUIET_TIMEOUT_MS = 30_000;

export const layout = (nodes: number): ClusterLayout => layoutOf({ name: NAME, subnet: SUBNET, port: PORT, nodes });

/** Starts the cluster; nothing of it may be there. Resolves to the times that the command itself took. */
export async function up(nodes: number, ...flags: string[]): Promise<StartTimes> {
  const where = ['--cluster', NAME, '--subnet', SUBNET, '--port', String(PORT), '--nodes', String(nodes)];
  const said = await porthole('up', ...where, '--no-kubeconfig', '--json', ...flags);
  return (JSON.parse(said) as { readonly times_ms: StartTimes }).times_ms;
}

/** Removes every trace of the cluster, also of one that an earlier run left. */
export async function clean(): Promise<void> {
  await porthole('clean', '--cluster', NAME);
}

async function porthole(...args: string[]): Promise<string> {
  const child = spawn(process.execPath, [`${PROJECT_ROOT}/dist/main.js`, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const [status, stdout, stderr] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
  if (status !== 0) throw new Error(`porthole ${args.join(' ')} ended with ${status}:\n${stderr}${stdout}`);
  return stdout;
}

export async function pidOf(process: ProcessLayout): Promise<number> {
  const pid = await childPid(process);
  if (pid === undefined) throw new Error(`${process.pidFile}: it does not run (log: ${process.logFile})`);
  return pid;
}

/** Waits until the machine has nothing else to do, so that what is measured is ours. */
export async function quiet(): Promise<void> {
  for (const deadline = performance.now() + QUIET_TIMEOUT_MS; ; ) {
    const before = machineTimes();
    await sleep(QUIET_SAMPLE_MS);
    const after = machineTimes();
    const share = (after.busy_ms - before.busy_ms) / (after.total_ms - before.total_ms);
    if (share <= QUIET_SHARE) return;
    if (performance.now() > deadline) {
      progress(`the machine is ${Math.round(share * 100)} % busy with something else: expect worse figures`);
      return;
    }
  }
}
