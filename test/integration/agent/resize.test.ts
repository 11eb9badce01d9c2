// In-place resize on a real engine: CPU and memory of running containers change without a restart, or with one where the container says so.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { nodes } from '../../../src/kinds/core/node.js';
import { pods } from '../../../src/kinds/core/pod.js';
import type { Pod } from '../../../src/kinds/types/core_v1.js';
import { showsFields } from '../../suites/pod-spec.js';
import { until } from './engine-lab.js';
import { type KubeletLab, NODE } from './kubelet-lab.js';
import { withLab } from './with-lab.js';

let lab: KubeletLab;

withLab((started) => {
  lab = started;
});

const SLEEP = ['/bin/sh', '-c', 'sleep 1000'];
const amounts = (cpu: string, memory: string) => ({ requests: { cpu, memory }, limits: { cpu, memory } });

const resize = (name: string, resources: object) =>
  lab.api.client.patch(
    pods,
    { namespace: 'default', name },
    'application/strategic-merge-patch+json',
    { spec: { containers: [{ name: 'main', resources }] } },
    'resize',
  );

const main = ({ status }: Pod) => status.containerStatuses![0]!;
const resizeCondition = ({ status }: Pod) => status.conditions?.find(({ type }) => type.startsWith('PodResize'));
const group = (pod: Pod, controller: string, file: string, container = '') => {
  const qos = pod.status.qosClass === 'Burstable' ? 'burstable' : '';
  const path = join('/sys/fs/cgroup', controller, lab.engine.netns, 'kubepods', qos, `pod${pod.metadata.uid}`, container, file);
  return readFileSync(path, 'utf8').trim();
};
const idOf = (pod: Pod) => main(pod).containerID!.slice('docker://'.length);
const isSettled = (generation: number) => (pod: Pod) => pod.status.observedGeneration === generation && !resizeCondition(pod);

it('more and less of both reach the running container and its pod’s group, and the status follows', async () => {
  await lab.create('grows', { containers: [{ name: 'main', command: SLEEP, resources: amounts('100m', '32Mi') }] });
  const before = await lab.ready('grows');
  expect(main(before)).toMatchObject({ allocatedResources: { cpu: '100m', memory: '32Mi' }, resources: amounts('100m', '32Mi') });
  for (const [generation, cpu, memory, quota, bytes] of [
    [2, '200m', '64Mi', 20_000, 64 << 20],
    [3, '50m', '16Mi', 5_000, 16 << 20],
  ] as const) {
    await resize('grows', amounts(cpu, memory));
    const after = await lab.pod('grows', 'it is resized', isSettled(generation));
    expect(main(after)).toMatchObject({
      containerID: main(before).containerID,
      restartCount: 0,
      allocatedResources: { cpu, memory },
      resources: amounts(cpu, memory),
    });
    for (const where of ['', idOf(after)]) {
      expect(group(after, 'cpu', 'cpu.cfs_quota_us', where)).toBe(String(quota));
      expect(group(after, 'memory', 'memory.limit_in_bytes', where)).toBe(String(bytes));
    }
  }
  await until('its events are there', async () => {
    const seen = (await lab.eventsOf('grows')).join('\n');
    return (
      seen.includes('ResizeStarted: Pod resize started: {"containers":[{"name":"main"') &&
      seen.includes('ResizeCompleted: Pod resize completed:')
    );
  });
});

it('a container whose policy it is starts anew for it', async (context) => {
  showsFields(context, 'spec.containers[].resizePolicy[].{resourceName,restartPolicy}');
  const resizePolicy = [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }];
  await lab.create('restarts', { containers: [{ name: 'main', command: SLEEP, resources: amounts('100m', '32Mi'), resizePolicy }] });
  await lab.ready('restarts');
  await resize('restarts', amounts('200m', '32Mi'));
  expect(main(await lab.pod('restarts', 'its CPU is resized', isSettled(2))).restartCount).toBe(0);
  await resize('restarts', amounts('200m', '64Mi'));
  const after = await lab.pod('restarts', 'its memory is resized', (pod) => isSettled(3)(pod) && main(pod).restartCount === 1);
  expect(group(after, 'memory', 'memory.limit_in_bytes', idOf(after))).toBe(String(64 << 20));
  await until('its event is there', async () =>
    (await lab.eventsOf('restarts')).some((each) => each.startsWith('Killing: Container main resize requires restart')),
  );
});

it('what the node has not is refused, what it has not free waits until others give it back, also across the agent’s restart', async () => {
  const { allocatable } = (await lab.api.client.get(nodes, { name: NODE })).status;
  const cpus = Number(allocatable!['cpu']);
  await lab.create('wants', { containers: [{ name: 'main', command: SLEEP, resources: { requests: { cpu: '100m' } } }] });
  await lab.create('holds', { containers: [{ name: 'main', command: SLEEP, resources: { requests: { cpu: `${cpus * 1000 - 600}m` } } }] });
  const before = await lab.ready('wants');
  await lab.ready('holds');
  await resize('wants', { requests: { cpu: '1000' } });
  const refused = await lab.pod('wants', 'it cannot be', (pod) => resizeCondition(pod)?.reason === 'Infeasible');
  expect(resizeCondition(refused)).toMatchObject({
    type: 'PodResizePending',
    status: 'True',
    message: `Node didn't have enough capacity: cpu, requested: 1000000, capacity: ${cpus * 1000}`,
  });
  await resize('wants', { requests: { cpu: '900m' } });
  const deferred = await lab.pod('wants', 'it has to wait', (pod) => resizeCondition(pod)?.reason === 'Deferred');
  expect(resizeCondition(deferred)!.message).toMatch(/^Node didn't have enough resource: cpu, requested: 900, used: \d+, capacity: \d+$/);
  expect(main(deferred).allocatedResources).toEqual({ cpu: '100m' });
  await lab.stopKubelet();
  await lab.startKubelet();
  await lab.delete('holds', 1);
  const after = await lab.pod('wants', 'it is given', isSettled(3));
  expect(main(after)).toMatchObject({ containerID: main(before).containerID, allocatedResources: { cpu: '900m' } });
  expect(group(after, 'cpu', 'cpu.shares', idOf(after))).toBe('921');
});
