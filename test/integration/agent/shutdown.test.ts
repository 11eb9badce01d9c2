// Graceful node shutdown on a real engine: pods end in order within their time, and say why; the node is not ready, and takes no more.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { nodes } from '../../../src/kinds/core/node.js';
import type { Pod } from '../../../src/kinds/types/core_v1.js';
import { until } from './engine-lab.js';
import { KubeletLab, NODE } from './kubelet-lab.js';

let lab: KubeletLab;
let tell: ((isGoingDown: boolean) => void) | undefined;
/** As long as something holds the shutdown up. */
let held = false;

beforeAll(async () => {
  const logind = {
    allow: async () => undefined,
    inhibit() {
      held = true;
      return {
        release() {
          held = false;
        },
      };
    },
    watch(told: (isGoingDown: boolean) => void) {
      tell = told;
      return { close: () => undefined };
    },
  };
  lab = await KubeletLab.start({ shutdownGracePeriod: '20s', shutdownGracePeriodCriticalPods: '10s' }, { logind });
}, 120_000);

afterAll(async () => {
  await lab?.stop();
}, 60_000);

const main = [{ name: 'main', command: ['/bin/sh', '-c', "trap 'exit 0' TERM; sleep 1000 & wait"] }];
const finishedAt = ({ status }: Pod) => Date.parse(status.containerStatuses![0]!.state.terminated!.finishedAt!);
const failed = (name: string) => lab.pod(name, `${name} has ended`, ({ status }) => status.phase === 'Failed');
const ready = async () => (await lab.api.client.get(nodes, { name: NODE })).status.conditions!.find(({ type }) => type === 'Ready')!;

it('ends its pods, the critical last, is not ready and takes none meanwhile, and is as before where it was called off', async () => {
  await lab.create('web', { containers: main });
  await lab.create('stubborn', {
    terminationGracePeriodSeconds: 2,
    containers: [{ name: 'main', command: ['/bin/sh', '-c', "trap '' TERM; sleep 1000"] }],
  });
  await lab.create('critical', { priorityClassName: 'system-node-critical', containers: main });
  await Promise.all(['web', 'stubborn', 'critical'].map((name) => lab.ready(name)));
  await until('shutdowns are held up', () => held && tell);
  tell!(true);
  const [web, stubborn, critical] = await Promise.all(['web', 'stubborn', 'critical'].map(failed));
  for (const pod of [web!, stubborn!, critical!]) {
    expect(pod.status).toMatchObject({ reason: 'Terminated', message: 'Pod was terminated in response to imminent node shutdown.' });
    expect(pod.status.conditions?.find(({ type }) => type === 'DisruptionTarget')).toMatchObject({
      status: 'True',
      reason: 'TerminationByKubelet',
    });
  }
  expect(finishedAt(critical!)).toBeGreaterThanOrEqual(Math.max(finishedAt(web!), finishedAt(stubborn!)));
  await until('nothing holds it up any more', () => !held);
  expect(await ready()).toMatchObject({ status: 'False', reason: 'KubeletNotReady', message: 'node is shutting down' });
  await lab.create('late', { containers: main });
  expect((await failed('late')).status).toMatchObject({
    reason: 'NodeShutdown',
    message: 'Pod was rejected: Pod was rejected as the node is shutting down.',
  });
  tell!(false);
  await until('the node is ready again', async () => held && (await ready()).status === 'True');
  await lab.create('afterwards', { containers: main });
  await lab.ready('afterwards');
});
