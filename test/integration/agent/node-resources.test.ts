// What pods ask for of a node's resources, on a real engine: control groups, their limits, their parents, and that they go with the pod.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodes } from '../../../src/kinds/core/node.js';
import type { Pod } from '../../../src/kinds/types/core_v1.js';
import { showsFields } from '../../suites/pod-spec.js';
import { until } from './engine-lab.js';
import { KubeletLab, NODE } from './kubelet-lab.js';

let lab: KubeletLab;

beforeAll(async () => {
  lab = await KubeletLab.start({
    podPidsLimit: 20,
    systemReserved: { cpu: '100m', memory: '1Gi', 'ephemeral-storage': '1Gi' },
    kubeReserved: { cpu: '100m' },
  });
}, 120_000);

afterAll(async () => {
  await lab?.stop();
}, 60_000);

const sh = (script: string) => ['/bin/sh', '-c', script];
const SLEEP = sh('sleep 1000');

const GROUPS = { Guaranteed: '', Burstable: 'burstable', BestEffort: 'besteffort' } as const;
const qosDirectory = (controller: string, qos: keyof typeof GROUPS) =>
  join('/sys/fs/cgroup', controller, lab.engine.netns, 'kubepods', GROUPS[qos]);
const podDirectory = (controller: string, { metadata, status }: Pod) =>
  join(qosDirectory(controller, status.qosClass as keyof typeof GROUPS), `pod${metadata.uid}`);
const read = (directory: string, file: string) => readFileSync(join(directory, file), 'utf8').trim();

/** The group that a container of the pod is in, as the kernel tells of its first process. */
function containerGroup(pod: Pod, container: string, controller: string): string {
  const id = pod.status.containerStatuses!.find(({ name }) => name === container)!.containerID!.slice('docker://'.length);
  const pid = lab.engine.docker('inspect', '--format', '{{.State.Pid}}', id);
  const line = read('/proc', `${pid}/cgroup`)
    .split('\n')
    .find((each) => each.split(':')[1]!.split(',').includes(controller))!;
  return join('/sys/fs/cgroup', controller, line.split(':')[2]!);
}

const limitOf = (directory: string) => read(directory, 'memory.limit_in_bytes');

describe('a pod', () => {
  it('has a group of its own, with the sum of its limits, and its containers in that', async (context) => {
    showsFields(context, 'spec.containers[].resources.{limits,requests}');
    const resources = (cpu: string, memory: string) => ({ requests: { cpu, memory }, limits: { cpu, memory } });
    await lab.create('guaranteed', {
      containers: [
        { name: 'a', command: SLEEP, resources: resources('100m', '32Mi') },
        { name: 'b', command: SLEEP, resources: resources('50m', '16Mi') },
      ],
    });
    const pod = await lab.ready('guaranteed');
    expect(pod.status.qosClass).toBe('Guaranteed');
    const cpu = podDirectory('cpu', pod);
    expect(containerGroup(pod, 'a', 'cpu')).toMatch(new RegExp(`^${cpu}/[0-9a-f]{64}$`));
    expect(read(cpu, 'cpu.shares')).toBe('153');
    expect(read(cpu, 'cpu.cfs_quota_us')).toBe('15000');
    expect(limitOf(podDirectory('memory', pod))).toBe(String(48 << 20));
    expect(read(containerGroup(pod, 'a', 'cpu'), 'cpu.cfs_quota_us')).toBe('10000');
    expect(limitOf(containerGroup(pod, 'b', 'memory'))).toBe(String(16 << 20));
  });

  it('is Burstable below the weight of all that Burstable pods asked for, or BestEffort below the least', async () => {
    await lab.create('burst-1', { containers: [{ name: 'main', command: SLEEP, resources: { requests: { cpu: '250m' } } }] });
    await lab.create('burst-2', { containers: [{ name: 'main', command: SLEEP, resources: { requests: { cpu: '250m' } } }] });
    await lab.create('effort', { containers: [{ name: 'main', command: SLEEP }] });
    const [burst, , effort] = await Promise.all([lab.ready('burst-1'), lab.ready('burst-2'), lab.ready('effort')]);
    expect(read(podDirectory('cpu', burst), 'cpu.shares')).toBe('256');
    expect(read(podDirectory('cpu', burst), 'cpu.cfs_quota_us')).toBe('-1');
    expect(read(qosDirectory('cpu', 'Burstable'), 'cpu.shares')).toBe('512');
    expect(read(podDirectory('cpu', effort), 'cpu.shares')).toBe('2');
    expect(read(qosDirectory('cpu', 'BestEffort'), 'cpu.shares')).toBe('2');
    await lab.delete('burst-2', 0);
    await until('the weight goes with the pod', () => read(qosDirectory('cpu', 'Burstable'), 'cpu.shares') === '256');
  });

  it('shares what it asked for as a whole among its containers', async (context) => {
    showsFields(context, 'spec.resources.{limits,requests}');
    await lab.create('whole', {
      resources: { requests: { cpu: '200m', memory: '32Mi' }, limits: { cpu: '400m', memory: '64Mi' } },
      containers: [{ name: 'main', command: SLEEP }],
    });
    const pod = await lab.ready('whole');
    expect(pod.status.qosClass).toBe('Burstable');
    expect(limitOf(podDirectory('memory', pod))).toBe(String(64 << 20));
    expect(read(podDirectory('cpu', pod), 'cpu.cfs_quota_us')).toBe('40000');
    expect(limitOf(containerGroup(pod, 'main', 'memory'))).toBe(String(64 << 20));
  });

  it('cannot have more processes than the node lets a pod have', async () => {
    await lab.create('forks', {
      restartPolicy: 'Never',
      containers: [
        { name: 'main', command: sh('for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22; do sleep 100 & done; wait') },
      ],
    });
    const pod = await lab.pod('forks', 'the shell cannot fork', ({ status }) => status.phase === 'Failed');
    expect(lab.engine.docker('logs', pod.status.containerStatuses![0]!.state.terminated!.containerID!.slice('docker://'.length))).toBe('');
  });

  it('is ended by the kernel where it takes more memory than it may, and says so', async () => {
    await lab.create('hungry', {
      restartPolicy: 'Never',
      containers: [
        {
          name: 'main',
          command: sh('a=xxxxxxxx; while true; do a=$a$a; done'),
          resources: { limits: { memory: '16Mi' } },
        },
      ],
    });
    const pod = await lab.pod('hungry', 'it is out of memory', ({ status }) => status.phase === 'Failed');
    expect(pod.status.containerStatuses![0]!.state.terminated).toMatchObject({ reason: 'OOMKilled', exitCode: 137 });
  });

  it('takes its group with it, in every hierarchy', async () => {
    const pod = await lab.create('gone', { containers: [{ name: 'main', command: SLEEP }] });
    const ready = await lab.ready('gone');
    const controllers = ['cpu', 'memory', 'pids', 'devices', 'freezer', 'systemd'];
    expect(controllers.filter((each) => !existsSync(podDirectory(each, ready)))).toEqual([]);
    await lab.delete('gone');
    expect(controllers.filter((each) => existsSync(podDirectory(each, { ...pod, status: ready.status })))).toEqual([]);
  });
});

