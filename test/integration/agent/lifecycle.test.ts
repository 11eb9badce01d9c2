// From a pod's first container to its last, on a real engine: sidecars, ephemeral containers, restarts by rule, hooks, and how it all ends.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { configMaps } from '../../../src/kinds/core/configmap.js';
import { pods } from '../../../src/kinds/core/pod.js';
import type { Pod } from '../../../src/kinds/types/core_v1.js';
import { ALL_KUBECTL_VERSIONS, Kubectl } from '../../suites/kubectl.js';
import { refusesFields, showsFields } from '../../suites/pod-spec.js';
import { BUSYBOX_IMAGE, until } from './engine-lab.js';
import type { KubeletLab } from './kubelet-lab.js';
import { askKubelet, condition, execIn, sh, status } from './kubelet-requests.js';
import { withLab } from './with-lab.js';

// Real containers take their time on a busy machine.
vi.setConfig({ testTimeout: 180_000 });

let lab: KubeletLab;

withLab((started) => {
  lab = started;
});

/** A command takes its time on a busy machine. */
const ready = (file: string) => ({ exec: { command: ['cat', file] }, periodSeconds: 1, timeoutSeconds: 10, failureThreshold: 100 });
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
    await lab.create('flank', {
      volumes,
      initContainers: [
        { name: 'first', command: sh('echo first >> /d/order'), volumeMounts: mount },
        { name: 'gate', restartPolicy: 'Always', command: untilTerm('gate', 'order'), volumeMounts: mount, startupProbe: ready('/open') },
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

describe('an init container', () => {
  it('that stays has hooks and a liveness probe like any other; one that fails is tried again where its rules say so', async (context) => {
    const restartPolicyRules = [{ action: 'Restart', exitCodes: { operator: 'In' as const, values: [42] } }];
    await lab.create('inits', {
      restartPolicy: 'Never',
      volumes: [{ name: 'kept', emptyDir: {} }],
      initContainers: [
        {
          name: 'twice',
          command: sh('if [ -e /kept/once ]; then exit 0; fi; touch /kept/once; exit 42'),
          restartPolicy: 'Never',
          restartPolicyRules,
          volumeMounts: [{ name: 'kept', mountPath: '/kept' }],
        },
        {
          name: 'proxy',
          restartPolicy: 'Always',
          command: sh('sleep 1000'),
          lifecycle: { postStart: { exec: { command: sh('touch /alive') } } },
          livenessProbe: { ...ready('/alive'), failureThreshold: 2 },
        },
      ],
      containers: [{ name: 'main', command: sh('sleep 1000') }],
    });
    const running = await lab.ready('inits');
    expect(status(running, 'twice')).toMatchObject({ ready: true, restartCount: 1, lastState: { terminated: { exitCode: 42 } } });
    await execIn(lab, 'inits', 'proxy', ['rm', '/alive']);
    const again = await lab.pod('inits', 'it runs again', (p) => status(p, 'proxy').restartCount === 1 && status(p, 'proxy').ready);
    expect(status(again, 'main').restartCount).toBe(0);
    await until('its events say why', async () =>
      (await lab.eventsOf('inits')).includes('Killing: Init container proxy failed liveness probe'),
    );
    showsFields(context, 'spec.initContainers[].{lifecycle,livenessProbe,restartPolicyRules[]}');
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

it.skipIf(!ALL_KUBECTL_VERSIONS.includes('1.35'))('kubectl debug adds an ephemeral container and talks to it', async () => {
  await lab.create('debugged', { containers: [{ name: 'main', command: sh('sleep 4343') }] });
  await lab.ready('debugged');
  const kubectl = new Kubectl('1.35', lab.api.kubeconfig, join(lab.api.dir, 'home'));
  const args = ['debug', 'debugged', '-i', '--quiet', `--image=${BUSYBOX_IMAGE}`, '--target=main', '--profile=general'];
  const { stdout } = await kubectl.run([...args, '--', 'sh', '-c', 'read word; ps; echo "got $word"'], 'it\n');
  expect(stdout).toMatch(/sleep 4343[\s\S]*got it/);
});

describe('what an ephemeral container may have', () => {
  const where = { namespace: 'default', name: 'patient' };
  const add = (container: object) => {
    const patch = { spec: { ephemeralContainers: [{ image: BUSYBOX_IMAGE, ...container }] } };
    return lab.api.client.patch<Pod>(pods, where, 'application/strategic-merge-patch+json', patch, 'ephemeralcontainers');
  };
  const probe = { exec: { command: ['true'] } };

  it('is what it needs to look around', async (context) => {
    await lab.api.client.create(configMaps, { metadata: { name: 'colours', namespace: 'default' }, data: { COLOUR: 'blue' } });
    await lab.create('patient', { volumes: [{ name: 'v', emptyDir: {} }], containers: [{ name: 'main', command: sh('sleep 1000') }] });
    await lab.ready('patient');
    await add({
      name: 'doctor',
      imagePullPolicy: 'Never',
      command: ['/bin/sh', '-c'],
      args: ['echo $NAME $COLOUR $(id -u) > /v/seen; cat /v/seen > /last; pwd; tty; read line; echo $line'],
      workingDir: '/tmp',
      env: [{ name: 'NAME', value: 'me' }],
      envFrom: [{ configMapRef: { name: 'colours' } }],
      volumeMounts: [{ name: 'v', mountPath: '/v' }],
      securityContext: { runAsUser: 0 },
      terminationMessagePath: '/last',
      stdin: true,
      stdinOnce: true,
      tty: true,
    });
    const pod = await lab.pod('patient', 'it runs', (p) => status(p, 'doctor')?.state.running !== undefined);
    expect(pod.status.ephemeralContainerStatuses).toHaveLength(1);
    const id = status(pod, 'doctor').containerID!.slice('docker://'.length);
    const { Config: config } = JSON.parse(lab.engine.docker('inspect', '--format', '{{json .}}', id));
    expect(config).toMatchObject({ OpenStdin: true, StdinOnce: true, Tty: true });
    await until('it has looked', async () => (await logOf('patient', 'doctor')).includes('/tmp'));
    lab.engine.docker('kill', id);
    const after = await lab.pod('patient', 'it has ended', (p) => status(p, 'doctor').state.terminated !== undefined);
    expect(status(after, 'doctor').state.terminated).toMatchObject({ message: 'me blue 0\n', reason: 'Error', exitCode: 137 });
    showsFields(
      context,
      'spec.ephemeralContainers[].{args,workingDir,env[],envFrom[],volumeMounts[],securityContext,terminationMessagePath,imagePullPolicy}',
      'spec.ephemeralContainers[].{stdin,stdinOnce,tty}',
    );
  });

  it.for([
    ['ports[]', { ports: [{ containerPort: 80 }] }],
    ['livenessProbe', { livenessProbe: probe }],
    ['readinessProbe', { readinessProbe: probe }],
    ['startupProbe', { startupProbe: ready('/open') }],
    ['lifecycle', { lifecycle: { preStop: { exec: { command: ['true'] } } } }],
    ['resources', { resources: { limits: { cpu: '1' } } }],
    ['resizePolicy[]', { resizePolicy: [{ resourceName: 'cpu', restartPolicy: 'NotRequired' }] }],
    ['restartPolicy', { restartPolicy: 'Always' }],
    ['restartPolicyRules[]', { restartPolicyRules: [{ action: 'Restart', exitCodes: { operator: 'In', values: [1] } }] }],
  ] as const)('is not %s', async ([field, fields], context) => {
    const refused = await add({ name: 'other', ...fields }).then(
      () => 'it was taken',
      ({ message }: Error) => message,
    );
    expect(refused).toMatch(new RegExp(`spec\\.ephemeralContainers\\[\\d\\]\\.${field.replace('[]', '')}`));
    refusesFields(context, refused.replace(/^Pod "patient" is invalid: /, ''), `spec.ephemeralContainers[].${field}`);
  });
});

describe("the agent's restart", () => {
  it('restarts nothing, neither sidecar nor ephemeral container, and forgets nothing that its probes have found', async () => {
    const probes = { startupProbe: ready('/started'), readinessProbe: ready('/ready') };
    const command = sh('touch /started /ready; sleep 1000');
    await lab.create('survivor', {
      initContainers: [
        { name: 'first', command: ['true'] },
        { name: 'proxy', restartPolicy: 'Always', command, ...probes },
      ],
      containers: [{ name: 'main', command, ...probes, livenessProbe: ready('/started') }],
    });
    await lab.ready('survivor');
    const where = { namespace: 'default', name: 'survivor' };
    const patch = { spec: { ephemeralContainers: [{ name: 'debugger', image: BUSYBOX_IMAGE, command: ['sleep', '1000'] }] } };
    await lab.api.client.patch<Pod>(pods, where, 'application/strategic-merge-patch+json', patch, 'ephemeralcontainers');
    const before = await lab.pod('survivor', 'all run', (p) => status(p, 'debugger')?.state.running !== undefined);
    await lab.stopKubelet();
    await lab.startKubelet();
    await lab.create('witness', { containers: [{ name: 'main', command: sh('sleep 1000') }] });
    await lab.ready('witness');
    expect((await lab.get('survivor')).status).toEqual(before.status);
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
