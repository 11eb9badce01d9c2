// The kubelet with a real engine and a real API server: what a user sees of a pod from its creation to its end.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { leases } from '../../../src/kinds/coordination/lease.js';
import { configMaps } from '../../../src/kinds/core/configmap.js';
import { nodes } from '../../../src/kinds/core/node.js';
import { pods } from '../../../src/kinds/core/pod.js';
import { secrets } from '../../../src/kinds/core/secret.js';
import { showsFields } from '../../suites/pod-spec.js';
import { until } from './engine-lab.js';
import { type KubeletLab, NODE } from './kubelet-lab.js';
import { askKubelet, condition, execIn, sh, status } from './kubelet-requests.js';
import { withLab } from './with-lab.js';

let lab: KubeletLab;

withLab((started) => {
  lab = started;
});

const ask = (path: string, identity?: object) => askKubelet(lab, path, identity);
const exec = (pod: string, container: string, command: readonly string[], stdin?: string) => execIn(lab, pod, container, command, stdin);

/** A signal that comes before the shell has set its trap is lost. */
const saysUp = (pod: string) => until('its trap is set', async () => (await ask(`/containerLogs/default/${pod}/main`)).body === 'up\n');

describe('the node', () => {
  it('is registered with what it is and can do', async () => {
    const node = await lab.api.client.get(nodes, { name: NODE });
    expect(node.metadata.labels).toMatchObject({ 'kubernetes.io/hostname': NODE, 'kubernetes.io/os': 'linux', disk: 'ssd' });
    expect(node.status.nodeInfo).toMatchObject({
      containerRuntimeVersion: expect.stringMatching(/^docker:\/\/\d+/),
      operatingSystem: 'linux',
    });
    expect(node.status.capacity).toMatchObject({ pods: '110', cpu: expect.stringMatching(/^\d+$/), memory: expect.stringMatching(/Ki$/) });
    expect(node.status.addresses).toContainEqual({ type: 'InternalIP', address: '127.0.0.1' });
    expect(node.status.daemonEndpoints.kubeletEndpoint?.Port).toBe(lab.server!.port);
    expect(node.status.features).toEqual({ supplementalGroupsPolicy: true });
  });

  it('tells of its states, and of being cordoned', async () => {
    for (const state of ['NodeHasSufficientMemory', 'NodeHasNoDiskPressure', 'NodeHasSufficientPID', 'NodeReady']) {
      expect(await lab.eventsOf(NODE)).toContain(`${state}: Node ${NODE} status is now: ${state}`);
    }
    expect(await lab.eventsOf(NODE)).toContain('NodeAllocatableEnforced: Updated Node Allocatable limit across pods');
    const cordon = (unschedulable: boolean) =>
      lab.api.client.patch(nodes, { name: NODE }, 'application/merge-patch+json', { spec: { unschedulable } });
    await cordon(true);
    await lab.event(NODE, /^NodeNotSchedulable: /);
    await cordon(false);
    await lab.event(NODE, /^NodeSchedulable: /);
  });

  it('beats its heart', async () => {
    const read = async () => (await lab.api.client.get(leases, { namespace: 'kube-node-lease', name: NODE })).spec.renewTime;
    const first = await read();
    await until('the lease is renewed', async () => (await read()) !== first);
  });
});

