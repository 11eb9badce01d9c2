// Hooks, signals and last words on a real engine: what runs after a container's start and before its end, and how it is told.
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { pods } from '../../../src/kinds/core/pod.js';
import { startHttpsServer } from '../../suites/https-server.js';
import { refusesFields, showsFields } from '../../suites/pod-spec.js';
import { until } from './engine-lab.js';
import type { KubeletLab } from './kubelet-lab.js';
import { condition, execIn, sh, status } from './kubelet-requests.js';
import { withLab } from './with-lab.js';

// Real containers take their time on a busy machine.
vi.setConfig({ testTimeout: 180_000 });

let lab: KubeletLab;

withLab((started) => {
  lab = started;
  writeFileSync(diary(), '');
});

/** Containers write here what happens to them, in order. */
const diary = () => join(lab.engine.directory, 'diary');
const told = (about: string) =>
  readFileSync(diary(), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith(`${about} `))
    .map((line) => line.slice(about.length + 1));
const keepsDiary = () => ({
  volumes: [{ name: 'diary', hostPath: { path: diary(), type: 'File' } }],
  volumeMounts: [{ name: 'diary', mountPath: '/diary' }],
});
const tells = (about: string, what: string) => `echo ${about} ${what} >> /diary`;
const untilTerm = (about: string) =>
  sh(`trap '${tells(about, 'ends')}; exit 0' TERM; ${tells(about, 'begins')}; while true; do sleep 0.1; done`);

describe('hooks', () => {
  it('by command, HTTP and sleep, after the start and before the end', async (context) => {
    const asked: { url: string; headers: IncomingHttpHeaders }[] = [];
    const plain = createServer(({ url, headers }, response) => {
      asked.push({ url: url!, headers });
      // Any answer will do.
      response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve));
    const { port } = plain.address() as AddressInfo;
    const secure = await startHttpsServer(({ url, headers }, _, response) => {
      asked.push({ url: url!, headers });
      response.end();
    });
    const { volumes, volumeMounts } = keepsDiary();
    const byHttp = { httpHeaders: [{ name: 'X-Key', value: 'secret' }], host: '127.0.0.1' };
    await lab.create('hooked', {
      terminationGracePeriodSeconds: 30,
      volumes,
      containers: [
        {
          name: 'command',
          command: untilTerm('command'),
          volumeMounts,
          lifecycle: {
            postStart: {
              exec: { command: sh(`while ! grep -q "command begins" /diary; do sleep 0.1; done; ${tells('command', 'after-start')}`) },
            },
            preStop: { exec: { command: sh(tells('command', 'before-stop')) } },
          },
        },
        {
          name: 'web',
          command: untilTerm('web'),
          volumeMounts,
          lifecycle: {
            postStart: { httpGet: { ...byHttp, path: '/after-start', port, scheme: 'HTTP' } },
            preStop: { httpGet: { ...byHttp, path: '/before-stop', port: secure.port, scheme: 'HTTPS' } },
          },
        },
        {
          name: 'pause',
          command: untilTerm('pause'),
          volumeMounts,
          lifecycle: { postStart: { sleep: { seconds: 2 } }, preStop: { sleep: { seconds: 2 } } },
        },
      ],
    });
    const pod = await lab.ready('hooked');
    const start = Date.parse(status(pod, 'pause').state.running!.startedAt!);
    expect(Date.parse(pod.status.conditions!.find(({ type }) => type === 'Ready')!.lastTransitionTime!) - start).toBeGreaterThanOrEqual(
      1_000,
    );
    await until('all have begun', () => ['web', 'pause'].every((name) => told(name).includes('begins')));
    const began_ms = performance.now();
    await lab.delete('hooked', 30);
    expect(performance.now() - began_ms).toBeGreaterThan(2_000);
    expect(told('command')).toEqual(['begins', 'after-start', 'before-stop', 'ends']);
    expect(asked.map(({ url }) => url)).toEqual(['/after-start', '/before-stop']);
    for (const { headers } of asked) expect(headers).toMatchObject({ 'x-key': 'secret', 'user-agent': 'kube-lifecycle/1.35' });
    expect(told('web')).toEqual(['begins', 'ends']);
    await secure.stop();
    await new Promise((resolve) => plain.close(resolve));
    showsFields(
      context,
      'spec.containers[].lifecycle.{postStart,preStop}.{exec.command,sleep.seconds}',
      'spec.containers[].lifecycle.{postStart,preStop}.httpGet.{path,port,host,scheme,httpHeaders[].name,httpHeaders[].value}',
    );
  });

  it('that fail after the start end the container, and say why in its status, but in no event', async (context) => {
    const hook = (name: string, postStart: object) =>
      lab.create(name, { containers: [{ name: 'main', command: sh('sleep 1000'), lifecycle: { postStart } }] });
    const failed = async (name: string) => {
      const pod = await lab.pod(name, 'its hook fails', (p) => status(p, 'main')?.state.waiting?.reason === 'PostStartHookError');
      await until('its events say so', async () => {
        const seen = await lab.eventsOf(name);
        return seen.includes('FailedPostStartHook: PostStartHook failed') && seen.includes('Killing: FailedPostStartHook');
      });
      const again = await lab.pod(name, 'it is started again', (p) => (status(p, 'main')?.restartCount ?? 0) >= 1);
      expect(status(again, 'main').lastState.terminated).toMatchObject({ exitCode: 137, reason: 'Error' });
      return status(pod, 'main').state.waiting!.message!.replace(pod.metadata.uid, 'UID');
    };
    const { volumes, volumeMounts } = keepsDiary();
    await lab.create('unhooked', {
      volumes,
      containers: [
        {
          name: 'main',
          command: sh('sleep 1000'),
          volumeMounts,
          lifecycle: {
            postStart: { exec: { command: sh('echo secret; exit 3') } },
            preStop: { exec: { command: sh(tells('unhooked', 'before-stop')) } },
          },
        },
      ],
    });
    expect(await failed('unhooked')).toBe(
      'Exec lifecycle hook ([/bin/sh -c echo secret; exit 3]) for Container "main" in Pod "unhooked_default(UID)" failed - error: ' +
        'command \'/bin/sh -c echo secret; exit 3\' exited with 3: secret\n, message: "secret\\n"',
    );
    expect(told('unhooked')[0]).toBe('before-stop');
    await hook('socket', { tcpSocket: { port: 80 } });
    const words = await failed('socket');
    expect(words).toBe('Lifecycle hook for Container "main" in Pod "socket_default(UID)" failed - error: invalid handler');
    refusesFields(context, words, 'spec.containers[].lifecycle.postStart.tcpSocket');
  });

  it('that fail before the end are told, and hold up nothing', async (context) => {
    const preStop = { tcpSocket: { port: 80 } };
    await lab.create('bye', { containers: [{ name: 'main', command: sh('sleep 1000'), lifecycle: { preStop } }] });
    await lab.ready('bye');
    await lab.delete('bye');
    const words = 'PreStopHook failed';
    await until('its events say so', async () => (await lab.eventsOf('bye')).includes(`FailedPreStopHook: ${words}`));
    refusesFields(context, words, 'spec.containers[].lifecycle.preStop.tcpSocket');
  });
});

