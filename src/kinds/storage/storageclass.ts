// The kind StorageClass of storage.k8s.io/v1.
import { duplicate, type FieldError, forbidden, notSupported, required } from '../../apimachinery/field.js';
import { isQualifiedName } from '../../apimachinery/names.js';
import { checkImmutable, checkOneOf, invalids, sameJson } from '../checks.js';
import { ageColumn, column, nameColumn } from '../columns.js';
import { type Column, defineKind } from '../define.js';
import type { TopologySelectorTerm } from '../types/core_v1.js';
import type { StorageClass } from '../types/storage_v1.js';
import { checkParameters, checkProvisioner } from './checks.js';

const RECLAIM_POLICIES = ['Delete', 'Retain'];
const BINDING_MODES = ['Immediate', 'WaitForFirstConsumer'];
const FIXED = ['parameters', 'provisioner', 'reclaimPolicy'] as const;
const DEFAULT_ANNOTATIONS = ['storageclass.kubernetes.io/is-default-class', 'storageclass.beta.kubernetes.io/is-default-class'];

export const isDefaultClass = ({ metadata }: StorageClass): boolean =>
  DEFAULT_ANNOTATIONS.some((annotation) => metadata.annotations?.[annotation] === 'true');

const columns: readonly Column<StorageClass>[] = [
  { ...nameColumn, cell: (object) => `${object.metadata.name}${isDefaultClass(object) ? ' (default)' : ''}` },
  column('Provisioner', 'string', 'What makes its volumes', ({ provisioner }) => provisioner),
  column('ReclaimPolicy', 'string', 'What becomes of a volume whose claim is gone', ({ reclaimPolicy }) => reclaimPolicy ?? 'Delete'),
  column('VolumeBindingMode', 'string', 'When claims get their volumes', ({ volumeBindingMode }) => volumeBindingMode ?? 'Immediate'),
  column('AllowVolumeExpansion', 'string', 'Whether its volumes can grow', ({ allowVolumeExpansion }) => allowVolumeExpansion ?? false),
  ageColumn,
];

export const storageClasses = defineKind<StorageClass>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'StorageClass',
  plural: 'storageclasses',
  shortNames: ['sc'],
  namespaced: false,
  schema: 'storage.v1.StorageClass',
  returnDeletedObject: true,
  columns,
  defaults(storageClass) {
    storageClass.reclaimPolicy ??= 'Delete';
    storageClass.volumeBindingMode ??= 'Immediate';
  },
  validate: (storageClass, old) => (old ? validateUpdate(storageClass, old) : validateCreate(storageClass)),
});

function validateCreate({ provisioner, parameters, reclaimPolicy, volumeBindingMode, allowedTopologies }: StorageClass): FieldError[] {
  return [
    ...checkProvisioner('provisioner', provisioner),
    ...checkParameters('parameters', parameters ?? {}),
    ...(reclaimPolicy && !RECLAIM_POLICIES.includes(reclaimPolicy) ? [notSupported('reclaimPolicy', reclaimPolicy, RECLAIM_POLICIES)] : []),
    ...checkOneOf('volumeBindingMode', volumeBindingMode, BINDING_MODES),
    ...validateTopologies('allowedTopologies', allowedTopologies ?? []),
  ];
}

function validateUpdate(storageClass: StorageClass, old: StorageClass): FieldError[] {
  return [
    ...FIXED.filter((part) => !sameJson(storageClass[part], old[part])).map((part) => forbidden(part, `updates to ${part} are forbidden.`)),
    ...checkImmutable('volumeBindingMode', storageClass.volumeBindingMode, old.volumeBindingMode),
  ];
}

function validateTopologies(at: string, terms: readonly TopologySelectorTerm[]): FieldError[] {
  return terms.flatMap(({ matchLabelExpressions = [] }, i) => {
    const field = `${at}[${i}].matchLabelExpressions`;
    const errors = matchLabelExpressions.flatMap(({ key, values }, j) => [
      ...(values.length === 0 ? [required(`${field}[${j}].values`)] : []),
      ...values.flatMap((value, k) => (values.indexOf(value) < k ? [duplicate(`${field}[${j}].values[${k}]`, value)] : [])),
      ...invalids(`${field}[${j}].key`, key, isQualifiedName(key)),
      ...(matchLabelExpressions.findIndex((other) => other.key === key) < j ? [duplicate(`${field}[${j}].key`, key)] : []),
    ]);
    const same = terms.findIndex((term) => sameJson(term.matchLabelExpressions, matchLabelExpressions)) < i;
    return same ? [...errors, duplicate(field, '')] : errors;
  });
}
