// The kind VolumeAttributesClass of storage.k8s.io/v1.
import { forbidden, required } from '../../apimachinery/field.js';
import { sameJson } from '../checks.js';
import { column } from '../columns.js';
import { defineKind } from '../define.js';
import type { VolumeAttributesClass } from '../types/storage_v1.js';
import { checkParameters, checkProvisioner } from './checks.js';

const FIXED = ['driverName', 'parameters'] as const;

export const volumeAttributesClasses = defineKind<VolumeAttributesClass>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'VolumeAttributesClass',
  plural: 'volumeattributesclasses',
  shortNames: ['vac'],
  namespaced: false,
  schema: 'storage.v1.VolumeAttributesClass',
  returnDeletedObject: true,
  columns: [column('DriverName', 'string', 'The CSI driver that it is for', ({ driverName }) => driverName)],
  validate: (attributes, old) => {
    const { driverName, parameters = {} } = attributes;
    const changed = FIXED.filter((part) => old && !sameJson(attributes[part], old[part]));
    return [
      ...changed.map((part) => forbidden(part, `updates to ${part} are forbidden.`)),
      ...checkProvisioner('driverName', driverName),
      ...checkParameters('parameters', parameters),
      ...(Object.keys(parameters).length === 0 ? [required('parameters', 'must contain at least one key/value pair')] : []),
    ];
  },
});
