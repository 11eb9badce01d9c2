// Area pod, second part: a node full of pods that do nothing, and how soon the API knows of a container that dies among them.
import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { BenchPods } from './pods.js';
import { cpu_ms, rss_MB } from './proc.js';
import { median, progress, type Row, row } from './report.js';

const execute = promisify(execFile);

/** maxPods. */
const PODS = 110;
/** What starting them has left to do (relists, garbage) is done by then. */
const SETTLE_MS = 30_000;
const IDLE_MS = 60_000;
const DEATHS = 21;

const CPU_GOAL_PERCENT = 3;
const RSS_GOAL_MB = 150;
const DEATH_GOAL_MS = 100;
const UNSERVED_GOAL_MS = 200;

export async function manyPods(pods: BenchPods, agent: number, dockerSocket: string): Promise<readonly Row[]> {
  progress(`${PODS} pods on one node: Ready after ${((await pods.create(PODS)) / 1000).toFixed(1)} s; measuring in ${SETTLE_MS / 1000} s`);
  await pods.serve();
  await sleep(SETTLE_MS);
  const [cpuBefore, begun] = [cpu_ms(agent), performance.now()];
  await sleep(IDLE_MS);
  const cpu_percent = ((cpu_ms(agent) - cpuBefore) / (performance.now() - begun)) * 100;
  const rss = rss_MB(agent);
  const deaths = await killSome(pods, dockerSocket);
  await pods.removeAll();
  return [
    row(`agent CPU, ${PODS} idle pods`, cpu_percent, '%', { goal: CPU_GOAL_PERCENT }),
    row(`agent RSS, ${PODS} idle pods`, rss, 'MB', { goal: RSS_GOAL_MB }),
    row('a container dies: shown by the API, p50', median(deaths.map(({ shown }) => shown)), 'ms', { goal: DEATH_GOAL_MS }),
    row('a container dies: out of its EndpointSlice, p50', median(deaths.map(({ unserved }) => unserved)), 'ms', {
      goal: UNSERVED_GOAL_MS,
    }),
  ];
}

async function killSome(pods: BenchPods, dockerSocket: string): Promise<readonly { readonly shown: number; readonly unserved: number }[]> {
  const docker = async (...args: string[]) => (await execute('docker', ['-H', `unix://${dockerSocket}`, ...args])).stdout.trim();
  const deaths = [];
  for (const { metadata } of pods.list().slice(0, DEATHS)) {
    const id = await docker('ps', '-q', '--filter', `name=^/k8s_main_${metadata.name}_`);
    const pid = Number(await docker('inspect', '-f', '{{.State.Pid}}', id));
    deaths.push(await pods.ending(metadata.name, async () => void process.kill(pid, 'SIGKILL')));
  }
  return deaths;
}
