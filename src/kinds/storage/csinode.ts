// The kind CSINode of storage.k8s.io/v1.
import { duplicate, type FieldError, invalid, required } from '../../apimachinery/field.js';
import { isQualifiedName } from '../../apimachinery/names.js';
import { checkImmutable, checkNonNegative, invalids } from '../checks.js';
import { column } from '../columns.js';
import { defineKind } from '../define.js';
import type { CSINode, CSINodeDriver } from '../types/storage_v1.js';
import { checkDriverName } from './checks.js';

/** What drivers call a node. */
const MAX_NODE_ID = 256;

export const csiNodes = defineKind<CSINode>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'CSINode',
  plural: 'csinodes',
  namespaced: false,
  schema: 'storage.v1.CSINode',
  returnDeletedObject: true,
  columns: [column('Drivers', 'integer', 'How many CSI drivers the node has', ({ spec }) => spec.drivers.length)],
  validate: ({ spec }, old) => [
    ...validateDrivers('spec.drivers', spec.drivers),
    ...(old?.spec.drivers ?? []).flatMap(({ allocatable: _before, ...kept }) =>
      spec.drivers
        .filter(({ name }) => name === kept.name)
        .flatMap(({ allocatable: _now, ...driver }) => checkImmutable('spec.drivers', driver, kept)),
    ),
  ],
});

function validateDrivers(at: string, drivers: readonly CSINodeDriver[]): FieldError[] {
  return drivers.flatMap(({ name, nodeID, topologyKeys = [], allocatable }, i) => [
    ...checkDriverName(`${at}[${i}].name`, name),
    ...(nodeID ? [] : [required(`${at}[${i}].nodeID`)]),
    ...(nodeID.length > MAX_NODE_ID ? [invalid(`${at}[${i}].nodeID`, nodeID, `must be ${MAX_NODE_ID} characters or less`)] : []),
    ...checkNonNegative(`${at}[${i}].allocatable.count`, allocatable?.count),
    ...(drivers.findIndex((driver) => driver.name === name) < i ? [duplicate(`${at}[${i}].name`, name)] : []),
    ...topologyKeys.flatMap((key, k) => [
      ...(key === '' ? [required(`${at}[${i}]`)] : []),
      ...(topologyKeys.indexOf(key) < k ? [duplicate(`${at}[${i}]`, key)] : []),
      ...invalids(`${at}[${i}]`, key, isQualifiedName(key)),
    ]),
  ]);
}