describe('a pod', () => {
  it('runs two containers that share localhost and an emptyDir, and says so', async () => {
    await lab.create('two', {
      volumes: [{ name: 'shared', emptyDir: {} }],
      containers: [
        {
          name: 'writer',
          command: sh('echo hello > /data/file; httpd -f -p 8080 -h /data'),
          volumeMounts: [{ name: 'shared', mountPath: '/data' }],
        },
        { name: 'reader', command: sh('sleep 1000'), volumeMounts: [{ name: 'shared', mountPath: '/in' }] },
      ],
    });
    const pod = await lab.ready('two');
    expect(pod.status).toMatchObject({
      phase: 'Running',
      hostIP: '127.0.0.1',
      podIP: expect.stringMatching(/^10\.254\.9\./),
      qosClass: 'BestEffort',
    });
    for (const type of ['PodReadyToStartContainers', 'Initialized', 'ContainersReady', 'PodScheduled'])
      expect(condition(pod, type)).toBe('True');
    expect(status(pod, 'writer')).toMatchObject({
      ready: true,
      started: true,
      restartCount: 0,
      containerID: expect.stringMatching(/^docker:\/\//),
    });
    expect((await exec('two', 'reader', ['cat', '/in/file'])).out).toBe('hello\n');
    expect((await exec('two', 'reader', ['wget', '-q', '-O', '-', 'http://localhost:8080/file'])).out).toBe('hello\n');
    expect((await exec('two', 'reader', ['cat', '/etc/resolv.conf'])).out).toBe(
      'search default.svc.cluster.local svc.cluster.local cluster.local lab.example\nnameserver 10.96.0.10\noptions ndots:5\n',
    );
    expect((await exec('two', 'reader', ['cat', '/etc/hosts'])).out).toContain(`${pod.status.podIP}\ttwo`);
    await until('its events are there', async () => {
      const seen = (await lab.eventsOf('two')).join('\n');
      expect(seen).not.toMatch(/^Failed/m);
      return ['Pulled', 'Created: Container created', 'Started: Container started'].every((text) => seen.includes(text));
    });
  });

  it('sees itself and its configuration in its environment', async () => {
    const { client } = lab.api;
    await client.create(configMaps, {
      metadata: { name: 'settings', namespace: 'default' },
      data: { colour: 'blue', 'app.conf': 'a=1\n' },
    });
    await client.create(secrets, {
      metadata: { name: 'login', namespace: 'default' },
      data: { password: Buffer.from('pass').toString('base64') },
    });
    await lab.create(
      'env',
      {
        volumes: [
          { name: 'conf', configMap: { name: 'settings' } },
          { name: 'secret', secret: { secretName: 'login' } },
          { name: 'self', downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] } },
        ],
        containers: [
          {
            name: 'main',
            command: ['/bin/sh', '-c', 'sleep 1000', '$(NAME)-$$(NAME)'],
            resources: { limits: { memory: '64Mi' } },
            env: [
              { name: 'NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
              { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
              { name: 'COLOUR', valueFrom: { configMapKeyRef: { name: 'settings', key: 'colour' } } },
              { name: 'BOTH', value: '$(NAME) is $(COLOUR), $(NOTHING)' },
              { name: 'MEMORY', valueFrom: { resourceFieldRef: { resource: 'limits.memory', divisor: '1Mi' } } },
            ],
            envFrom: [{ prefix: 'S_', secretRef: { name: 'login' } }],
            volumeMounts: [
              { name: 'conf', mountPath: '/conf' },
              { name: 'conf', mountPath: '/only/app.conf', subPath: 'app.conf' },
              { name: 'secret', mountPath: '/secret' },
              { name: 'self', mountPath: '/self' },
            ],
          },
        ],
      },
      { labels: { app: 'env' } },
    );
    const pod = await lab.ready('env');
    const { out } = await exec('env', 'main', ['env']);
    for (const line of [
      'NAME=env',
      `IP=${pod.status.podIP}`,
      'COLOUR=blue',
      'BOTH=env is blue, $(NOTHING)',
      'MEMORY=64',
      'S_password=pass',
    ]) {
      expect(out.split('\n')).toContain(line);
    }
    expect(out).toContain('KUBERNETES_SERVICE_HOST=10.96.0.1');
    expect((await exec('env', 'main', ['cat', '/conf/app.conf', '/only/app.conf', '/secret/password', '/self/labels'])).out).toBe(
      'a=1\na=1\npassapp="env"',
    );
    expect(lab.engine.docker('inspect', '-f', '{{.HostConfig.Memory}}', status(pod, 'main').containerID!.slice('docker://'.length))).toBe(
      String(64 << 20),
    );
  });

  it('runs its init containers one after the other before the rest', async () => {
    const mounts = [{ name: 'work', mountPath: '/shared' }];
    await lab.create('init', {
      volumes: [{ name: 'work', emptyDir: {} }],
      initContainers: [
        { name: 'first', command: sh('echo 1 >> /shared/order'), volumeMounts: mounts },
        { name: 'second', command: sh('echo 2 >> /shared/order'), volumeMounts: mounts },
      ],
      containers: [{ name: 'main', command: sh('echo 3 >> /shared/order; sleep 1000'), volumeMounts: mounts }],
    });
    const pod = await lab.ready('init');
    expect((await exec('init', 'main', ['cat', '/shared/order'])).out).toBe('1\n2\n3\n');
    expect(status(pod, 'second').state.terminated).toMatchObject({ reason: 'Completed', exitCode: 0 });
  });

  it('is Succeeded or Failed once its containers have ended for good, and gives its address back', async () => {
    await lab.create('job-good', {
      restartPolicy: 'Never',
      containers: [{ name: 'main', command: sh('echo done > /dev/termination-log') }],
    });
    await lab.create('job-bad', { restartPolicy: 'Never', containers: [{ name: 'main', command: sh('exit 3') }] });
    const good = await lab.pod('job-good', 'it succeeds', (pod) => pod.status.phase === 'Succeeded');
    const bad = await lab.pod('job-bad', 'it fails', (pod) => pod.status.phase === 'Failed');
    expect(status(good, 'main').state.terminated).toMatchObject({ reason: 'Completed', message: 'done\n' });
    expect(status(bad, 'main').state.terminated).toMatchObject({ reason: 'Error', exitCode: 3 });
    expect(good.status.conditions?.find(({ type }) => type === 'Ready')?.reason).toBe('PodCompleted');
    await until('the sandbox is gone', () => lab.containersOf(good, '--filter', 'label=io.kubernetes.docker.type=podsandbox').length === 0);
    expect(lab.containersOf(good)).toHaveLength(1);
  });

  it('is Failed when its deadline has passed', async (context) => {
    showsFields(context, 'spec.activeDeadlineSeconds');
    await lab.create('late', { activeDeadlineSeconds: 1, containers: [{ name: 'main', command: sh('sleep 1000') }] });
    const pod = await lab.pod('late', 'it fails', ({ status: { phase } }) => phase === 'Failed');
    expect(pod.status).toMatchObject({ reason: 'DeadlineExceeded' });
    expect(lab.containersOf(pod, '--filter', 'status=running')).toEqual([]);
  });
});

describe('a container that dies', () => {
  it('is started again at once, and its log before that is kept', async () => {
    await lab.create('phoenix', { containers: [{ name: 'main', command: sh('echo I am $$; sleep 1000') }] });
    const before = status(await lab.ready('phoenix'), 'main');
    lab.engine.docker('kill', before.containerID!.slice('docker://'.length));
    const pod = await lab.pod('phoenix', 'it runs again', (p) => status(p, 'main').restartCount === 1 && status(p, 'main').ready);
    expect(status(pod, 'main').lastState.terminated).toMatchObject({ exitCode: 137, reason: 'Error', containerID: before.containerID });
    expect((await ask('/containerLogs/default/phoenix/main?previous=true')).body).toContain('I am');
  });

  it('again and again waits longer each time', async () => {
    await lab.create('crash', { containers: [{ name: 'main', command: sh('echo dying; exit 1') }] });
    const pod = await lab.pod('crash', 'it backs off', (p) => status(p, 'main')?.state.waiting?.reason === 'CrashLoopBackOff');
    expect(status(pod, 'main')).toMatchObject({
      restartCount: 1,
      ready: false,
      lastState: { terminated: { exitCode: 1, reason: 'Error' } },
    });
    expect(status(pod, 'main').state.waiting?.message).toMatch(/^back-off 10s restarting failed container=main pod=crash_default\(/);
    expect(pod.status.phase).toBe('Running');
    expect((await ask('/containerLogs/default/crash/main')).body).toBe('dying\n');
  });

  it('takes its whole pod to a new sandbox when it is the sandbox that dies', async () => {
    await lab.create('boxless', { containers: [{ name: 'main', command: sh('sleep 1000') }] });
    const before = await lab.ready('boxless');
    lab.engine.docker('rm', '-f', ...lab.containersOf(before, '--filter', 'label=io.kubernetes.docker.type=podsandbox'));
    const again = await lab.pod(
      'boxless',
      'it runs in a new sandbox',
      (p) => status(p, 'main').restartCount === 1 && status(p, 'main').ready,
    );
    lab.engine.docker('kill', ...lab.containersOf(again, '--filter', 'label=io.kubernetes.docker.type=podsandbox'));
    await lab.event('boxless', /^SandboxChanged: Pod sandbox changed, it will be killed and re-created\.$/);
    await lab.pod('boxless', 'it runs in another', (p) => status(p, 'main').restartCount === 2 && status(p, 'main').ready);
  });
});

describe('a pod that cannot run', () => {
  it('says which image cannot be pulled, and backs off', async () => {
    await lab.create('imageless', { containers: [{ name: 'main', image: '127.0.0.1:1/no/such:image' }] });
    const pod = await lab.pod('imageless', 'it waits', (p) =>
      /ErrImagePull|ImagePullBackOff/.test(status(p, 'main')?.state.waiting?.reason ?? ''),
    );
    expect(status(pod, 'main').state.waiting?.message).toContain('refused');
    await lab.create('misnamed', { containers: [{ name: 'main', image: 'NOT A NAME' }] });
    await lab.pod('misnamed', 'it waits', (p) => status(p, 'main')?.state.waiting?.reason === 'InvalidImageName');
  });

  it('says which ConfigMap is missing, and runs once it is there', async () => {
    await lab.create('wants-map', {
      containers: [
        { name: 'main', command: sh('sleep 1000'), env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'later', key: 'a' } } }] },
      ],
    });
    const pod = await lab.pod('wants-map', 'it waits', (p) => status(p, 'main')?.state.waiting?.reason === 'CreateContainerConfigError');
    expect(status(pod, 'main').state.waiting?.message).toBe('configmap "later" not found');
    await lab.api.client.create(configMaps, { metadata: { name: 'later', namespace: 'default' }, data: { a: '1' } });
    await lab.ready('wants-map');
  });

  it('names the field that this node cannot honour', async () => {
    await lab.create('fancy', { containers: [{ name: 'main' }], resourceClaims: [{ name: 'gpu', resourceClaimName: 'gpu' }] });
    const pod = await lab.pod('fancy', 'it waits', (p) => status(p, 'main')?.state.waiting?.reason === 'CreateContainerConfigError');
    expect(status(pod, 'main').state.waiting?.message).toBe('spec.resourceClaims is not supported by this node');
    await lab.create('driverless', { containers: [{ name: 'main' }], volumes: [{ name: 'far', csi: { driver: 'far.example' } }] });
    await until('an event names the volume', async () =>
      (await lab.eventsOf('driverless')).some((event) => /FailedMount.*"far".*driver name far.example not found/.test(event)),
    );
  });

  it('says that its command does not exist', async () => {
    await lab.create('no-command', { restartPolicy: 'Never', containers: [{ name: 'main', command: ['/no/such/program'] }] });
    const pod = await lab.pod('no-command', 'it fails', ({ status: { phase } }) => phase === 'Failed');
    expect(status(pod, 'main').state.terminated).toMatchObject({ reason: 'ContainerCannotRun', exitCode: 127 });
  });
});

