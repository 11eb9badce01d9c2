// What can happen to a node's engine and to its way to the API, on a real engine: the node says so, keeps what it can running, and converges by itself.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Observation, Signal } from '../../../agent/kubelet/eviction/thresholds.js';
import { leases } from '../../../src/kinds/coordination/lease.js';
import { nodes } from '../../../src/kinds/core/node.js';
import { pods } from '../../../src/kinds/core/pod.js';
import { serviceAccounts } from '../../../src/kinds/core/serviceaccount.js';
import type { Pod } from '../../../src/kinds/types/core_v1.js';
import { until } from './engine-lab.js';
import { KubeletLab, NODE } from './kubelet-lab.js';
import { LabClock } from './lab-clock.js';

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
    await lab?.stop();
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
    await lab?.stop();
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

describe('time', { timeout: 180_000 }, () => {
  const HOUR_MS = 3600_000;
  const clock = new LabClock();
  let isCut = false;
  let steady: Pod;
  beforeAll(async () => {
    lab = await KubeletLab.start({ nodeStatusUpdateFrequency: '10s' }, { clock, isCut: () => isCut });
    const probe = (command: string) => ({ exec: { command: ['/bin/sh', '-c', command] }, periodSeconds: 5, timeoutSeconds: 3600 });
    const ends = 'trap "exit 0" TERM; sleep 100000 & wait';
    await lab.api.client.create(serviceAccounts, { metadata: { namespace: 'default', name: 'worker' } });
    const token = { serviceAccountToken: { path: 'token', expirationSeconds: 600 } };
    await lab.create('steady', {
      serviceAccountName: 'worker',
      volumes: [{ name: 'token', projected: { sources: [token] } }],
      containers: [{ ...main()[0]!, livenessProbe: probe('true'), volumeMounts: [{ name: 'token', mountPath: '/token' }] }],
    });
    await lab.create('weak', { containers: [{ ...main(ends)[0]!, livenessProbe: { ...probe('false'), failureThreshold: 1 } }] });
    steady = await lab.ready('steady');
    await lab.pod('weak', 'it runs', ({ status }) => status.phase === 'Running');
  }, 120_000);
  afterAll(async () => {
    await lab?.stop();
  }, 60_000);

  const starts = () =>
    Number(/_(\d+)$/.exec(lab.engine.docker('ps', '-a', '--format', '{{.Names}}', '--filter', 'name=k8s_main_weak', '-n', '1'))![1]);
  const renewed_ms = async () =>
    Date.parse((await lab.api.client.get(leases, { namespace: 'kube-node-lease', name: NODE })).spec.renewTime!);
  const isBeating = () => until('its heart beats', async () => Math.abs((await renewed_ms()) - clock.now()) < 60_000);
  const runsOn = async () => {
    expect(container(await lab.ready('steady'))).toMatchObject({ containerID: container(steady).containerID, restartCount: 0 });
  };

  it('of an hour without the control plane: pods run on and are started again by their probes; all is told and renewed afterwards', async () => {
    const [token, before] = [await lab.sh('steady', 'cat /token/token'), starts()];
    isCut = true;
    try {
      await clock.pass(HOUR_MS);
      expect(clock.now() - (await renewed_ms())).toBeGreaterThan(HOUR_MS - 60_000);
      const isStartedAgain = async () => {
        await clock.pass(60_000);
        return starts() > before + 1;
      };
      await until('what fails its probe is started again and again', isStartedAgain, 90_000);
      expect(await lab.sh('steady', 'cat /token/token')).toBe(token);
      await lab.create('meanwhile', { containers: main() });
    } finally {
      isCut = false;
    }
    // The tries to reach it have become rare.
    await clock.pass(HOUR_MS / 60);
    await isBeating();
    await runsOn();
    await lab.ready('meanwhile');
    await lab.pod('weak', 'its restarts are told', (pod) => container(pod).restartCount > before + 1);
    await until('the token is a new one', async () => {
      await clock.pass(60_000);
      return (await lab.sh('steady', 'cat /token/token')) !== token;
    });
    await readyAgain();
  });

  it.each([
    ['forwards', HOUR_MS],
    ['back', -HOUR_MS],
  ])('that is set %s by an hour restarts nothing, and holds up neither probes nor restarts nor heartbeats', async (_, by_ms) => {
    const restarts = async () => container(await lab.get('weak')).restartCount;
    const before = await restarts();
    clock.set(by_ms);
    await isBeating();
    const isRestarted = async () => {
      await clock.pass(60_000);
      return (await restarts()) > before;
    };
    await until('what fails its probe is started again', isRestarted, 90_000).catch(async (error: Error) => {
      throw new Error(`${error.message}\n${await lab.diagnosis('weak')}`);
    });
    const name = by_ms > 0 ? 'forwards' : 'back';
    await lab.create(name, {
      containers: [{ ...main()[0]!, readinessProbe: { exec: { command: ['/bin/true'] }, periodSeconds: 1, timeoutSeconds: 60 } }],
    });
    await lab.ready(name);
    await runsOn();
    await readyAgain();
  });
});

