// What a pod that fits nowhere is tried again for, where more than a pod or node that comes or goes is at work.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { nodes } from '../../../src/kinds/core/node.js';
import { persistentVolumes } from '../../../src/kinds/core/persistentvolume.js';
import { persistentVolumeClaims } from '../../../src/kinds/core/persistentvolumeclaim.js';
import { pods } from '../../../src/kinds/core/pod.js';
import { csiNodes } from '../../../src/kinds/storage/csinode.js';
import { volumeAttachments } from '../../../src/kinds/storage/volumeattachment.js';
import { settle } from '../client/fakes.js';
import { node, pod } from '../controllers/objects.js';
import { asking, having } from './plugins/lab.js';
import { claiming } from './plugins/storage.js';
import { SchedulerAtWork } from './running.js';

let at: SchedulerAtWork;
beforeEach(() => {
  at = new SchedulerAtWork();
});
afterEach(() => at.stop());

test('a pod that is made smaller gives its room when it has given it back, not when it is asked to', async () => {
  const { api, clock } = at;
  const status = (cpu: string) => ({
    phase: 'Running',
    containerStatuses: [{ name: 'c', allocatedResources: { cpu }, resources: { requests: { cpu } } }],
  });
  await api.create(nodes, having('n1', { cpu: '4' }));
  await api.create(pods, pod('big', { spec: { nodeName: 'n1', ...asking({ cpu: '4' }) }, status: status('4') }));
  await at.start();
  await api.create(pods, pod('p', { spec: asking({ cpu: '2' }) }));
  await settle();
  const big = () => api.objects(pods).find(({ metadata }) => metadata.name === 'big')!;
  await api.update(pods, { ...big(), spec: { ...big().spec, ...asking({ cpu: '1' }) } } as never);
  await clock.advance(10_000);
  expect(at.nodeOf('p')).toBeUndefined();
  await api.update(pods, { ...big(), status: status('1') } as never);
  await clock.advance(10_000);
  expect(at.nodeOf('p')).toBe('n1');
});

test('a volume that is detached makes room for another', async () => {
  const { api, clock } = at;
  const BOUND = { 'pv.kubernetes.io/bind-completed': 'yes' };
  await api.create(nodes, node('n1'));
  await api.create(csiNodes, {
    metadata: { name: 'n1' },
    spec: { drivers: [{ name: 'd', nodeID: 'n1', topologyKeys: [], allocatable: { count: 1 } }] },
  } as never);
  for (const name of ['old', 'new']) {
    await api.create(persistentVolumes, {
      kind: 'PersistentVolume',
      metadata: { name },
      spec: { csi: { driver: 'd', volumeHandle: name } },
    } as never);
  }
  const attachment = {
    kind: 'VolumeAttachment',
    metadata: { name: 'a' },
    spec: { attacher: 'd', nodeName: 'n1', source: { persistentVolumeName: 'old' } },
  };
  await api.create(volumeAttachments, attachment as never);
  const metadata = { name: 'c', namespace: 'default', annotations: BOUND };
  await api.create(persistentVolumeClaims, { kind: 'PersistentVolumeClaim', metadata, spec: { volumeName: 'new' }, status: {} } as never);
  await at.start();
  await api.create(pods, pod('p', { spec: { containers: [{ name: 'c' }], ...claiming('c') } }));
  await clock.advance(10_000);
  expect(at.nodeOf('p')).toBeUndefined();
  await api.delete(volumeAttachments, { name: 'a' });
  await clock.advance(10_000);
  expect(at.nodeOf('p')).toBe('n1');
});
