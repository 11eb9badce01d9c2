// applyTypeOfStructural: a custom resource's structural schema as server-side apply sees it.
import { isJsonObject, type Json } from '../json.js';
import { fieldElement } from './elements.js';
import {
  type ApplyField,
  type ApplyList,
  type ApplyMap,
  type ApplyScalar,
  type ApplyType,
  UNTYPED_ATOMIC,
  UNTYPED_DEDUCED,
} from './type.js';

/** The parts of an OpenAPI v3 schema that apply reads. */
export interface StructuralSchema {
  readonly type?: string;
  readonly format?: string;
  readonly default?: Json;
  readonly properties?: { readonly [name: string]: StructuralSchema };
  readonly additionalProperties?: boolean | StructuralSchema;
  readonly items?: StructuralSchema;
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean;
  readonly 'x-kubernetes-embedded-resource'?: boolean;
  readonly 'x-kubernetes-int-or-string'?: boolean;
  readonly 'x-kubernetes-list-type'?: string;
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
  readonly 'x-kubernetes-map-type'?: string;
}

/**
 * The type of a whole custom resource. `objectMeta` is the type of its metadata, which a CRD does not declare. A CRD version
 * without a schema has UNTYPED_DEDUCED instead.
 */
export function applyTypeOfStructural(schema: StructuralSchema, objectMeta: ApplyType): ApplyType {
  return withTypeMeta(typeOf(schema, false, objectMeta), objectMeta);
}

/** `preserve`: an object around this one preserves its unknown fields, which holds for all below it. */
function typeOf(schema: StructuralSchema, preserve: boolean, objectMeta: ApplyType): ApplyType {
  const preserved = preserve || schema['x-kubernetes-preserve-unknown-fields'] === true;
  const plain = typeOfKind(schema, preserved, objectMeta);
  return schema['x-kubernetes-embedded-resource'] ? withTypeMeta(plain, objectMeta) : plain;
}

function typeOfKind(schema: StructuralSchema, preserve: boolean, objectMeta: ApplyType): ApplyType {
  switch (schema.type) {
    case 'object':
      return { map: mapOf(schema, preserve, objectMeta) };
    case 'array':
      return { list: listOf(schema, preserve, objectMeta) };
    case 'integer':
    case 'number':
      return { scalar: 'numeric' };
    case 'boolean':
      return { scalar: 'boolean' };
    case 'string':
      return { scalar: stringOf(schema.format) };
    default:
      // Any type, or an integer or a string.
      return { scalar: 'untyped', list: listOf(schema, preserve, objectMeta), map: mapOf(schema, preserve, objectMeta) };
  }
}

/** A format says that not every string will do, and a value may have several spellings. */
const stringOf = (format: string | undefined): ApplyScalar => (!format || format === 'byte' ? 'string' : 'untyped');

function mapOf(schema: StructuralSchema, preserve: boolean, objectMeta: ApplyType): ApplyMap {
  const fields = new Map<string, ApplyField>();
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const { default: fallback } = property;
    const type = typeOf(property, preserve, objectMeta);
    fields.set(name, { element: fieldElement(name), type, ...(fallback === undefined ? {} : { default: fallback }) });
  }
  return { atomic: schema['x-kubernetes-map-type'] === 'atomic', fields, other: otherOf(schema, preserve, fields.size, objectMeta) };
}

function otherOf(
  { additionalProperties }: StructuralSchema,
  preserve: boolean,
  declared: number,
  objectMeta: ApplyType,
): ApplyType | undefined {
  if (isJsonObject(additionalProperties)) return typeOf(additionalProperties as StructuralSchema, preserve, objectMeta);
  if (additionalProperties !== undefined) return additionalProperties ? UNTYPED_DEDUCED : undefined;
  return preserve || declared === 0 ? UNTYPED_DEDUCED : undefined;
}

function listOf(schema: StructuralSchema, preserve: boolean, objectMeta: ApplyType): ApplyList {
  const item = schema.items ? typeOf(schema.items, preserve, objectMeta) : UNTYPED_ATOMIC;
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  switch (schema['x-kubernetes-list-type']) {
    case 'map':
      return { type: keys.length > 0 ? 'map' : 'set', keys: [...keys].sort(), item };
    case 'set':
      return { type: 'set', keys: [], item };
    default:
      return { type: 'atomic', keys: [], item };
  }
}

/** Whole objects, embedded ones too, have these whatever their schema says. */
function withTypeMeta(type: ApplyType, objectMeta: ApplyType): ApplyType {
  if (!type.map) return type;
  const fields = new Map(type.map.fields);
  for (const name of ['apiVersion', 'kind']) fields.set(name, { element: fieldElement(name), type: { scalar: 'string' } });
  fields.set('metadata', { element: fieldElement('metadata'), type: objectMeta });
  return { ...type, map: { ...type.map, fields } };
}
