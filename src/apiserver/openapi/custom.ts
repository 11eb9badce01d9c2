// OpenAPI schemas of custom kinds, from the structural schema that their definition brings.
import type { JsonObject } from '../../apimachinery/json.js';
import type { OpenApiSchema } from './schema.js';

/** The fields that every object has; `metadata` is a reference to ObjectMeta. */
export interface ObjectFields {
  readonly apiVersion: OpenApiSchema;
  readonly kind: OpenApiSchema;
  readonly metadata: OpenApiSchema;
}

/** As upstream names them: the group's labels from the top of the domain down, then version and kind. */
export const customName = (group: string, version: string, kind: string) => [...group.split('.').reverse(), version, kind].join('.');

/** The definition's schema as it is, with the fields of every object spelt out, also those of objects embedded in it. */
export function customSchema(schema: JsonObject, fields: ObjectFields): OpenApiSchema {
  const { properties = {}, ...rest } = embedded(schema, fields) as { properties?: OpenApiSchema };
  return { type: 'object', ...rest, properties: { ...properties, ...fields } };
}

function embedded(schema: JsonObject, fields: ObjectFields): OpenApiSchema {
  const out: { [key: string]: unknown } = { ...schema };
  const within = (value: unknown) => (isSchema(value) ? embedded(value, fields) : value);
  const { properties, items, additionalProperties } = schema;
  if (items !== undefined) out['items'] = within(items);
  if (additionalProperties !== undefined) out['additionalProperties'] = within(additionalProperties);
  if (isSchema(properties)) out['properties'] = Object.fromEntries(Object.entries(properties).map(([name, each]) => [name, within(each)]));
  if (schema['x-kubernetes-embedded-resource'] === true) {
    out['properties'] = { ...(out['properties'] as object | undefined), ...fields };
    out['required'] = [...new Set([...((schema['required'] as string[] | undefined) ?? []), 'apiVersion', 'kind'])].sort();
  }
  return out;
}

const isSchema = (value: unknown): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value);