describe('a full process table', { timeout: 180_000 }, () => {
  /** The pods' part of it stands for all: filled up, the machine's would take everybody else with it. */
  const table = () => {
    const root = ['/sys/fs/cgroup/pids', '/sys/fs/cgroup'].find((directory) => existsSync(directory))!;
    return join(root, lab.engine.netns, 'kubepods');
  };
  const read = (file: string) => Number(readFileSync(join(table(), file), 'utf8'));
  const limit = (max: number | 'max') => writeFileSync(join(table(), 'pids.max'), String(max));
  let isSeen = false;
  beforeAll(async () => {
    const plenty: readonly [Signal, Observation][] = [['pid.available', { available: 1000, capacity: 1000 }]];
    const seen = (): readonly [Signal, Observation][] => {
      const capacity = read('pids.max');
      return [['pid.available', { available: capacity - read('pids.current'), capacity }]];
    };
    const signals = () => async () => new Map(isSeen ? seen() : plenty);
    const eviction = { evictionHard: { 'pid.available': '20%' }, evictionPressureTransitionPeriod: '2s' };
    lab = await KubeletLab.start({ ...eviction, nodeStatusUpdateFrequency: '200ms' }, { signals });
  }, 120_000);
  afterAll(async () => {
    await lab?.stop();
  }, 60_000);

  it('is told by the pod that cannot start, which does once there is room; what runs is kept', async () => {
    await lab.create('keeps', { containers: main() });
    const before = await lab.ready('keeps');
    limit(read('pids.current'));
    await lab.create('starved', { containers: main() });
    // runc's words for a fork that fails are not the kernel's.
    await lab.event('starved', /^FailedCreatePodSandBox: Failed to create pod sandbox: .*OCI runtime create failed/);
    limit('max');
    await lab.ready('starved');
    expect(container(await lab.ready('keeps'))).toMatchObject({ containerID: container(before).containerID, restartCount: 0 });
  });

  it('is PIDPressure, for which the pod goes that has most of them; pods that come meanwhile are turned away', async () => {
    const pressure = (status: string) => until(`PIDPressure is ${status}`, async () => (await lab.nodeCondition('PIDPressure')) === status);
    limit(read('pids.current') + 60);
    isSeen = true;
    await lab.create('bomb', { containers: main('i=0; while [ $i -lt 50 ]; do sleep 1000 & i=$((i+1)); done; wait') });
    await pressure('True');
    await lab.create('late', { containers: main() });
    const late = await lab.pod('late', 'it is decided', ({ status }) => status.phase !== 'Pending');
    if (late.status.phase === 'Failed') expect(late.status.message).toBe('Pod was rejected: The node had condition: [PIDPressure]. ');
    const bomb = await lab.pod('bomb', 'it is evicted', ({ status }) => status.reason === 'Evicted');
    expect(bomb.status.message).toMatch(/^The node was low on resource: pids. Threshold quantity: \d+, available: \d+. /);
    await pressure('False');
    await lab.create('afterwards', { containers: main() });
    await lab.ready('afterwards');
    await lab.ready('keeps');
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
