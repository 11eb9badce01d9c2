// NodeVolumeLimits: a node takes no more volumes of a CSI driver than the driver says (its CSINode) that it can.
import { persistentVolumes } from '../../kinds/core/persistentvolume.js';
import { persistentVolumeClaims } from '../../kinds/core/persistentvolumeclaim.js';
import { claimNamesOf } from '../../kinds/core/pod-claims.js';
import { storageClassOf } from '../../kinds/core/volume-binding.js';
import { csiNodes } from '../../kinds/storage/csinode.js';
import { storageClasses } from '../../kinds/storage/storageclass.js';
import type { PersistentVolume, Pod } from '../../kinds/types/core_v1.js';
import { definePlugin, type Storage } from '../define.js';

/** A volume, by what tells it from others -> its driver. */
type Volumes = ReadonlyMap<string, string>;

const REFUSAL = { reasons: ['node(s) exceed max volume count'] };

export const nodeVolumeLimits = definePlugin<Volumes>({
  name: 'NodeVolumeLimits',
  make: () => ({
    events: [{ event: 'NodeAdd' }, { event: 'AssignedPodDelete' }, { event: 'StorageChange' }, { event: 'VolumeAttachmentDelete' }],
    preFilter(pod, { storage }) {
      const state = volumesOf(pod, storage);
      return state.size === 0 ? { skip: true } : { state };
    },
    filter(_, { name, pods }, wanted, { storage }) {
      const limits = limitsOf(name, storage);
      if (limits.size === 0) return undefined;
      // What is attached may be no pod's any more, or that of one that is not there yet.
      const there = new Map([...pods.flatMap((pod) => [...volumesOf(pod, storage)]), ...attachedTo(name, storage)]);
      const counts = countByDriver(there);
      for (const [driver, count] of countByDriver(new Map([...wanted].filter(([volume]) => !there.has(volume))))) {
        const limit = limits.get(driver);
        if (limit !== undefined && (counts.get(driver) ?? 0) + count > limit) return REFUSAL;
      }
      return undefined;
    },
  }),
});

function limitsOf(node: string, storage: Storage): ReadonlyMap<string, number> {
  const drivers = storage.get(csiNodes, { name: node })?.spec.drivers ?? [];
  return new Map(drivers.flatMap(({ name, allocatable }) => (allocatable?.count === undefined ? [] : [[name, allocatable.count]])));
}

function attachedTo(node: string, storage: Storage): Volumes {
  const named = storage.attachedTo(node).flatMap(({ spec }) => spec.source.persistentVolumeName ?? []);
  return new Map(named.flatMap((name) => csiVolume(storage.get(persistentVolumes, { name })) ?? []));
}

function countByDriver(volumes: Volumes): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const driver of volumes.values()) counts.set(driver, (counts.get(driver) ?? 0) + 1);
  return counts;
}

function volumesOf(pod: Pod, storage: Storage): Volumes {
  if (!pod.spec.volumes) return new Map();
  const { namespace } = pod.metadata;
  return new Map(claimNamesOf(pod).flatMap((name) => volumeOf(namespace, name, storage) ?? []));
}

function volumeOf(namespace: string | undefined, name: string, storage: Storage): [readonly [string, string]] | undefined {
  const claim = storage.get(persistentVolumeClaims, { namespace, name });
  if (!claim) return undefined;
  const volume = claim.spec.volumeName ? storage.get(persistentVolumes, { name: claim.spec.volumeName }) : undefined;
  if (volume) return csiVolume(volume);
  // Not bound yet: it will be a new volume of its class's driver.
  const driver = storage.get(storageClasses, { name: storageClassOf(claim) })?.provisioner;
  return driver === undefined ? undefined : [[`${driver}-${namespace}/${name}`, driver]];
}

/** Undefined: it is no CSI driver's. */
function csiVolume(volume: PersistentVolume | undefined): [readonly [string, string]] | undefined {
  const csi = volume?.spec.csi;
  return csi && [[`${csi.driver}/${csi.volumeHandle}`, csi.driver]];
}