describe('probes', () => {
  it('make a pod ready and unready, and restart what has hung', async () => {
    const probe = (file: string) => ({ exec: { command: ['cat', file] }, periodSeconds: 1, failureThreshold: 1 });
    await lab.create('probed', {
      containers: [
        {
          name: 'main',
          command: sh('rm -f /ready; touch /alive; sleep 1000'),
          readinessProbe: probe('/ready'),
          livenessProbe: probe('/alive'),
        },
      ],
    });
    const running = await lab.pod('probed', 'it runs', (p) => status(p, 'main')?.state.running !== undefined);
    expect(condition(running, 'Ready')).toBe('False');
    await exec('probed', 'main', ['touch', '/ready']);
    await lab.ready('probed');
    await exec('probed', 'main', ['rm', '/alive']);
    await lab.pod(
      'probed',
      'it is started again',
      (p) => status(p, 'main').restartCount === 1 && status(p, 'main').state.running !== undefined,
    );
    await until('its events say why', async () => {
      const seen = await lab.eventsOf('probed');
      return (
        seen.some((e) => /Unhealthy: Liveness probe failed/.test(e)) &&
        seen.some((e) => e === 'Killing: Container main failed liveness probe, will be restarted')
      );
    });
  });
});

describe('a deleted pod', () => {
  it('is stopped by its signal, cleaned up, and only then gone', async () => {
    await lab.create('polite', {
      terminationGracePeriodSeconds: 20,
      volumes: [{ name: 'v', emptyDir: {} }],
      containers: [
        {
          name: 'main',
          command: sh('trap "exit 0" TERM; echo up; while true; do sleep 0.1; done'),
          volumeMounts: [{ name: 'v', mountPath: '/v' }],
        },
      ],
    });
    const pod = await lab.ready('polite');
    await saysUp('polite');
    const began = performance.now();
    await lab.delete('polite');
    expect(performance.now() - began).toBeLessThan(10_000);
    expect(lab.containersOf(pod)).toEqual([]);
    expect(lab.hasDirectory(pod)).toBe(false);
  });

  it('is killed when its grace period is over, or sooner when asked again', async (context) => {
    showsFields(context, 'spec.terminationGracePeriodSeconds');
    await lab.create('stubborn', {
      terminationGracePeriodSeconds: 100,
      containers: [{ name: 'main', command: sh('trap "" TERM; while true; do sleep 1; done') }],
    });
    const pod = await lab.ready('stubborn');
    await lab.api.client.delete(pods, { namespace: 'default', name: 'stubborn' });
    await lab.delete('stubborn', 1);
    expect(lab.containersOf(pod)).toEqual([]);
  });

  it('goes with what its engine has forgotten, as one does that is killed while it starts a container', async () => {
    await lab.create('forgotten', { containers: [{ name: 'main', command: sh('sleep 1000') }] });
    const pod = await lab.ready('forgotten');
    const group = join('/sys/fs/cgroup/pids', lab.engine.netns, 'kubepods/besteffort', `pod${pod.metadata.uid}`, 'left');
    mkdirSync(group);
    const process = spawn('sleep', ['1000']);
    writeFileSync(join(group, 'cgroup.procs'), String(process.pid));
    await lab.delete('forgotten');
    await until('the process is killed', () => process.signalCode === 'SIGKILL');
    expect(existsSync(group)).toBe(false);
  });

  it('runs its preStop hook first', async () => {
    await lab.create('hooked', {
      terminationGracePeriodSeconds: 10,
      volumes: [{ name: 'host', hostPath: { path: lab.rootDirectory } }],
      containers: [
        {
          name: 'main',
          command: sh('trap "exit 0" TERM; echo up; while true; do sleep 0.1; done'),
          volumeMounts: [{ name: 'host', mountPath: '/host' }],
          lifecycle: { preStop: { exec: { command: sh('touch /host/hook-ran') } } },
        },
      ],
    });
    await lab.ready('hooked');
    await saysUp('hooked');
    await lab.delete('hooked', 10);
    expect(lab.engine.run('ls', [lab.rootDirectory])).toContain('hook-ran');
  });
});

