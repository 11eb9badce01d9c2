// OpenAPI v2, made from what v3 documents say, for clients that know nothing newer: all group versions in one document, without
// what v2 has no words for.
import type { GroupVersionApi } from './group-version.js';
import type { PathItem } from './paths.js';
import type { OpenApiSchema } from './schema.js';

export interface V2Api {
  readonly paths: { readonly [path: string]: PathItem };
  readonly definitions: { readonly [name: string]: OpenApiSchema };
}

const METHODS: readonly string[] = ['get', 'put', 'post', 'delete', 'patch'];

export function v2Of({ paths, schemas }: GroupVersionApi): V2Api {
  return { paths: mapValues(paths, v2PathItem), definitions: mapValues(schemas, v2Schema) };
}

const mapValues = <T, R>(values: { readonly [key: string]: T }, map: (value: T) => R): { readonly [key: string]: R } =>
  Object.fromEntries(Object.entries(values).map(([key, value]) => [key, map(value)]));

/** Said in v2 by leaving it out: what a value may be besides, and what stands in its place. */
const DROPPED: ReadonlySet<string> = new Set(['default', 'oneOf', 'anyOf', 'not', 'allOf', 'nullable']);
/** What a value of any kind may not be told to have. */
const SHAPE: readonly string[] = ['type', 'items', 'properties', 'additionalProperties'];

export function v2Schema(schema: OpenApiSchema): OpenApiSchema {
  const { $ref, allOf } = schema;
  const rest = Object.fromEntries(Object.entries(schema).filter(([key]) => !DROPPED.has(key)));
  const referred = ($ref ?? ((allOf as OpenApiSchema[] | undefined) ?? []).find((each) => '$ref' in each)?.['$ref']) as string | undefined;
  if (referred) return { ...rest, $ref: referred.replace('#/components/schemas/', '#/definitions/') };
  // Whatever may be of several types is of none for v2, but the two that upstream has a word for.
  if (isAnyThing(schema)) for (const key of SHAPE) delete rest[key];
  if ('oneOf' in schema && rest['type'] === undefined && !schema['x-kubernetes-int-or-string']) rest['type'] = 'string';
  const { items, properties, additionalProperties } = rest;
  return {
    ...rest,
    ...(isSchema(items) ? { items: v2Schema(items) } : {}),
    ...(isSchema(additionalProperties) ? { additionalProperties: v2Schema(additionalProperties) } : {}),
    ...(isSchema(properties) ? { properties: mapValues(properties as { [name: string]: OpenApiSchema }, v2Schema) } : {}),
  };
}

const isAnyThing = (schema: OpenApiSchema) =>
  schema['nullable'] === true || schema['x-kubernetes-preserve-unknown-fields'] === true || schema['x-kubernetes-int-or-string'] === true;
const isSchema = (value: unknown): value is OpenApiSchema => typeof value === 'object' && value !== null && !Array.isArray(value);

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly schema: OpenApiSchema;
}

interface Operation {
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Content; readonly required?: boolean };
  readonly responses: { readonly [code: string]: { readonly description: string; readonly content?: Content } };
  readonly [key: string]: unknown;
}

interface Content {
  readonly [mediaType: string]: { readonly schema: OpenApiSchema };
}

function v2PathItem(item: PathItem): PathItem {
  const out: { [key: string]: unknown } = { parameters: ((item['parameters'] as Parameter[] | undefined) ?? []).map(v2Parameter) };
  for (const method of METHODS) if (method in item) out[method] = v2Operation(item[method] as Operation);
  return out;
}

const v2Parameter = ({ schema, ...rest }: Parameter) => ({ ...rest, ...schema });

function v2Operation({ parameters = [], requestBody, responses, ...rest }: Operation): object {
  const codes = Object.entries(responses).map(([code, { description, content }]) => {
    const schema = content && Object.values(content)[0]?.schema;
    return [code, { description, ...(schema ? { schema: v2Schema(schema) } : {}) }];
  });
  const body = requestBody && bodyParameter(requestBody);
  return {
    ...rest,
    ...(requestBody ? { consumes: Object.keys(requestBody.content) } : {}),
    produces: Object.keys(Object.values(responses)[0]?.content ?? {}),
    parameters: [...(body ? [body] : []), ...parameters.map(v2Parameter)],
    responses: Object.fromEntries(codes),
  };
}

function bodyParameter({ content, required }: NonNullable<Operation['requestBody']>): object {
  const schema = Object.values(content)[0]!.schema;
  return { name: 'body', in: 'body', ...(required ? { required } : {}), schema: v2Schema(schema) };
}