describe('a pod that the node cannot take', () => {
  const failed = (name: string) => lab.pod(name, `${name} is turned away`, ({ status }) => status.phase === 'Failed');

  it('fails at once with what there is too little of, and leaves the others alone', async () => {
    const main = (resources: object) => [{ name: 'main', command: SLEEP, resources }];
    await lab.create('huge', { containers: main({ requests: { cpu: '1000' } }) });
    const { status } = await failed('huge');
    expect(status.reason).toBe('OutOfcpu');
    expect(status.message).toMatch(
      /^Pod was rejected: Node didn't have enough resource: cpu, requested: 1000000, used: \d+, capacity: \d+$/,
    );
    expect(status.containerStatuses).toBeUndefined();
    await until('its event is there', async () =>
      (await lab.eventsOf('huge')).some((each) => each.startsWith("OutOfcpu: Node didn't have")),
    );
    await lab.create('small', { containers: main({ requests: { cpu: '1m' } }) });
    await lab.ready('small');
  });

  it('fails for a port that another has, or a label that the node has not, and is taken once the port is free', async () => {
    const onPort = [{ name: 'main', command: SLEEP, ports: [{ containerPort: 80, hostPort: 18080 }] }];
    await lab.create('port-1', { containers: onPort });
    await lab.ready('port-1');
    await lab.create('port-2', { containers: onPort });
    await lab.create('elsewhere', { nodeSelector: { disk: 'tape' }, containers: [{ name: 'main', command: SLEEP }] });
    expect((await failed('port-2')).status.reason).toBe('NodePorts');
    expect((await failed('elsewhere')).status.reason).toBe('NodeAffinity');
    await lab.delete('port-1');
    await lab.create('port-3', { containers: onPort });
    await lab.ready('port-3');
  });

  it('is not one that it had taken before the agent came back', async () => {
    const { status: before } = await lab.get('small');
    await lab.stopKubelet();
    lab.configuration['maxPods'] = 1;
    await lab.startKubelet();
    await lab.create('late', { containers: [{ name: 'main', command: SLEEP }] });
    expect((await failed('late')).status.reason).toBe('OutOfpods');
    expect((await lab.get('small')).status.containerStatuses![0]!.containerID).toBe(before.containerStatuses![0]!.containerID);
    delete lab.configuration['maxPods'];
    await lab.stopKubelet();
    await lab.startKubelet();
  });
});

describe('the node', () => {
  it('keeps the reserved parts and the eviction thresholds from pods', async () => {
    const { status } = await lab.api.client.get(nodes, { name: NODE });
    const bytes = (list: typeof status.capacity, name: string) => Number(String(list?.[name]).replace('Ki', '')) * 1024;
    const cpu = (list: typeof status.capacity) =>
      Number(String(list?.['cpu']).replace('m', '')) / (String(list?.['cpu']).endsWith('m') ? 1000 : 1);
    expect(cpu(status.capacity) - cpu(status.allocatable)).toBeCloseTo(0.2);
    expect(bytes(status.capacity, 'memory') - bytes(status.allocatable, 'memory')).toBe(2 ** 30 + 100 * 2 ** 20);
    expect(status.capacity!['hugepages-2Mi']).toBe('0');
    const limit = Number(limitOf(qosDirectory('memory', 'Guaranteed')));
    expect(Math.abs(limit - (bytes(status.capacity, 'memory') - 2 ** 30))).toBeLessThan(8192);
  });

  it('has what somebody says that it has besides, all of it for pods', async () => {
    const status = { capacity: { 'example.com/dongle': '4' } };
    await lab.api.client.patch(nodes, { name: NODE }, 'application/merge-patch+json', { status }, 'status');
    await until(
      'it is allocatable',
      async () => (await lab.api.client.get(nodes, { name: NODE })).status.allocatable?.['example.com/dongle'] === '4',
    );
  });
});
