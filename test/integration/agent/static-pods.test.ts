// Static pods with a real engine: run by a manifest's word alone, shown to the API by mirrors that only the node can make or unmake.
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { nodes } from '../../../src/kinds/core/node.js';
import { pods } from '../../../src/kinds/core/pod.js';
import type { Pod } from '../../../src/kinds/types/core_v1.js';
import { BUSYBOX_IMAGE, until } from './engine-lab.js';
import { KubeletLab, NODE } from './kubelet-lab.js';
import { askKubelet, execIn, status } from './kubelet-requests.js';

const NAME = `web-${NODE}`;

// Real containers take their time on a busy machine.
vi.setConfig({ testTimeout: 180_000 });

let lab: KubeletLab;
let folder: string;

beforeAll(async () => {
  lab = await KubeletLab.start((directory) => {
    folder = join(directory, 'manifests');
    mkdirSync(folder);
    return { staticPodPath: folder };
  });
}, 120_000);

afterAll(async () => {
  await lab?.stop();
}, 60_000);

const manifest = (says: string) => `
# Written by hand.
apiVersion: v1
kind: Pod
metadata:
  name: web
  labels: { app: web }
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - name: main
      image: ${BUSYBOX_IMAGE}
      command: ['/bin/sh', '-c', 'echo ${says}; sleep 1000']
`;

const write = (text: string) => writeFileSync(join(folder, 'web.yaml'), text);
const says = async () => (await askKubelet(lab, `/containerLogs/default/${NAME}/main`)).body;
const hash = ({ metadata }: Pod) => metadata.annotations?.['kubernetes.io/config.hash'];
/** The engine's, which bear the static pod's uid. */
const containersOf = (pod: Pod) => lab.containersOf({ ...pod, metadata: { ...pod.metadata, uid: hash(pod)! } });
const isGone = async () => !(await lab.find(NAME));

it('runs what a manifest says, and shows it', async () => {
  write(manifest('first'));
  const pod = await lab.ready(NAME);
  expect(pod.metadata).toMatchObject({
    labels: { app: 'web' },
    annotations: {
      'kubernetes.io/config.source': 'file',
      'kubernetes.io/config.seen': expect.stringMatching(/^\d{4}-/),
      'kubernetes.io/config.mirror': hash(pod),
    },
    ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: NODE, controller: true }],
  });
  expect(pod.spec.tolerations).toContainEqual({ operator: 'Exists', effect: 'NoExecute' });
  expect(pod.status).toMatchObject({ phase: 'Running', podIP: expect.stringMatching(/^10\.254\.9\./) });
  await until('its log is there', async () => (await says()) === 'first\n');
  expect((await execIn(lab, NAME, 'main', ['hostname'])).out).toBe(`${NAME}\n`);
  // `kubectl describe` looks for its events by the uid that the mirror names.
  await until('its events are there', async () => (await lab.eventsOf(NAME)).includes('Started: Container started'));
});

it('brings a mirror back that was deleted, and leaves the pod alone', async () => {
  const before = await lab.get(NAME);
  await lab.api.client.delete(pods, { namespace: 'default', name: NAME });
  const after = await lab.pod(
    NAME,
    'it is back',
    ({ metadata, status: { observedGeneration } }) => metadata.uid !== before.metadata.uid && observedGeneration === 1,
  );
  expect(status(after, 'main')).toEqual(status(before, 'main'));
  expect(after.status.startTime).toBe(before.status.startTime);
});

it('is left alone by an agent that restarts, and by a comment', async () => {
  const before = await lab.get(NAME);
  await lab.stopKubelet();
  write(`# Another one.\n${manifest('first')}`);
  await lab.startKubelet();
  await until('the agent is back', async () => (await lab.nodeCondition('Ready')) === 'True');
  await lab.create('other', { containers: [{ name: 'main', command: ['sleep', '1000'] }] });
  await lab.ready('other');
  const after = await lab.get(NAME);
  expect(after.metadata.uid).toBe(before.metadata.uid);
  expect(after.status).toEqual(before.status);
});

