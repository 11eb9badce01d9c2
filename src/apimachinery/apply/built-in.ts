// applyTypeOf: built-in types as server-side apply sees them, from the facts of their Go types.
import type { Json } from '../json.js';
import { isWholeObject } from '../normalize.js';
import { isScalar, scalars } from '../scalars.js';
import type { Field, ObjectSchema, Scalar } from '../schema.js';
import { fieldElement } from './elements.js';
import {
  type ApplyField,
  type ApplyList,
  type ApplyScalar,
  type ApplyType,
  NO_FIELDS,
  UNTYPED_ATOMIC,
  UNTYPED_DEDUCED,
  withAtomicMap,
} from './type.js';

const types = new WeakMap<ObjectSchema, ApplyType>();

/** The type of an object; apiVersion and kind are declared in whole objects, as their fields say. */
export function applyTypeOf(schema: ObjectSchema): ApplyType {
  if (schema.custom) return schema.custom.apply;
  const known = types.get(schema);
  if (known) return known;
  const fields = new Map<string, ApplyField>();
  // Known before its fields are, since types may be recursive.
  const type: ApplyType = { map: { atomic: false, fields, other: undefined } };
  types.set(schema, type);
  if (isWholeObject(schema)) for (const name of ['apiVersion', 'kind']) fields.set(name, declared(name, { scalar: 'string' }));
  for (const field of schema.fields.values()) fields.set(field.name, declared(field.name, fieldType(field), defaultOf(field)));
  return type;
}

function declared(name: string, type: ApplyType, fallback?: Json): ApplyField {
  const element = fieldElement(name);
  return fallback === undefined ? { element, type } : { element, type, default: fallback };
}

function fieldType(field: Field): ApplyType {
  const { of, itemOf } = field;
  const value = valueType(field);
  // Lists in lists and maps have no facts of their own: they are owned as a whole.
  const item = itemOf === 'list' ? listOf(value) : itemOf === 'map' ? mapOf(value, false) : value;
  if (of === 'list') return { list: { ...relationOf(field), item } };
  return of === 'map' ? mapOf(item, field.mapType === 'atomic') : item;
}

function valueType({ object, type, structType, name }: Field): ApplyType {
  if (object?.bare) return UNTYPED_DEDUCED;
  if (object) return structType ? withAtomicMap(applyTypeOf(object), structType === 'atomic') : applyTypeOf(object);
  if (!isScalar(type)) throw new Error(`schema: field ${name} has unknown type ${type}`);
  return SCALARS[type];
}

const listOf = (item: ApplyType): ApplyType => ({ list: { type: 'atomic', keys: [], item } });
const mapOf = (other: ApplyType, atomic: boolean): ApplyType => ({ map: { atomic, fields: NO_FIELDS, other } });

/** A list that says nothing of itself is what strategic merge takes it for, and else owned as a whole. */
function relationOf({ listType, keys, patch, key }: Field): Pick<ApplyList, 'type' | 'keys'> {
  if (listType === 'map' && keys && keys.length > 0) return { type: 'map', keys: [...keys].sort() };
  if (listType === 'set' || listType === 'map') return { type: 'set', keys: [] };
  if (listType === undefined && patch?.split(',').includes('merge')) return key ? { type: 'map', keys: [key] } : { type: 'set', keys: [] };
  return { type: 'atomic', keys: [] };
}

/** A declared default, or the zero value of a field that Go always has. */
function defaultOf({ default: fallback, pointer, omit, of, object, type }: Field): Json | undefined {
  if (fallback !== undefined) return fallback;
  if (pointer || omit || of || object || !isScalar(type)) return undefined;
  return scalars[type].zero;
}

const scalar = (of: ApplyScalar): ApplyType => ({ scalar: of });

const SCALARS: { readonly [S in Scalar]: ApplyType } = {
  string: scalar('string'),
  bool: scalar('boolean'),
  int32: scalar('numeric'),
  int64: scalar('numeric'),
  double: scalar('numeric'),
  byte: scalar('numeric'),
  bytes: scalar('string'),
  Quantity: scalar('untyped'),
  IntOrString: scalar('untyped'),
  Time: scalar('untyped'),
  MicroTime: scalar('untyped'),
  Duration: scalar('string'),
  Raw: UNTYPED_ATOMIC,
  JSON: UNTYPED_DEDUCED,
  FieldsV1: mapOf(UNTYPED_DEDUCED, false),
};
