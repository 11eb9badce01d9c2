// Area pod: a pod from created to Ready, alone and thirty at once, against the docker client starting the same containers.

import { clean, layout, pidOf, quiet, up } from './cluster.js';
import { DockerPairs } from './docker-pairs.js';
import { manyPods } from './pod-many.js';
import { BenchPods } from './pods.js';
import { threadsCpu_ms } from './proc.js';
import { median, progress, type Row, row } from './report.js';

const WARM_UPS = 3;
const PAIRS = 21;
const AT_ONCE = 30;
const BURSTS = 3;

const ONE_GOAL = 0.8;
const BURST_GOAL = 1.0;
const CPU_GOAL_MS = 40;

/** Milliseconds, or CPU milliseconds of the agent. */
interface Sample {
  readonly pod: number;
  readonly docker: number;
  readonly agentCpu: number;
}

export async function benchPod(): Promise<readonly Row[]> {
  await up(1, '--no-demo');
  const cluster = layout(1);
  const [node] = cluster.nodeList;
  const pods = await BenchPods.connect(cluster);
  const sides = { pods, pairs: new DockerPairs(node!.dockerSocket), agent: await pidOf(node!.agent) };
  try {
    // The first ones load code and fill caches, on both sides.
    for (let i = 0; i < WARM_UPS; i++) await sample(sides, 1, i);
    return [...(await oneByOne(sides)), ...(await atOnce(sides)), ...(await manyPods(pods, sides.agent, node!.dockerSocket))];
  } finally {
    pods.close();
    await clean();
  }
}

interface Sides {
  readonly pods: BenchPods;
  readonly pairs: DockerPairs;
  readonly agent: number;
}

/** Both sides one after the other; which is first alternates with `turn`. */
async function sample({ pods, pairs, agent }: Sides, count: number, turn: number): Promise<Sample> {
  let docker = turn % 2 === 1 ? await pairs.run(count) : 0;
  const before = threadsCpu_ms(agent);
  const pod = await pods.create(count);
  const agentCpu = (threadsCpu_ms(agent) - before) / count;
  await pods.removeAll();
  if (turn % 2 === 0) docker = await pairs.run(count);
  return { pod, docker, agentCpu };
}

async function oneByOne(sides: Sides): Promise<readonly Row[]> {
  await quiet();
  const samples: Sample[] = [];
  for (let i = 0; i < PAIRS; i++) samples.push(await sample(sides, 1, i));
  const [pod, docker] = [median(samples.map((one) => one.pod)), median(samples.map((one) => one.docker))];
  progress(`one pod: ${pod.toFixed(0)} ms, docker pair ${docker.toFixed(0)} ms (medians of ${PAIRS})`);
  const yardstick = `docker run of pause + container: ${docker.toFixed(0)} ms`;
  return [
    row('one pod, created to Ready, p50', pod, 'ms', { yardstick: `${yardstick}; known: Kubernetes 1600-1890 ms` }),
    row('one pod / docker pair, p50 / p50', pod / docker, 'x', { goal: ONE_GOAL, yardstick }),
    row('agent CPU, one pod', median(samples.map((one) => one.agentCpu)), 'ms', {
      goal: CPU_GOAL_MS,
      yardstick: 'known: kubelet 103-178 ms',
    }),
  ];
}

async function atOnce(sides: Sides): Promise<readonly Row[]> {
  const samples: Sample[] = [];
  for (let i = 0; i < BURSTS; i++) {
    await quiet();
    const one = await sample(sides, AT_ONCE, i);
    progress(`${AT_ONCE} at once: pods ${(one.pod / 1000).toFixed(2)} s, docker pairs ${(one.docker / 1000).toFixed(2)} s`);
    samples.push(one);
  }
  const [pod, docker] = [median(samples.map((one) => one.pod)), median(samples.map((one) => one.docker))];
  const yardstick = `${AT_ONCE} docker pairs in parallel: ${(docker / 1000).toFixed(2)} s`;
  return [
    row(`${AT_ONCE} pods at once, all Ready`, pod / 1000, 's', { yardstick: `${yardstick}; known: Kubernetes 10.7-22.4 s` }),
    row(`${AT_ONCE} pods / ${AT_ONCE} docker pairs`, pod / docker, 'x', { goal: BURST_GOAL, yardstick }),
    row(`agent CPU, a pod of ${AT_ONCE} at once`, median(samples.map((one) => one.agentCpu)), 'ms', {
      goal: CPU_GOAL_MS,
      yardstick: 'known: kubelet 103-178 ms',
    }),
  ];
}