it('is replaced when its manifest changes, however that is written', async () => {
  const before = await lab.get(NAME);
  write('kind: Pod\nthis is: [no manifest');
  writeFileSync(join(folder, '.web.yaml.new'), manifest('second'));
  renameSync(join(folder, '.web.yaml.new'), join(folder, 'web.yaml'));
  const after = await lab.pod(NAME, 'the new one runs', (pod) => hash(pod) !== hash(before) && status(pod, 'main')?.ready === true);
  await until('its log is there', async () => (await says()) === 'second\n');
  await until('nothing is left of the old one', () => containersOf(before).length === 0);
  expect(containersOf(after)).toHaveLength(2);
});

it('is not ended by a manifest that cannot be read', async () => {
  const before = await lab.get(NAME);
  write('kind: Pod\nthis is: [no manifest');
  writeFileSync(
    join(folder, 'second.json'),
    JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'nothing' }, spec: { containers: [] } }),
  );
  writeFileSync(
    join(folder, 'third.json'),
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'third' },
      spec: { containers: [{ name: 'main', image: BUSYBOX_IMAGE, command: ['sleep', '1000'] }], terminationGracePeriodSeconds: 1 },
    }),
  );
  await lab.ready(`third-${NODE}`);
  expect((await lab.get(NAME)).status).toEqual(before.status);
  await expect(lab.get(`nothing-${NODE}`)).rejects.toThrow('not found');
});

it('ends when its manifest goes, and its mirror with it', async () => {
  const before = await lab.get(NAME);
  rmSync(join(folder, 'web.yaml'));
  await until('the mirror is gone', isGone);
  expect(containersOf(before)).toEqual([]);
  expect(existsSync(join(lab.rootDirectory, 'pods', hash(before)!))).toBe(false);
});

it('a mirror without a manifest is taken away', async () => {
  await lab.api.client.create<Pod>(pods, {
    metadata: { name: 'ghost', namespace: 'default', annotations: { 'kubernetes.io/config.mirror': 'abc' } },
    spec: { nodeName: NODE, containers: [{ name: 'main', image: BUSYBOX_IMAGE }] },
  });
  await until('it is gone', async () => !(await lab.find('ghost')));
});

it('makes others go where it finds no room, and fails where none could make it', async () => {
  const asking = (name: string, cpu: string) => {
    const main = { name: 'main', image: BUSYBOX_IMAGE, command: ['sleep', '1000'], resources: { requests: { cpu } } };
    const spec = { containers: [main], terminationGracePeriodSeconds: 1 };
    writeFileSync(join(folder, `${name}.json`), JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec }));
  };
  const { status: node } = await lab.api.client.get(nodes, { name: NODE });
  // All that there is.
  const requests = { cpu: node.allocatable!['cpu']! };
  await lab.create('filler', { containers: [{ name: 'main', command: ['sleep', '1000'], resources: { requests } }] });
  const filler = await lab.ready('filler');
  asking('needed', '100m');
  await lab.ready(`needed-${NODE}`);
  const { status: after } = await lab.pod('filler', 'it has gone', ({ status }) => status.phase === 'Failed');
  expect(after).toMatchObject({ reason: 'Preempting', message: 'Preempted in order to admit critical pod' });
  expect(after.conditions).toContainEqual(
    expect.objectContaining({ type: 'DisruptionTarget', status: 'True', reason: 'TerminationByKubelet' }),
  );
  expect(lab.containersOf(filler, '--filter', 'status=running')).toEqual([]);
  await lab.event('filler', /^Preempting: Preempted in order to admit critical pod$/);
  asking('huge', '1000');
  const huge = await lab.pod(`huge-${NODE}`, 'it is turned away', ({ status }) => status.phase === 'Failed');
  expect(huge.status).toMatchObject({
    reason: 'UnexpectedAdmissionError',
    message: expect.stringContaining('no set of running pods found'),
  });
});
