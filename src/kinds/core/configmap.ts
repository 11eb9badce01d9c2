// The kind ConfigMap of v1.
import { type FieldError, forbidden, invalid, tooLong } from '../../apimachinery/field.js';
import { isConfigMapKey } from '../../apimachinery/names.js';
import { invalids, MAX_DATA_bytes, sameJson } from '../checks.js';
import { defineKind } from '../define.js';
import type { ConfigMap } from '../types/core_v1.js';

export const configMaps = defineKind<ConfigMap>({
  group: '',
  version: 'v1',
  kind: 'ConfigMap',
  plural: 'configmaps',
  shortNames: ['cm'],
  namespaced: true,
  schema: 'core.v1.ConfigMap',
  columns: [
    {
      name: 'Data',
      type: 'string',
      description: 'How many keys it has',
      cell: ({ data = {}, binaryData = {} }) => String(Object.keys(data).length + Object.keys(binaryData).length),
    },
  ],
  validate: (map, old) => [...(old ? validateUpdate(map, old) : []), ...validateData(map)],
});

function validateData({ data = {}, binaryData = {} }: ConfigMap): FieldError[] {
  const errors: FieldError[] = [];
  let size_bytes = 0;
  for (const [key, value] of Object.entries(data)) {
    errors.push(...invalids(`data[${key}]`, key, isConfigMapKey(key)));
    if (Object.hasOwn(binaryData, key)) errors.push(invalid(`data[${key}]`, key, 'duplicate of key present in binaryData'));
    size_bytes += Buffer.byteLength(value);
  }
  for (const [key, value] of Object.entries(binaryData)) {
    errors.push(...invalids(`binaryData[${key}]`, key, isConfigMapKey(key)));
    size_bytes += Buffer.byteLength(value, 'base64');
  }
  // As upstream names the whole object.
  if (size_bytes > MAX_DATA_bytes) errors.push(tooLong('[]', MAX_DATA_bytes));
  return errors;
}

/** Immutable ones are read once by kubelets, which do not watch them any more. */
function validateUpdate(map: ConfigMap, old: ConfigMap): FieldError[] {
  if (!old.immutable) return [];
  const why = 'field is immutable when `immutable` is set';
  const errors = map.immutable ? [] : [forbidden('immutable', why)];
  for (const field of ['data', 'binaryData'] as const) if (!sameJson(map[field], old[field])) errors.push(forbidden(field, why));
  return errors;
}
