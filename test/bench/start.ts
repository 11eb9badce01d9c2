// Area start: how long a cold start takes, and what a cluster with nothing on it uses.
import { spawn } from 'node:child_process';
import { get } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import type { StartTimes } from '../../src/cluster/local/report.js';
import { clean, layout, pidOf, quiet, up } from './cluster.js';
import { cpu_ms, rss_MB } from './proc.js';
import { median, progress, type Row, row } from './report.js';

const NODES = 3;
const STARTS = 3;
/** `node -e 0`: what every start of ours contains. */
const NODE_STARTS = 5;
/** Idle is what it is a minute after the start, caches filled and start-up garbage collected or not. */
const SETTLE_MS = 60_000;
const IDLE_MS = 30_000;

const API_GOAL_S = 2;
const TOTAL_GOAL_S = 15;
const SERVER_GOAL_MB = 160;
const AGENT_GOAL_MB = 100;
const BACK_GOAL_S = 3;
/** Between two looks whether the API answers again. */
const LOOK_MS = 20;
const IDLE_GOAL_PERCENT = 1;

const KNOWN_STARTS = 'known: kind 33 s; k3d 20 s, one node';

export async function benchStart(): Promise<readonly Row[]> {
  return [...(await coldStarts()), ...(await idleUse())];
}

async function coldStarts(): Promise<readonly Row[]> {
  const times: Required<StartTimes>[] = [];
  for (let i = 1; i <= STARTS; i++) {
    await quiet();
    times.push((await up(NODES)) as Required<StartTimes>);
    await clean();
    const { api, nodesReady, app, dns } = times.at(-1)!;
    progress(`start ${i} of ${STARTS}: API ${seconds(api)}, nodes ${seconds(nodesReady)}, app ${seconds(app)}, DNS ${seconds(dns)}`);
  }
  const middle = (of: (time: Required<StartTimes>) => number) => median(times.map(of)) / 1000;
  return [
    row(
      'API answers',
      middle(({ api }) => api),
      's',
      { goal: API_GOAL_S, yardstick: `node -e 0: ${seconds(await nodeStart_ms())}` },
    ),
    row(
      `${NODES} nodes Ready`,
      middle(({ nodesReady }) => nodesReady),
      's',
    ),
    row(
      'app answers',
      middle(({ app }) => app),
      's',
    ),
    row(
      'DNS answers',
      middle(({ dns }) => dns),
      's',
    ),
    row(
      `start of ${NODES} nodes, all of it`,
      middle(({ app, dns }) => Math.max(app, dns)),
      's',
      { goal: TOTAL_GOAL_S, yardstick: KNOWN_STARTS },
    ),
  ];
}

const seconds = (ms: number) => `${(ms / 1000).toFixed(2)} s`;

async function nodeStart_ms(): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < NODE_STARTS; i++) {
    const begun = performance.now();
    const child = spawn(process.execPath, ['-e', '0'], { stdio: 'ignore' });
    await new Promise((resolve, reject) => child.once('exit', resolve).once('error', reject));
    times.push(performance.now() - begun);
  }
  return median(times);
}

async function idleUse(): Promise<readonly Row[]> {
  await up(NODES, '--no-demo');
  const { server, nodeList } = layout(NODES);
  const serverPid = await pidOf(server);
  const agentPids = await Promise.all(nodeList.map(({ agent }) => pidOf(agent)));
  // A Node that does nothing, started with the others: what no program on it gets below.
  const bare = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  try {
    progress(`a cluster without pods runs; measuring in ${SETTLE_MS / 1000} s`);
    await sleep(SETTLE_MS);
    const bareNode = `bare Node: ${rss_MB(bare.pid!).toFixed(0)} MB`;
    const memory = [rss_MB(serverPid), Math.max(...agentPids.map(rss_MB))] as const;
    const [serverCpu, ...agentCpus] = await idleCpu_percent([serverPid, ...agentPids]);
    return [
      row('idle RSS, control plane', memory[0], 'MB', { goal: SERVER_GOAL_MB, yardstick: `${bareNode}; known: Kubernetes 490 MB` }),
      row('idle RSS, agent (the worst)', memory[1], 'MB', { goal: AGENT_GOAL_MB, yardstick: `${bareNode}; known: Kubernetes 141 MB` }),
      row('idle CPU, control plane', serverCpu!, '%', { goal: IDLE_GOAL_PERCENT, yardstick: 'known: Kubernetes 6.9 % of a core' }),
      row('idle CPU, agent (the worst)', Math.max(...agentCpus), '%', {
        goal: IDLE_GOAL_PERCENT,
        yardstick: 'known: kubelet 2.5 % of a core',
      }),
      row('control plane killed with -9, API answers again', (await back_ms(serverPid)) / 1000, 's', { goal: BACK_GOAL_S }),
    ];
  } finally {
    bare.kill();
    await clean();
  }
}

async function idleCpu_percent(pids: readonly number[]): Promise<readonly number[]> {
  const begun = performance.now();
  const before = pids.map(cpu_ms);
  await sleep(IDLE_MS);
  const elapsed_ms = performance.now() - begun;
  return pids.map((pid, i) => ((cpu_ms(pid) - before[i]!) / elapsed_ms) * 100);
}

/** From the kill of the control plane until its API says that it is ready. */
async function back_ms(serverPid: number): Promise<number> {
  const { localUrl } = layout(NODES);
  process.kill(serverPid, 'SIGKILL');
  const begun = performance.now();
  while (!(await isReady(`${localUrl}/readyz`))) await sleep(LOOK_MS);
  return performance.now() - begun;
}

/** Whether it is well is told to anybody, so the certificate is not looked at. */
function isReady(url: string): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get(url, { rejectUnauthorized: false, agent: false, timeout: 1_000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(false));
  });
}
