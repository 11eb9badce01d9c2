// Claims in use by a pod, and volumes bound to a claim, outlive their deletion for as long as that lasts.
import { expect, test } from 'vitest';
import { pvcProtection } from '../../../src/controllers/pvcprotection.js';
import { persistentVolumes } from '../../../src/kinds/core/persistentvolume.js';
import { persistentVolumeClaims } from '../../../src/kinds/core/persistentvolumeclaim.js';
import { pods } from '../../../src/kinds/core/pod.js';
import { FINALIZER_PV, FINALIZER_PVC } from '../../../src/kinds/core/volume-protection.js';
import { volumeAttributesClasses } from '../../../src/kinds/storage/volumeattributesclass.js';
import { one, useControlPlane } from './control-plane.js';
import { at, listerOf, pod } from './objects.js';

const plane = useControlPlane();
const going = { deletionTimestamp: at(0), deletionGracePeriodSeconds: 0 };
const finalizersOf = (objects: readonly { metadata: { finalizers?: readonly string[] } }[]) => one(objects).metadata.finalizers ?? [];

test('a claim waits for the pod that uses it, not for one without a node', async () => {
  const volumes = [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }];
  await plane.api.create(pods, pod('user', { spec: { nodeName: 'n', volumes } }) as never);
  await plane.api.create(pods, pod('waiting', { spec: { volumes } }) as never);
  const metadata = { name: 'data', namespace: 'default', finalizers: [FINALIZER_PVC], ...going };
  await plane.api.create(persistentVolumeClaims, { metadata, spec: {}, status: {} } as never);
  await plane.quiet();
  expect(finalizersOf(plane.api.objects(persistentVolumeClaims))).toEqual([FINALIZER_PVC]);
  await plane.api.delete(pods, { namespace: 'default', name: 'user' }, { gracePeriodSeconds: 0 });
  await plane.quiet();
  expect(plane.api.objects(persistentVolumeClaims).flatMap(({ metadata: { finalizers = [] } }) => finalizers)).toEqual([]);
});

test('a claim waits for a pod that a cache does not have yet', async () => {
  const volumes = [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }];
  await plane.api.create(pods, pod('user', { spec: { nodeName: 'n', volumes } }) as never);
  const metadata = { name: 'data', namespace: 'default', finalizers: [FINALIZER_PVC], ...going };
  const claim = await plane.api.create(persistentVolumeClaims, { metadata, spec: {}, status: {} } as never);
  const late = { ...listerOf([[persistentVolumeClaims, [claim]]]), client: plane.api };
  await pvcProtection.reconcile('default/data', late as never);
  expect(finalizersOf(plane.api.objects(persistentVolumeClaims))).toEqual([FINALIZER_PVC]);
});

test('a volume waits for its claim, and one that is not being deleted is left alone', async () => {
  const bound = { name: 'data', namespace: 'default', annotations: { 'pv.kubernetes.io/bind-completed': 'yes' } };
  await plane.api.create(persistentVolumeClaims, { metadata: bound, spec: { volumeName: 'disk' }, status: { phase: 'Bound' } } as never);
  const { uid } = one(plane.api.objects(persistentVolumeClaims)).metadata;
  const metadata = { name: 'disk', finalizers: [FINALIZER_PV], ...going };
  const claimRef = { namespace: 'default', name: 'data', uid };
  await plane.api.create(persistentVolumes, { metadata, spec: { claimRef }, status: { phase: 'Bound' } } as never);
  await plane.quiet();
  expect(one(plane.api.objects(persistentVolumes)).metadata.finalizers).toEqual([FINALIZER_PV]);
  await plane.api.delete(persistentVolumeClaims, bound);
  await plane.quiet();
  expect(plane.api.objects(persistentVolumes).flatMap(({ metadata: { finalizers = [] } }) => finalizers)).toEqual([]);
});

test('a class of volume attributes is protected, and waits for the volumes and claims that are of it', async () => {
  await plane.api.create(volumeAttributesClasses, { metadata: { name: 'fast' }, driverName: 'csi.example.com' } as never);
  await plane.quiet();
  expect(finalizersOf(plane.api.objects(volumeAttributesClasses))).toEqual(['kubernetes.io/vac-protection']);
  const spec = { volumeAttributesClassName: 'fast' };
  await plane.api.create(persistentVolumes, { metadata: { name: 'disk' }, spec, status: { phase: 'Available' } } as never);
  await plane.api.create(persistentVolumeClaims, { metadata: { name: 'data', namespace: 'default' }, spec, status: {} } as never);
  await plane.api.delete(volumeAttributesClasses, { name: 'fast' });
  await plane.quiet();
  expect(plane.api.objects(volumeAttributesClasses)).toHaveLength(1);
  await plane.api.delete(persistentVolumes, { name: 'disk' });
  await plane.quiet();
  expect(plane.api.objects(volumeAttributesClasses)).toHaveLength(1);
  await plane.api.delete(persistentVolumeClaims, { namespace: 'default', name: 'data' });
  await plane.quiet();
  expect(plane.api.objects(volumeAttributesClasses)).toEqual([]);
});
