// A node that runs short, on a real engine: its conditions, who is evicted and in which words, what is taken back before that, and that it recovers.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { nodeSignals } from '../../../agent/kubelet/eviction/signals.js';
import type { Observation, Signal } from '../../../agent/kubelet/eviction/thresholds.js';
import { nodes } from '../../../src/kinds/core/node.js';
import type { Pod } from '../../../src/kinds/types/core_v1.js';
import { BUSYBOX_IMAGE, PAUSE_IMAGE, until } from './engine-lab.js';
import { KubeletLab, NODE } from './kubelet-lab.js';

const GI = 2 ** 30;
let lab: KubeletLab;

/** Memory and images' disk are the machine's, which others use too: what is said of them here is up to the test. */
const PLENTY = new Map<Signal, Observation>([
  ['memory.available', { available: 4 * GI, capacity: 8 * GI }],
  ['imagefs.available', { available: 80 * GI, capacity: 100 * GI }],
]);
const said = new Map(PLENTY);
let imagefs = () => PLENTY.get('imagefs.available')!;

beforeAll(async () => {
  const signals = (rootDirectory: string) => {
    const read = nodeSignals(rootDirectory, async () => undefined);
    return async () => new Map([...(await read()), ...said, ['imagefs.available', imagefs()] as const]);
  };
  const configuration = { evictionPressureTransitionPeriod: '2s', nodeStatusUpdateFrequency: '200ms' };
  lab = await KubeletLab.start(configuration, { disk: '64m', signals });
}, 120_000);

afterAll(async () => {
  await lab?.stop();
}, 60_000);

beforeEach(async () => {
  for (const [signal, observation] of PLENTY) said.set(signal, observation);
  await until('no pressure', async () => (await conditions()).every((each) => !each.endsWith('Pressure=True')));
});

const sh = (script: string) => ['/bin/sh', '-c', script];
const conditions = async () =>
  (await lab.api.client.get(nodes, { name: NODE })).status.conditions!.map(({ type, status }) => `${type}=${status}`);
const under = (condition: string) => until(condition, async () => (await conditions()).includes(`${condition}=True`));
const evicted = (name: string) =>
  lab.pod(name, `${name} is evicted`, ({ status }) => status.reason === 'Evicted' && status.phase === 'Failed');
const disruption = ({ status }: Pod) => status.conditions?.find(({ type }) => type === 'DisruptionTarget');

describe('a pod that takes more of the disk than it may', () => {
  it.each([
    [
      'its emptyDir',
      'limit-dir',
      'Usage of EmptyDir volume "data" exceeds the limit "1Mi". ',
      'cat /dev/zero | head -c 3000000 > /data/x',
      '1Mi',
      {},
    ],
    [
      'its container',
      'limit-layer',
      /^(Container main exceeded its local|Pod ephemeral local storage usage)/,
      'cat /dev/zero | head -c 3000000 > /tmp/x',
      undefined,
      { 'ephemeral-storage': '1Mi' },
    ],
  ])('by %s is evicted, and its files go', async (_what, name, message, script, sizeLimit, limits) => {
    await lab.create(name, {
      volumes: [{ name: 'data', emptyDir: sizeLimit ? { sizeLimit } : {} }],
      containers: [
        { name: 'main', command: sh(`${script}; sleep 1000`), volumeMounts: [{ name: 'data', mountPath: '/data' }], resources: { limits } },
      ],
    });
    const pod = await evicted(name);
    expect(pod.status.message).toMatch(message);
    expect(disruption(pod)).toBeUndefined();
    expect(lab.containersOf(pod, '--filter', 'status=running')).toEqual([]);
    await lab.delete(name);
  });
});

