// From a pod's first container to its last, on a real engine: sidecars, ephemeral containers, restarts by rule, hooks, and how it all ends.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pods } from '../../../src/kinds/core/pod.js';
import type { Pod } from '../../../src/kinds/types/core_v1.js';
import { showsFields } from '../../suites/pod-spec.js';
import { BUSYBOX_IMAGE, until } from './engine-lab.js';
import { KubeletLab } from './kubelet-lab.js';
import { askKubelet, condition, execIn, sh, status } from './kubelet-requests.js';

let lab: KubeletLab;

beforeAll(async () => {
  lab = await KubeletLab.start();
}, 120_000);

afterAll(async () => {
  await lab.stop();
}, 60_000);

const ready = (file: string) => ({ exec: { command: ['cat', file] }, periodSeconds: 1 });
const logOf = async (pod: string, container: string) => (await askKubelet(lab, `/containerLogs/default/${pod}/${container}`)).body;

/** Containers write here in the order of what happens to them. */
const diary = { name: 'diary', hostPath: { path: '/' } };
const keepsDiary = (name: string) => ({
  volumes: [{ ...diary, hostPath: { path: lab.engine.directory } }],
  mount: [{ name: 'diary', mountPath: '/d' }],
  file: join(lab.engine.directory, name),
});
const untilTerm = (name: string, file: string) =>
  sh(`trap "echo ${name} ends >> /d/${file}; exit 0" TERM; echo ${name} begins >> /d/${file}; while true; do sleep 0.1; done`);

describe('sidecars', () => {
  it('start in order, each when the one before has, and the pod after them', async (context) => {
    const { volumes, mount, file } = keepsDiary('order');
    const probe = { exec: { command: ['cat', '/open'] }, periodSeconds: 1, failureThreshold: 100 };
    await lab.create('flank', {
      volumes,
      initContainers: [
        { name: 'first', command: sh('echo first >> /d/order'), volumeMounts: mount },
        { name: 'gate', restartPolicy: 'Always', command: untilTerm('gate', 'order'), volumeMounts: mount, startupProbe: probe },
        {
          name: 'proxy',
          restartPolicy: 'Always',
          command: untilTerm('proxy', 'order'),
          volumeMounts: mount,
          readinessProbe: ready('/ready'),
        },
      ],
      containers: [{ name: 'main', command: untilTerm('main', 'order'), volumeMounts: mount }],
    });
    const held = await lab.pod('flank', 'the gate runs', (p) => status(p, 'gate')?.state.running !== undefined);
    expect(held.status.phase).toBe('Pending');
    expect(status(held, 'gate')).toMatchObject({ started: false, ready: false });
    expect(held.status.conditions?.find(({ type }) => type === 'Initialized')).toMatchObject({
      status: 'False',
      reason: 'ContainersNotInitialized',
      message: 'containers with incomplete status: [gate proxy]',
    });
    expect(status(held, 'proxy').state.waiting).toEqual({ reason: 'PodInitializing' });
    await execIn(lab, 'flank', 'gate', ['touch', '/open']);
    const unready = await lab.pod('flank', 'all run', (p) => status(p, 'main')?.state.running !== undefined);
    expect(unready.status.phase).toBe('Running');
    expect(condition(unready, 'Initialized')).toBe('True');
    expect(unready.status.conditions?.find(({ type }) => type === 'ContainersReady')).toMatchObject({
      message: 'containers with unready status: [proxy]',
    });
    await execIn(lab, 'flank', 'proxy', ['touch', '/ready']);
    await lab.ready('flank');
    await until('all have begun', () => readFileSync(file, 'utf8').split('\n').length === 5);
    await lab.delete('flank', 20);
    expect(readFileSync(file, 'utf8').trim().split('\n')).toEqual([
      'first',
      'gate begins',
      'proxy begins',
      'main begins',
      'main ends',
      'proxy ends',
      'gate ends',
    ]);
    showsFields(context, 'spec.initContainers[].{restartPolicy,startupProbe,readinessProbe,command,volumeMounts[],name}');
  });

  it('are started again whenever they end, and keep no pod from its end', async () => {
    const { volumes, mount, file } = keepsDiary('job');
    await lab.create('work', {
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: 20,
      volumes,
      initContainers: [{ name: 'proxy', restartPolicy: 'Always', command: untilTerm('proxy', 'job'), volumeMounts: mount }],
      containers: [{ name: 'main', command: sh('while ! cat /done; do sleep 0.1; done') }],
    });
    const before = await lab.ready('work');
    lab.engine.docker('kill', status(before, 'proxy').containerID!.slice('docker://'.length));
    const again = await lab.pod('work', 'it runs again', (p) => status(p, 'proxy').restartCount === 1 && status(p, 'proxy').ready);
    expect(again.status.phase).toBe('Running');
    expect(status(again, 'main').restartCount).toBe(0);
    await until('its trap is set', () => readFileSync(file, 'utf8').split('begins').length === 3);
    await execIn(lab, 'work', 'main', ['touch', '/done']);
    const over = await lab.pod('work', 'it is done', ({ status: { phase } }) => phase === 'Succeeded');
    expect(status(over, 'proxy').state.terminated).toMatchObject({ reason: 'Completed', exitCode: 0 });
    expect(over.status.conditions?.find(({ type }) => type === 'Ready')?.reason).toBe('PodCompleted');
  });
});