describe("the kubelet's own restart", () => {
  it('restarts no container, and cleans up after pods that went meanwhile', async () => {
    await lab.create('survivor', {
      containers: [{ name: 'main', command: sh('sleep 1000'), readinessProbe: { exec: { command: ['true'] }, periodSeconds: 1 } }],
    });
    await lab.create('doomed', { containers: [{ name: 'main', command: sh('sleep 1000') }] });
    const before = await lab.ready('survivor');
    const doomed = await lab.ready('doomed');
    await lab.stopKubelet();
    await lab.api.client.delete(pods, { namespace: 'default', name: 'doomed' }, { gracePeriodSeconds: 0 });
    await lab.startKubelet();
    await until('the orphan is gone', () => lab.containersOf(doomed).length === 0 && !lab.hasDirectory(doomed));
    const after = await lab.get('survivor');
    expect(status(after, 'main')).toEqual(status(before, 'main'));
    expect(condition(after, 'Ready')).toBe('True');
    expect(after.status).toEqual(before.status);
  });
});

describe("the kubelet's server", () => {
  it('answers the API server and administrators only', async () => {
    expect(await ask('/healthz')).toEqual({ code: 200, body: 'ok' });
    expect((await ask('/healthz', lab.api.pki.admin)).code).toBe(200);
    expect((await ask('/pods', {})).code).toBe(401);
    expect(JSON.parse((await ask('/pods')).body)).toMatchObject({ kind: 'PodList' });
  });

  it('gives logs as kubectl asks for them', async () => {
    await lab.create('talker', { containers: [{ name: 'main', command: sh('for i in 1 2 3 4 5; do echo line $i; done; sleep 1000') }] });
    await lab.ready('talker');
    await until(
      'all is logged',
      async () => (await ask('/containerLogs/default/talker/main')).body === 'line 1\nline 2\nline 3\nline 4\nline 5\n',
    );
    expect((await ask('/containerLogs/default/talker/main?tailLines=2')).body).toBe('line 4\nline 5\n');
    expect((await ask('/containerLogs/default/talker/main?limitBytes=10')).body).toBe('line 1\nlin');
    expect((await ask('/containerLogs/default/talker/main?timestamps=true&tailLines=1')).body).toMatch(/^\d{4}-.*Z line 5\n$/);
    expect(await ask('/containerLogs/default/talker/other')).toEqual({
      code: 404,
      body: 'container "other" not found in pod "talker"',
    });
    expect(await ask('/containerLogs/default/nobody/main')).toMatchObject({ code: 404 });
    expect(await ask('/containerLogs/default/talker/main?tailLines=x')).toMatchObject({ code: 400 });
    const { code, body } = await ask('/containerLogs/default/talker/main?previous=true');
    expect(code).toBe(400);
    expect(body).toBe('previous terminated container "main" in pod "talker" not found');
  });

  it('runs commands with input, outputs apart, and their exit code', async () => {
    await lab.create('shell', { containers: [{ name: 'main', command: sh('sleep 1000') }] });
    await lab.ready('shell');
    expect(await exec('shell', 'main', sh('echo out; echo err >&2'))).toMatchObject({
      out: 'out\n',
      err: 'err\n',
      status: { status: 'Success' },
    });
    expect(await exec('shell', 'main', ['cat'], 'from here')).toMatchObject({ out: 'from here', status: { status: 'Success' } });
    const failed = await exec('shell', 'main', sh('exit 7'));
    expect(failed.status).toMatchObject({
      status: 'Failure',
      reason: 'NonZeroExitCode',
      details: { causes: [{ reason: 'ExitCode', message: '7' }] },
    });
    await expect(exec('shell', 'nobody', ['true'])).rejects.toThrow('500');
  });
});
