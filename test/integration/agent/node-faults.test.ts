// What can happen to a node's engine and to its way to the API, on a real engine: the node says so, keeps what it can running, and converges by itself.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodes } from '../../../src/kinds/core/node.js';
import { pods } from '../../../src/kinds/core/pod.js';
import type { Pod } from '../../../src/kinds/types/core_v1.js';
import { until } from './engine-lab.js';
import { KubeletLab, NODE } from './kubelet-lab.js';

const main = (script = 'sleep 1000') => [{ name: 'main', command: ['/bin/sh', '-c', script] }];
const container = ({ status }: Pod) => status.containerStatuses![0]!;

let lab: KubeletLab;
const condition = async () => (await lab.api.client.get(nodes, { name: NODE })).status.conditions!.find(({ type }) => type === 'Ready')!;
const notReady = () =>
  until(
    'the node is not ready',
    async () => {
      const ready = await condition();
      return ready.status === 'False' && ready;
    },
    60_000,
  );
const readyAgain = () => until('the node is ready again', async () => (await condition()).status === 'True', 60_000);

describe('an engine that hangs', () => {
  beforeAll(async () => {
    lab = await KubeletLab.start({ runtimeRequestTimeout: '4s' });
  }, 120_000);
  afterAll(async () => {
    await lab.stop();
  }, 60_000);

  it('makes the node not ready in upstream’s words; what was asked meanwhile is done once it goes on', async () => {
    await lab.create('runs', { containers: main() });
    const before = await lab.ready('runs');
    lab.engine.hangEngine();
    try {
      expect(await notReady()).toMatchObject({ reason: 'KubeletNotReady', message: expect.stringMatching(/^container runtime is down/) });
      await lab.create('meanwhile', { containers: main() });
      await lab.api.client.delete(pods, { namespace: 'default', name: 'runs' });
      // Longer than a request may take: each is given up and made again.
      await new Promise((resolve) => setTimeout(resolve, 6_000));
    } finally {
      lab.engine.wakeEngine();
    }
    await readyAgain();
    await lab.ready('meanwhile');
    await until(
      'the deleted one is gone',
      () =>
        lab.get('runs').then(
          () => undefined,
          () => true,
        ),
      60_000,
    );
    expect(lab.containersOf(before)).toEqual([]);
  });
});

describe('a control plane that is away', () => {
  let isCut = false;
  beforeAll(async () => {
    lab = await KubeletLab.start({}, { isCut: () => isCut });
  }, 120_000);
  afterAll(async () => {
    await lab.stop();
  }, 60_000);

  it('does not keep containers from being started again; what has changed meanwhile is told and done once it is back', async () => {
    await lab.create('stays', { containers: main() });
    await lab.create('goes', { containers: main() });
    const [stays, goes] = await Promise.all([lab.ready('stays'), lab.ready('goes')]);
    isCut = true;
    lab.engine.docker('kill', container(stays).containerID!.slice('docker://'.length));
    await until(
      'it runs again',
      () => lab.containersOf(stays, '--filter', 'label=io.kubernetes.docker.type=container').length === 2,
      60_000,
    );
    await lab.api.client.delete(pods, { namespace: 'default', name: 'goes' }, { gracePeriodSeconds: 1 });
    await lab.create('comes', { containers: main() });
    expect(container(await lab.get('stays')).restartCount).toBe(0);
    isCut = false;
    await lab.ready('comes');
    await lab.pod('stays', 'its restart is told', (pod) => container(pod).restartCount === 1 && container(pod).ready, 60_000);
    const isGone = () =>
      lab.get('goes').then(
        () => undefined,
        () => true as const,
      );
    await until('the deleted one is gone', isGone, 60_000);
    await until('and its containers', () => lab.containersOf(goes).length === 0, 60_000);
    await readyAgain();
  });
});

describe('an engine that is killed', () => {
  it.each([true, false])('with live-restore %s: pods run on or are started again, with one restart more', async (liveRestore) => {
    lab = await KubeletLab.start({}, { liveRestore });
    try {
      await lab.create('stays', { containers: main() });
      const before = await lab.ready('stays');
      await lab.engine.killEngine();
      expect((await notReady()).message).toMatch(/^container runtime is down/);
      await lab.engine.restartEngine();
      await readyAgain();
      if (liveRestore) {
        const after = await lab.ready('stays');
        expect(container(after)).toMatchObject({ containerID: container(before).containerID, restartCount: 0 });
      } else {
        const after = await lab.pod('stays', 'it is back', (pod) => container(pod).restartCount === 1 && container(pod).ready, 60_000);
        expect(container(after).containerID).not.toBe(container(before).containerID);
      }
      await lab.create('afterwards', { containers: main() });
      await lab.ready('afterwards');
    } finally {
      await lab.stop();
    }
  }, 240_000);
});