describe('the end of a container', () => {
  it('comes by the signal that it asks for', async (context) => {
    const { volumes, volumeMounts } = keepsDiary();
    const command = sh(
      `trap "" TERM; trap '${tells('usr', 'got-it')}; exit 0' USR1; ${tells('usr', 'begins')}; while true; do sleep 0.1; done`,
    );
    await lab.create('signalled', {
      os: { name: 'linux' },
      terminationGracePeriodSeconds: 60,
      volumes,
      containers: [{ name: 'main', command, volumeMounts, lifecycle: { stopSignal: 'SIGUSR1' } }],
    });
    const pod = await lab.ready('signalled');
    expect(status(pod, 'main').stopSignal).toBe('SIGUSR1');
    await until('its traps are set', () => told('usr').length === 1);
    await lab.delete('signalled');
    expect(told('usr')).toEqual(['begins', 'got-it']);
    showsFields(context, 'spec.containers[].lifecycle.stopSignal');
  });

  it('leaves last words, in a file or in its log', async (context) => {
    await lab.create('words', {
      restartPolicy: 'Never',
      initContainers: [
        { name: 'init', command: sh('echo ready > /last'), terminationMessagePath: '/last', terminationMessagePolicy: 'File' },
      ],
      containers: [
        { name: 'file', command: sh('echo log; echo last > /tmp/last; exit 1'), terminationMessagePath: '/tmp/last' },
        { name: 'log', command: sh('echo log; exit 1'), terminationMessagePolicy: 'FallbackToLogsOnError' },
        { name: 'fine', command: sh('echo log'), terminationMessagePolicy: 'FallbackToLogsOnError' },
      ],
    });
    const pod = await lab.pod('words', 'it fails', ({ status: { phase } }) => phase === 'Failed');
    const messages = ['init', 'file', 'log', 'fine'].map((name) => status(pod, name).state.terminated?.message);
    expect(messages).toEqual(['ready\n', 'last\n', 'log\n', undefined]);
    showsFields(context, 'spec.{containers,initContainers}[].{terminationMessagePath,terminationMessagePolicy}');
  });

  it('leaves the end of its last words, and no more of them than there is room for in a status', async () => {
    const long = `i=0; while [ $i -lt 5000 ]; do echo -n $((i % 10)); i=$((i + 1)); done > /dev/termination-log`;
    const containers = ['a', 'b', 'c', 'd'].map((name) => ({ name, command: sh(`${long}; echo -n END >> /dev/termination-log`) }));
    const lastWords = async (name: string, of: typeof containers) => {
      await lab.create(name, { restartPolicy: 'Never', containers: of });
      const pod = await lab.pod(name, 'it is over', ({ status: { phase } }) => phase === 'Succeeded');
      return pod.status.containerStatuses!.map(({ state }) => state.terminated?.message ?? '');
    };
    const [alone] = await lastWords('wordy', containers.slice(0, 1));
    expect(alone).toMatch(/789END$/);
    expect(alone).toHaveLength(4096);
    for (const message of await lastWords('wordy-all', containers)) expect(message).toBe(alone!.slice(0, 3072));
  });

  it('comes sooner where the pod is deleted while a container is being ended for its restart', async () => {
    const command = sh('trap "" TERM; while true; do sleep 0.1; done');
    const livenessProbe = { exec: { command: ['false'] }, periodSeconds: 1, timeoutSeconds: 10, failureThreshold: 1 };
    await lab.create('dying', { terminationGracePeriodSeconds: 600, containers: [{ name: 'main', command, livenessProbe }] });
    await lab.event('dying', /^Killing: Container main failed liveness probe, will be restarted$/);
    await lab.delete('dying', 1);
  });

  it('is seen while the others are still ending, and so is one that is no longer ready', async () => {
    const { volumes, volumeMounts } = keepsDiary();
    await lab.create('parting', {
      terminationGracePeriodSeconds: 60,
      volumes,
      containers: [
        { name: 'quick', command: untilTerm('quick'), volumeMounts },
        {
          name: 'slow',
          command: sh('touch /ready; trap "" TERM; while ! [ -e /go ]; do sleep 0.1; done'),
          readinessProbe: { exec: { command: ['cat', '/ready'] }, periodSeconds: 1, timeoutSeconds: 10, failureThreshold: 1 },
        },
      ],
    });
    await lab.ready('parting');
    await until('its trap is set', () => told('quick').length === 1);
    await lab.api.client.delete(pods, { namespace: 'default', name: 'parting' });
    const ending = await lab.pod('parting', 'one has ended', (pod) => status(pod, 'quick').state.terminated !== undefined);
    expect(ending.status.phase).toBe('Running');
    expect(status(ending, 'slow')).toMatchObject({ ready: true, state: { running: {} } });
    await execIn(lab, 'parting', 'slow', ['rm', '/ready']);
    await lab.pod('parting', 'the other is no longer ready', (pod) => !status(pod, 'slow').ready);
    await execIn(lab, 'parting', 'slow', ['touch', '/go']);
    await until('it is gone', async () => !(await lab.find('parting')));
  });
});

it("a pod's readiness gates are part of its readiness", async (context) => {
  const type = 'example.com/in-rotation';
  await lab.create('gated', { readinessGates: [{ conditionType: type }], containers: [{ name: 'main', command: sh('sleep 1000') }] });
  const shut = await lab.pod('gated', 'its container is ready', (pod) => condition(pod, 'ContainersReady') === 'True');
  expect(shut.status.conditions?.find((each) => each.type === 'Ready')).toMatchObject({
    status: 'False',
    reason: 'ReadinessGatesNotReady',
    message: `corresponding condition of pod readiness gate "${type}" does not exist.`,
  });
  const say = (status: string) => {
    const patch = { status: { conditions: [{ type, status }] } };
    return lab.api.client.patch(pods, { namespace: 'default', name: 'gated' }, 'application/strategic-merge-patch+json', patch, 'status');
  };
  await say('False');
  await lab.pod('gated', 'it says which state the gate is in', ({ status: { conditions = [] } }) =>
    conditions.some(({ message }) => message === `the status of pod readiness gate "${type}" is not "True", but False`),
  );
  await say('True');
  const open = await lab.ready('gated');
  expect(condition(open, type)).toBe('True');
  showsFields(context, 'spec.readinessGates[].conditionType');
});
