// A volume that was made for a claim goes the way of the claim, however far their binding had come.
import { expect, test } from 'vitest';
import { persistentVolumes } from '../../../src/kinds/core/persistentvolume.js';
import { persistentVolumeClaims } from '../../../src/kinds/core/persistentvolumeclaim.js';
import { one, useControlPlane } from './control-plane.js';

const plane = useControlPlane();
const data = { namespace: 'default', name: 'data' };

test('a volume whose claim goes before it was told of the volume is released', async () => {
  await plane.api.create(persistentVolumeClaims, {
    metadata: data,
    spec: { volumeMode: 'Filesystem' },
    status: { phase: 'Pending' },
  } as never);
  const { uid } = one(plane.api.objects(persistentVolumeClaims)).metadata;
  // Reserved for the claim, and not bound to it: nothing makes a file system of it.
  const spec = { volumeMode: 'Block', persistentVolumeReclaimPolicy: 'Retain', claimRef: { ...data, uid } };
  await plane.api.create(persistentVolumes, { metadata: { name: 'disk' }, spec, status: { phase: 'Pending' } } as never);
  await plane.quiet();
  expect(one(plane.api.objects(persistentVolumes)).status.phase).toBe('Pending');
  await plane.api.delete(persistentVolumeClaims, data);
  await plane.quiet();
  expect(one(plane.api.objects(persistentVolumes)).status.phase).toBe('Released');
});
