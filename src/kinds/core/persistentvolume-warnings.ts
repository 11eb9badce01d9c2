// What upstream warns of in persistent volumes: what is deprecated, and types of volumes that nothing mounts any more.
import type { PersistentVolume, PersistentVolumeSpec } from '../types/core_v1.js';
import { fractionWarnings, nodeTermWarnings } from './pod-warnings.js';

const ANNOTATIONS: { readonly [name: string]: string } = {
  'volume.beta.kubernetes.io/storage-class': 'deprecated since v1.8; use "storageClassName" attribute instead',
  'volume.beta.kubernetes.io/mount-options': 'deprecated since v1.31; use "mountOptions" attribute instead',
};
const VOLUMES = {
  cephfs: 'deprecated in v1.28, non-functional in v1.31+',
  photonPersistentDisk: 'deprecated in v1.11, non-functional in v1.16+',
  scaleIO: 'deprecated in v1.16, non-functional in v1.22+',
  storageos: 'deprecated in v1.22, non-functional in v1.25+',
  glusterfs: 'deprecated in v1.25, non-functional in v1.26+',
  rbd: 'deprecated in v1.28, non-functional in v1.31+',
} as const satisfies { readonly [type in keyof PersistentVolumeSpec]?: string };

export function persistentVolumeWarnings({ metadata, spec }: PersistentVolume): readonly string[] {
  const terms = spec.nodeAffinity?.required?.nodeSelectorTerms ?? [];
  const recycled = spec.persistentVolumeReclaimPolicy === 'Recycle';
  return [
    ...Object.keys(metadata.annotations ?? {}).flatMap((name) =>
      Object.hasOwn(ANNOTATIONS, name) ? [`metadata.annotations[${name}]: ${ANNOTATIONS[name]}`] : [],
    ),
    ...(recycled
      ? [
          'spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.',
        ]
      : []),
    ...terms.flatMap((term, i) => nodeTermWarnings(`spec.nodeAffinity.required.nodeSelectorTerms[${i}]`, term)),
    ...Object.entries(VOLUMES).flatMap(([type, why]) => (spec[type as keyof typeof VOLUMES] ? [`spec.${type}: ${why}`] : [])),
    ...fractionWarnings('spec.capacity', spec.capacity),
  ];
}
