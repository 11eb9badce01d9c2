// JsonSchema: the OpenAPI v3 schema of a custom resource as its definition has it, and how one walks through it.
import { isJsonObject, type Json } from '../json.js';

/** apiextensions/v1 ValidationRule. */
export interface ValidationRule {
  readonly rule: string;
  readonly message?: string;
  readonly messageExpression?: string;
  readonly reason?: string;
  readonly fieldPath?: string;
  readonly optionalOldSelf?: boolean;
}

/** apiextensions/v1 JSONSchemaProps. */
export interface JsonSchema {
  readonly id?: string;
  readonly $schema?: string;
  readonly $ref?: string;
  readonly description?: string;
  readonly title?: string;
  readonly type?: string;
  readonly format?: string;
  readonly nullable?: boolean;
  readonly default?: Json;
  readonly example?: Json;
  readonly externalDocs?: Json;
  readonly enum?: readonly Json[];
  readonly maximum?: number;
  readonly exclusiveMaximum?: boolean;
  readonly minimum?: number;
  readonly exclusiveMinimum?: boolean;
  readonly multipleOf?: number;
  readonly maxLength?: number;
  readonly minLength?: number;
  readonly pattern?: string;
  readonly maxItems?: number;
  readonly minItems?: number;
  readonly uniqueItems?: boolean;
  readonly maxProperties?: number;
  readonly minProperties?: number;
  readonly required?: readonly string[];
  /** A list of schemas can be written, but is refused. */
  readonly items?: JsonSchema | readonly JsonSchema[];
  readonly properties?: { readonly [name: string]: JsonSchema };
  readonly additionalProperties?: boolean | JsonSchema;
  readonly patternProperties?: { readonly [pattern: string]: JsonSchema };
  readonly additionalItems?: boolean | JsonSchema;
  readonly definitions?: { readonly [name: string]: JsonSchema };
  readonly dependencies?: { readonly [name: string]: JsonSchema | readonly string[] };
  readonly allOf?: readonly JsonSchema[];
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly not?: JsonSchema;
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean;
  readonly 'x-kubernetes-embedded-resource'?: boolean;
  readonly 'x-kubernetes-int-or-string'?: boolean;
  readonly 'x-kubernetes-list-type'?: string;
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
  readonly 'x-kubernetes-map-type'?: string;
  readonly 'x-kubernetes-validations'?: readonly ValidationRule[];
}

/** What every whole object has, whatever its schema says. */
export const META_FIELDS: ReadonlySet<string> = new Set(['apiVersion', 'kind', 'metadata']);

/** The one schema of a list's items. */
export function itemsOf({ items }: JsonSchema): JsonSchema | undefined {
  return Array.isArray(items) ? undefined : (items as JsonSchema | undefined);
}

/** The schema of one property, own properties only: a body may name any. */
export function propertyOf({ properties }: JsonSchema, name: string): JsonSchema | undefined {
  return properties && Object.hasOwn(properties, name) ? properties[name] : undefined;
}

/** The schema of the values of a map. */
export function valuesOf({ additionalProperties }: JsonSchema): JsonSchema | undefined {
  return isJsonObject(additionalProperties) ? (additionalProperties as JsonSchema) : undefined;
}

/** Whether `wanted` holds of the schema or of one anywhere below it. */
export function someSchema(schema: JsonSchema | undefined, wanted: (schema: JsonSchema) => boolean): boolean {
  if (!schema) return false;
  if (wanted(schema)) return true;
  const { items, properties = {}, allOf = [], anyOf = [], oneOf = [], not } = schema;
  const below = [
    ...(Array.isArray(items) ? (items as readonly JsonSchema[]) : [items as JsonSchema | undefined]),
    ...Object.values(properties),
    valuesOf(schema),
    ...allOf,
    ...anyOf,
    ...oneOf,
    not,
  ];
  return below.some((each) => someSchema(each, wanted));
}