describe('a node short of memory', () => {
  it('evicts who uses more than it asked for, tells why, turns the like away, and recovers', async () => {
    const main = (resources: object) => [
      { name: 'main', command: sh('x=$(head -c 8000000 /dev/zero | tr "\\\\0" x); sleep 1000'), resources },
    ];
    await lab.create('modest', { containers: main({ requests: { memory: '200Mi' } }) });
    await lab.create('greedy', { containers: main({ requests: { memory: '1Mi' } }) });
    await Promise.all([lab.ready('modest'), lab.ready('greedy')]);
    said.set('memory.available', { available: 50 * 2 ** 20, capacity: 8 * GI });
    await under('MemoryPressure');
    const pod = await evicted('greedy');
    said.set('memory.available', PLENTY.get('memory.available')!);
    expect(pod.status.message).toMatch(
      /^The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. Container main was using \d+\w*, request is 1Mi, has larger consumption of memory. $/,
    );
    expect(disruption(pod)).toMatchObject({ status: 'True', reason: 'TerminationByKubelet', message: pod.status.message });
    await until('its event is there', async () =>
      (await lab.eventsOf('greedy')).some((each) => each.startsWith('Evicted: The node was low')),
    );
    await lab.create('late', { containers: [{ name: 'main', command: sh('sleep 1000') }] });
    const late = await lab.pod('late', 'it is decided', ({ status }) => status.phase !== 'Pending');
    if (late.status.phase === 'Failed') expect(late.status.message).toBe('Pod was rejected: The node had condition: [MemoryPressure]. ');
    expect((await lab.get('modest')).status.phase).toBe('Running');
    await until('the pressure is over', async () => (await conditions()).includes('MemoryPressure=False'));
    await lab.create('afterwards', { containers: [{ name: 'main', command: sh('sleep 1000') }] });
    await lab.ready('afterwards');
  });
});

describe('a node whose disk fills', () => {
  it('says so, evicts who filled it, and has the room back', async () => {
    await lab.create('filler', {
      volumes: [{ name: 'data', emptyDir: {} }],
      containers: [
        { name: 'main', command: sh('cat /dev/zero > /data/x; sleep 1000'), volumeMounts: [{ name: 'data', mountPath: '/data' }] },
      ],
    });
    await under('DiskPressure');
    const pod = await evicted('filler');
    expect(pod.status.message).toMatch(/^The node was low on resource: ephemeral-storage. Threshold quantity: \d+\w*, available: \d+\w*. /);
    await until('the pressure is over', async () => (await conditions()).includes('DiskPressure=False'));
    expect(execFileSync('du', ['-s', '--block-size=1M', lab.rootDirectory], { encoding: 'utf8' })).toMatch(/^[0-4]\t/);
  });

  it('gives up images that nobody uses first, and evicts nobody where that is enough', async () => {
    await lab.create('bystander', { containers: [{ name: 'main', command: sh('sleep 1000') }] });
    await lab.ready('bystander');
    const there = () => lab.engine.docker('images', '--format', '{{.Repository}}:{{.Tag}}').split('\n');
    const tar = join(lab.engine.directory, 'unused.tar');
    execFileSync('tar', ['-C', '/usr/bin', '-cf', tar, 'env']);
    lab.engine.docker('import', tar, 'lab/unused:1');
    lab.engine.docker('tag', 'lab/unused:1', 'lab/unused:2');
    // As a disk would that the image is on.
    const isFull = () => there().some((name) => name.startsWith('lab/unused'));
    imagefs = () => ({ available: isFull() ? 10 * GI : 80 * GI, capacity: 100 * GI });
    await until('the unused image is gone', () => !isFull());
    expect(there()).toEqual(expect.arrayContaining([BUSYBOX_IMAGE, PAUSE_IMAGE]));
    await until('the pressure is over', async () => (await conditions()).includes('DiskPressure=False'));
    expect((await lab.get('bystander')).status.phase).toBe('Running');
  });
});

describe('the node’s status', () => {
  it('lists its images, the largest first', async () => {
    const { images = [] } = (await lab.api.client.get(nodes, { name: NODE })).status;
    expect(images.flatMap(({ names }) => names)).toEqual(expect.arrayContaining([BUSYBOX_IMAGE, PAUSE_IMAGE]));
    const sizes = images.map(({ sizeBytes }) => sizeBytes ?? 0);
    expect(sizes).toEqual([...sizes].sort((a, b) => b - a));
  });
});