describe('an ephemeral container', () => {
  it('joins a running pod and sees the processes of the container that it targets', async (context) => {
    const created = await lab.create('subject', { containers: [{ name: 'main', command: sh('sleep 4242') }] });
    const before = await lab.ready('subject');
    const debug = {
      name: 'debugger',
      image: BUSYBOX_IMAGE,
      command: sh('ps; echo done'),
      targetContainerName: 'main',
      terminationMessagePolicy: 'FallbackToLogsOnError',
    };
    const patch = { spec: { ephemeralContainers: [debug] } };
    const where = { namespace: 'default', name: 'subject' };
    await lab.api.client.patch<Pod>(pods, where, 'application/strategic-merge-patch+json', patch, 'ephemeralcontainers');
    const after = await lab.pod('subject', 'it has ended', (p) => status(p, 'debugger')?.state.terminated !== undefined);
    expect(status(after, 'debugger')).toMatchObject({ ready: false, restartCount: 0, state: { terminated: { reason: 'Completed' } } });
    expect(await logOf('subject', 'debugger')).toMatch(/sleep 4242[\s\S]*done/);
    expect(after.status.containerStatuses).toEqual(before.status.containerStatuses);
    expect(condition(after, 'Ready')).toBe('True');
    expect(created.metadata.uid).toBe(after.metadata.uid);
    showsFields(context, 'spec.ephemeralContainers[].{name,image,command,targetContainerName,terminationMessagePolicy}');
  });
});

describe('a restart policy', () => {
  it("of a container's own, with rules, comes before its pod's", async (context) => {
    const rules = [{ action: 'Restart', exitCodes: { operator: 'In' as const, values: [42] } }];
    await lab.create('ruled', {
      restartPolicy: 'Never',
      volumes: [{ name: 'kept', emptyDir: {} }],
      containers: [
        {
          name: 'main',
          command: sh('if [ -e /kept/once ]; then exit 3; fi; touch /kept/once; exit 42'),
          restartPolicy: 'Never',
          restartPolicyRules: rules,
          volumeMounts: [{ name: 'kept', mountPath: '/kept' }],
        },
      ],
    });
    const pod = await lab.pod('ruled', 'it fails', ({ status: { phase } }) => phase === 'Failed');
    expect(status(pod, 'main')).toMatchObject({
      restartCount: 1,
      state: { terminated: { exitCode: 3, reason: 'Error' } },
      lastState: { terminated: { exitCode: 42 } },
    });
    showsFields(
      context,
      'spec.restartPolicy',
      'spec.containers[].restartPolicy',
      'spec.containers[].restartPolicyRules[].{action,exitCodes.operator,exitCodes.values}',
    );
  });
});
