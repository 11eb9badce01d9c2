// The kind PersistentVolume of v1.
import { type FieldError, required } from '../../apimachinery/field.js';
import { checkNonNegativeQuantity, checkOneOf } from '../checks.js';
import { UNSET } from '../columns.js';
import { defineKind } from '../define.js';
import type { PersistentVolume } from '../types/core_v1.js';
import { ACCESS_MODES, formatAccessModes } from './access-modes.js';

const RECLAIM_POLICIES = ['Delete', 'Recycle', 'Retain'];

export const persistentVolumes = defineKind<PersistentVolume>({
  group: '',
  version: 'v1',
  kind: 'PersistentVolume',
  plural: 'persistentvolumes',
  shortNames: ['pv'],
  namespaced: false,
  schema: 'core.v1.PersistentVolume',
  generation: false,
  columns: [
    { name: 'Capacity', type: 'string', description: 'Its size', cell: ({ spec }) => String(spec.capacity?.['storage'] ?? 0) },
    {
      name: 'Access Modes',
      type: 'string',
      description: 'Who may mount it, and how',
      cell: ({ spec }) => formatAccessModes(spec.accessModes),
    },
    {
      name: 'Reclaim Policy',
      type: 'string',
      description: 'What becomes of it when its claim goes',
      cell: ({ spec }) => spec.persistentVolumeReclaimPolicy ?? '',
    },
    {
      name: 'Status',
      type: 'string',
      description: 'Whether it is free, bound or released',
      cell: ({ metadata, status }) => (metadata.deletionTimestamp ? 'Terminating' : (status.phase ?? '')),
    },
    {
      name: 'Claim',
      type: 'string',
      description: 'The claim it is bound to',
      cell: ({ spec: { claimRef } }) => (claimRef ? `${claimRef.namespace ?? ''}/${claimRef.name ?? ''}` : ''),
    },
    { name: 'StorageClass', type: 'string', description: 'Its class', cell: ({ spec }) => spec.storageClassName ?? '' },
    {
      name: 'VolumeAttributesClass',
      type: 'string',
      description: 'Its class of attributes',
      cell: ({ spec }) => spec.volumeAttributesClassName || UNSET,
    },
    { name: 'Reason', type: 'string', description: 'Why it is in that state', cell: ({ status }) => status.reason ?? '' },
    {
      name: 'VolumeMode',
      type: 'string',
      priority: 1,
      description: 'A filesystem or a block device',
      cell: ({ spec }) => spec.volumeMode ?? UNSET,
    },
  ],
  defaults({ spec, status }) {
    spec.persistentVolumeReclaimPolicy ||= 'Retain';
    spec.volumeMode ??= 'Filesystem';
    if (spec.hostPath) spec.hostPath.type ??= '';
    status.phase ||= 'Pending';
  },
  validate: ({ spec }) => validatePersistentVolumeSpec('spec', spec),
  prepareForCreate(volume) {
    volume.status = { phase: 'Pending' };
  },
  subresources: { status: true },
});

/** Also where a VolumeAttachment has one of its own. */
export function validatePersistentVolumeSpec(at: string, spec: PersistentVolume['spec']): FieldError[] {
  const { accessModes = [], capacity, persistentVolumeReclaimPolicy } = spec;
  const errors: FieldError[] = [];
  if (accessModes.length === 0) errors.push(required(`${at}.accessModes`));
  for (const mode of accessModes) errors.push(...checkOneOf(`${at}.accessModes`, mode, ACCESS_MODES));
  const size = capacity?.['storage'];
  if (size === undefined) errors.push(required(`${at}.capacity`));
  else errors.push(...checkNonNegativeQuantity(`${at}.capacity[storage]`, size));
  return [...errors, ...checkOneOf(`${at}.persistentVolumeReclaimPolicy`, persistentVolumeReclaimPolicy, RECLAIM_POLICIES)];
}
