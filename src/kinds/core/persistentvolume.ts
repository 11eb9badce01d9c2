// The kind PersistentVolume of v1.

import { type FieldError, forbidden, invalid, notSupported, required } from '../../apimachinery/field.js';
import { isDns1123Subdomain } from '../../apimachinery/names.js';
import { checkImmutable, checkOneOf, invalids, readQuantity, sameJson } from '../checks.js';
import { UNSET } from '../columns.js';
import { defineKind } from '../define.js';
import type { PersistentVolume, PersistentVolumeSource, PersistentVolumeSpec } from '../types/core_v1.js';
import { ACCESS_MODES, formatAccessModes } from './access-modes.js';
import { persistentVolumeWarnings } from './persistentvolume-warnings.js';
import { checkSingle, sourcesOf, validateSource } from './volume-sources.js';

/** The fields of a volume's spec that are no source of it. */
const NOT_SOURCES = [
  'capacity',
  'accessModes',
  'claimRef',
  'persistentVolumeReclaimPolicy',
  'storageClassName',
  'mountOptions',
  'volumeMode',
  'nodeAffinity',
  'volumeAttributesClassName',
] as const satisfies readonly (keyof PersistentVolumeSpec)[];
const VOLUME_MODES = ['Block', 'Filesystem'];
const RECLAIM_POLICIES = ['Delete', 'Recycle', 'Retain'];

export const persistentVolumes = defineKind<PersistentVolume>({
  group: '',
  version: 'v1',
  kind: 'PersistentVolume',
  plural: 'persistentvolumes',
  shortNames: ['pv'],
  namespaced: false,
  schema: 'core.v1.PersistentVolume',
  warnings: persistentVolumeWarnings,
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
  validate: ({ spec }, old) => [...validatePersistentVolumeSpec('spec', spec), ...(old ? validateUpdate(spec, old.spec) : [])],
  prepareForCreate(volume) {
    volume.status = { phase: 'Pending' };
  },
  returnDeletedObject: true,
  subresources: { status: true },
});

/** Also where a VolumeAttachment has one of its own. */
export function validatePersistentVolumeSpec(at: string, spec: PersistentVolumeSpec): FieldError[] {
  const { accessModes = [], capacity = {}, persistentVolumeReclaimPolicy: policy, storageClassName, volumeMode, nodeAffinity } = spec;
  const errors: FieldError[] = [];
  if (accessModes.length === 0) errors.push(required(`${at}.accessModes`));
  for (const mode of accessModes) errors.push(...checkOneOf(`${at}.accessModes`, mode, ACCESS_MODES));
  if (accessModes.includes('ReadWriteOncePod') && accessModes.length > 1) {
    errors.push(forbidden(`${at}.accessModes`, 'may not use ReadWriteOncePod with other access modes'));
  }
  const resources = Object.keys(capacity);
  if (resources.length === 0) errors.push(required(`${at}.capacity`));
  else if (resources.length > 1 || capacity['storage'] === undefined) errors.push(notSupported(`${at}.capacity`, capacity, ['storage']));
  for (const [resource, quantity] of Object.entries(capacity)) {
    const { value, errors: unreadable } = readQuantity(`${at}.capacity[${resource}]`, quantity);
    errors.push(...unreadable);
    if (value <= 0) errors.push(invalid(`${at}.capacity[${resource}]`, String(quantity), 'must be greater than zero'));
  }
  errors.push(...checkOneOf(`${at}.persistentVolumeReclaimPolicy`, policy, RECLAIM_POLICIES));
  const types = sourcesOf(spec, NOT_SOURCES);
  if (types[0] === undefined) errors.push(required(at, 'must specify a volume type'));
  else errors.push(...checkSingle(at, types), ...validateSource(at, types[0], spec));
  if (spec.local && !nodeAffinity?.required) errors.push(required(`${at}.nodeAffinity`, 'Local volume requires node affinity'));
  if (spec.hostPath?.path === '/' && policy === 'Recycle') {
    errors.push(forbidden(`${at}.persistentVolumeReclaimPolicy`, "may not be 'recycle' for a hostPath mount of '/'"));
  }
  if (storageClassName) errors.push(...invalids(`${at}.storageClassName`, storageClassName, isDns1123Subdomain(storageClassName)));
  return [...errors, ...checkOneOf(`${at}.volumeMode`, volumeMode, VOLUME_MODES, true)];
}

/** Of a spec, what the volume is. */
export const persistentVolumeSource = (spec: PersistentVolumeSpec): PersistentVolumeSource =>
  Object.fromEntries(
    sourcesOf(spec, NOT_SOURCES).map((type) => [type, spec[type as keyof PersistentVolumeSpec]]),
  ) as PersistentVolumeSource;

/** Data would be lost, or found in another place. */
function validateUpdate(spec: PersistentVolumeSpec, old: PersistentVolumeSpec): FieldError[] {
  return [
    ...(sameJson(persistentVolumeSource(spec), persistentVolumeSource(old))
      ? []
      : [forbidden('spec.persistentvolumesource', 'spec.persistentvolumesource is immutable after creation')]),
    ...checkImmutable('spec.volumeMode', spec.volumeMode, old.volumeMode),
    ...(old.nodeAffinity ? checkImmutable('spec.nodeAffinity', spec.nodeAffinity, old.nodeAffinity) : []),
  ];
}
