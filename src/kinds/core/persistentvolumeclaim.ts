// The kind PersistentVolumeClaim of v1.

import { type FieldError, forbidden, invalid, required } from '../../apimachinery/field.js';
import { validateLabelSelector } from '../../apimachinery/labels.js';
import { isDns1123Subdomain } from '../../apimachinery/names.js';
import { checkOneOf, invalids, readQuantity, sameJson } from '../checks.js';
import { UNSET } from '../columns.js';
import { defineKind } from '../define.js';
import type { PersistentVolumeClaim, PersistentVolumeClaimSpec } from '../types/core_v1.js';
import { ACCESS_MODES, formatAccessModes } from './access-modes.js';
import { claimWarnings } from './pod-warnings.js';

const VOLUME_MODES = ['Block', 'Filesystem'];

const ANNOTATION_CLASS = 'volume.beta.kubernetes.io/storage-class';

export const persistentVolumeClaims = defineKind<PersistentVolumeClaim>({
  group: '',
  version: 'v1',
  kind: 'PersistentVolumeClaim',
  plural: 'persistentvolumeclaims',
  shortNames: ['pvc'],
  namespaced: true,
  schema: 'core.v1.PersistentVolumeClaim',
  warnings: ({ metadata, spec }) => [
    ...(metadata.annotations?.[ANNOTATION_CLASS] === undefined
      ? []
      : [`metadata.annotations[${ANNOTATION_CLASS}]: deprecated since v1.8; use "storageClassName" attribute instead`]),
    ...claimWarnings('spec', spec),
  ],
  generation: false,
  columns: [
    {
      name: 'Status',
      type: 'string',
      description: 'Whether it is bound',
      cell: ({ metadata, status }) => (metadata.deletionTimestamp ? 'Terminating' : (status.phase ?? '')),
    },
    { name: 'Volume', type: 'string', description: 'The volume it is bound to', cell: ({ spec }) => spec.volumeName ?? '' },
    {
      name: 'Capacity',
      type: 'string',
      description: 'The size of that volume',
      cell: ({ spec, status }) => (spec.volumeName ? String(status.capacity?.['storage'] ?? 0) : ''),
    },
    {
      name: 'Access Modes',
      type: 'string',
      description: 'Who may mount it, and how',
      cell: ({ spec, status }) => (spec.volumeName ? formatAccessModes(status.accessModes) : ''),
    },
    { name: 'StorageClass', type: 'string', description: 'The class it asks for', cell: ({ spec }) => spec.storageClassName ?? '' },
    {
      name: 'VolumeAttributesClass',
      type: 'string',
      description: 'Its class of attributes',
      cell: ({ spec }) => spec.volumeAttributesClassName || UNSET,
    },
    {
      name: 'VolumeMode',
      type: 'string',
      priority: 1,
      description: 'A filesystem or a block device',
      cell: ({ spec }) => spec.volumeMode ?? UNSET,
    },
  ],
  defaults({ spec, status }) {
    spec.volumeMode ??= 'Filesystem';
    status.phase ||= 'Pending';
  },
  validate: (claim, old) => [...validateClaimSpec('spec', claim.spec), ...(old ? validateUpdate(claim.spec, old) : [])],
  prepareForCreate(claim) {
    claim.status = { phase: 'Pending' };
  },
  returnDeletedObject: true,
  subresources: { status: true },
});

/** Also of a claim that a pod brings for itself. */
export function validateClaimSpec(at: string, spec: PersistentVolumeClaimSpec): FieldError[] {
  const { accessModes = [], selector, resources, volumeMode, storageClassName, dataSource } = spec;
  const errors: FieldError[] = [];
  if (accessModes.length === 0) errors.push(required(`${at}.accessModes`, 'at least 1 access mode is required'));
  for (const mode of accessModes) errors.push(...checkOneOf(`${at}.accessModes`, mode, ACCESS_MODES));
  if (accessModes.includes('ReadWriteOncePod') && accessModes.length > 1) {
    errors.push(forbidden(`${at}.accessModes`, 'may not use ReadWriteOncePod with other access modes'));
  }
  errors.push(...validateLabelSelector(selector, `${at}.selector`));
  const size = resources?.requests?.['storage'];
  if (size === undefined) errors.push(required(`${at}.resources[storage]`));
  else {
    const { value, errors: unreadable } = readQuantity(`${at}.resources[storage]`, size);
    errors.push(...unreadable);
    if (value <= 0) errors.push(invalid(`${at}.resources[storage]`, String(size), 'must be greater than zero'));
  }
  if (storageClassName) errors.push(...invalids(`${at}.storageClassName`, storageClassName, isDns1123Subdomain(storageClassName)));
  errors.push(...checkOneOf(`${at}.volumeMode`, volumeMode, VOLUME_MODES, true));
  if (dataSource) {
    for (const part of ['name', 'kind'] as const) if (!dataSource[part]) errors.push(required(`${at}.dataSource.${part}`));
    const { apiGroup, kind } = dataSource;
    if (!apiGroup && kind && kind !== 'PersistentVolumeClaim')
      errors.push(invalid(`${at}.dataSource`, kind, "must be 'PersistentVolumeClaim' when referencing the default apiGroup"));
  }
  return errors;
}

/** What a claim asks for is fixed when it is made; a bound one may grow, and one that waits may be given its volume. */
function validateUpdate(spec: PersistentVolumeClaimSpec, { spec: old, status }: PersistentVolumeClaim): FieldError[] {
  const { resources: _resources, volumeAttributesClassName: _class, volumeName, ...rest } = spec;
  const { resources: _oldResources, volumeAttributesClassName: _oldClass, volumeName: oldName, ...oldRest } = old;
  const nameKept = volumeName === oldName || !oldName;
  // One without a class may be given the default, once there is one.
  const { storageClassName } = rest;
  const withClass = storageClassName !== undefined && oldRest.storageClassName === undefined ? { ...oldRest, storageClassName } : oldRest;
  const sizeKept = sameJson(spec.resources, old.resources) || status.phase === 'Bound';
  if (nameKept && sizeKept && sameJson(rest, withClass)) return [];
  const why = 'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims';
  return [forbidden('spec', why)];
}
