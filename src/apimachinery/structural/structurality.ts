// Whether a schema is structural: every field is specified outside of allOf, anyOf, oneOf and not, so that pruning and defaulting are well defined.
import { isDeepStrictEqual } from 'node:util';
import { type FieldError, forbidden, invalid, required } from '../field.js';
import { compileRegexp, RegexpError } from '../regexp.js';
import { itemsOf, type JsonSchema, propertyOf, valuesOf } from './schema.js';

type Level = 'root' | 'item' | 'field';

const INT_OR_STRING = [{ type: 'integer' }, { type: 'string' }];

/** All that is wrong, in order of the paths. `at` is the schema's path. */
export function checkStructural(schema: JsonSchema, at: string): readonly FieldError[] {
  const errors = [...checkSchema(schema, 'root', at), ...checkComplete(schema, at)];
  const text = (error: FieldError) => `${error.field}: ${error.message}`;
  return errors.sort((a, b) => (text(a) < text(b) ? -1 : 1));
}

function checkSchema(schema: JsonSchema, level: Level, at: string): FieldError[] {
  const items = itemsOf(schema);
  const errors: FieldError[] = [];
  if (schema.type === 'array' && !schema.items) errors.push(required(`${at}.items`, 'must be specified'));
  if (items) errors.push(...checkSchema(items, 'item', `${at}.items`));
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    errors.push(...checkSchema(property, 'field', `${at}.properties[${name}]`));
  }
  if (schema.additionalProperties !== undefined) {
    if (level === 'root') errors.push(forbidden(`${at}.additionalProperties`, 'must not be used at the root'));
    const values = valuesOf(schema);
    if (values) errors.push(...checkSchema(values, 'field', `${at}.additionalProperties`));
  }
  return [
    ...errors,
    ...checkExtensions(schema, at),
    ...checkAlternatives(schema, at, isIntOrString(schema.anyOf), isIntOrString(schema.allOf?.[0]?.anyOf)),
    ...checkTyped(schema, level, at),
    ...checkMeta(schema, level, at),
  ];
}

/** The one place where types may stand inside of anyOf. */
const isIntOrString = (anyOf: readonly JsonSchema[] | undefined) => isDeepStrictEqual(anyOf, INT_OR_STRING);

function checkExtensions(schema: JsonSchema, at: string): FieldError[] {
  if (!schema['x-kubernetes-int-or-string']) return [];
  return (['x-kubernetes-preserve-unknown-fields', 'x-kubernetes-embedded-resource'] as const)
    .filter((extension) => schema[extension])
    .map((extension) => invalid(`${at}.${extension}`, true, 'must be false if x-kubernetes-int-or-string is true'));
}

const MISSING_TYPE: { readonly [L in Level]: string } = {
  root: 'must not be empty at the root',
  item: 'must not be empty for specified array items',
  field: 'must not be empty for specified object fields',
};

function checkTyped(schema: JsonSchema, level: Level, at: string): FieldError[] {
  const { type } = schema;
  const errors: FieldError[] = [];
  const embedded = schema['x-kubernetes-embedded-resource'];
  if (embedded && type !== 'object') {
    const why = 'must be object if x-kubernetes-embedded-resource is true';
    errors.push(type ? invalid(`${at}.type`, type, why) : required(`${at}.type`, why));
  } else if (!type && !schema['x-kubernetes-int-or-string'] && !schema['x-kubernetes-preserve-unknown-fields']) {
    errors.push(required(`${at}.type`, MISSING_TYPE[level]));
  }
  if (embedded && schema.additionalProperties !== undefined) {
    errors.push(forbidden(`${at}.additionalProperties`, 'must not be used if x-kubernetes-embedded-resource is set'));
  }
  if (level === 'root' && type && type !== 'object') errors.push(invalid(`${at}.type`, type, 'must be object at the root'));
  return errors;
}

function checkMeta(schema: JsonSchema, level: Level, at: string): FieldError[] {
  const errors: FieldError[] = [];
  const embedded = schema['x-kubernetes-embedded-resource'];
  const whole = level === 'root' || embedded;
  for (const name of whole ? ['kind', 'apiVersion'] : []) {
    const property = propertyOf(schema, name);
    if (property && property.type !== 'string') {
      errors.push(invalid(`${at}.properties[${name}].type`, property.type ?? '', 'must be string'));
    }
  }
  const metadata = propertyOf(schema, 'metadata');
  const metadataAt = `${at}.properties[metadata]`;
  if (metadata && whole && metadata.type !== 'object') errors.push(invalid(`${metadataAt}.type`, metadata.type ?? '', 'must be object'));
  if (metadata && level === 'root' && !restrictsNamesOnly(metadata)) {
    errors.push(forbidden(metadataAt, 'must not specify anything other than name and generateName, but metadata is implicitly specified'));
  }
  if (embedded && !schema['x-kubernetes-preserve-unknown-fields'] && !Object.keys(schema.properties ?? {}).length) {
    const why = 'must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields';
    errors.push(required(`${at}.properties`, why));
  }
  return errors;
}

function restrictsNamesOnly({ type: _, default: _default, properties = {}, ...rest }: JsonSchema): boolean {
  return Object.keys(rest).length === 0 && Object.keys(properties).every((name) => name === 'name' || name === 'generateName');
}

/** `types`: anyOf is the one that says integer or string; `firstTypes`: that of the first of allOf is. */
function checkAlternatives(schema: JsonSchema, at: string, types: boolean, firstTypes: boolean): FieldError[] {
  const { anyOf = [], allOf = [], oneOf = [], not, pattern } = schema;
  const nested = (schemas: readonly JsonSchema[], name: string) =>
    schemas.flatMap((each, i) => checkNested(each, `${at}.${name}[${i}]`, name === 'allOf' && i === 0 && firstTypes));
  return [
    ...(types ? [] : nested(anyOf, 'anyOf')),
    ...nested(allOf, 'allOf'),
    ...nested(oneOf, 'oneOf'),
    ...(not ? checkNested(not, `${at}.not`) : []),
    ...(pattern ? checkPattern(pattern, at) : []),
  ];
}

function checkPattern(pattern: string, at: string): FieldError[] {
  try {
    compileRegexp(pattern);
    return [];
  } catch (error) {
    if (!(error instanceof RegexpError)) throw error;
    return [invalid(`${at}.pattern`, pattern, `must be a valid regular expression, but isn't: ${error.message}`)];
  }
}

/** What only the structure may say, by what nested schemas are told. */
const NOT_NESTED: { readonly [field in keyof JsonSchema]?: string } = {
  type: 'must be empty to be structural',
  additionalProperties: 'must be undefined to be structural',
  default: 'must be undefined to be structural',
  title: 'must be empty to be structural',
  description: 'must be empty to be structural',
  nullable: 'must be false to be structural',
  'x-kubernetes-preserve-unknown-fields': 'must be false to be structural',
  'x-kubernetes-embedded-resource': 'must be false to be structural',
  'x-kubernetes-int-or-string': 'must be false to be structural',
  'x-kubernetes-list-map-keys': 'must be empty to be structural',
  'x-kubernetes-list-type': 'must be undefined to be structural',
  'x-kubernetes-map-type': 'must be undefined to be structural',
  'x-kubernetes-validations': 'must be empty to be structural',
};

function checkNested(schema: JsonSchema, at: string, types = false): FieldError[] {
  const errors = checkAlternatives(schema, at, types, false);
  const items = itemsOf(schema);
  if (items) errors.push(...checkNested(items, `${at}.items`));
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    errors.push(...checkNested(property, `${at}.properties[${name}]`));
  }
  for (const [field, why] of Object.entries(NOT_NESTED)) {
    if (schema[field as keyof JsonSchema] !== undefined) errors.push(forbidden(`${at}.${field}`, why));
  }
  if (propertyOf(schema, 'metadata')) errors.push(forbidden(`${at}.properties[metadata]`, 'must not be specified in a nested context'));
  return errors;
}

/** Whatever an alternative speaks of is also specified by the structure itself. */
function checkComplete(schema: JsonSchema, at: string): FieldError[] {
  const errors = missingFrom(schema, schema, at, at);
  const items = itemsOf(schema);
  if (items) errors.push(...checkComplete(items, `${at}.items`));
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    errors.push(...checkComplete(property, `${at}.properties[${name}]`));
  }
  const values = valuesOf(schema);
  if (values) errors.push(...checkComplete(values, `${at}.additionalProperties`));
  return errors;
}

/** What the alternatives in `nested` say that `structure` does not. */
function missingFrom(nested: JsonSchema, structure: JsonSchema | undefined, nestedAt: string, at: string): FieldError[] {
  const { anyOf = [], allOf = [], oneOf = [], not } = nested;
  const each = (schemas: readonly JsonSchema[], name: string) =>
    schemas.flatMap((schema, i) => missing(schema, structure, `${nestedAt}.${name}[${i}]`, at));
  return [
    ...each(allOf, 'allOf'),
    ...each(anyOf, 'anyOf'),
    ...each(oneOf, 'oneOf'),
    ...(not ? missing(not, structure, `${nestedAt}.not`, at) : []),
  ];
}

function missing(nested: JsonSchema, structure: JsonSchema | undefined, nestedAt: string, at: string): FieldError[] {
  const errors = missingFrom(nested, structure, nestedAt, at);
  const because = (path: string) => `because it is defined in ${path}`;
  const nestedItems = itemsOf(nested);
  if (nestedItems) {
    const items = structure && itemsOf(structure);
    if (!items) errors.push(required(`${at}.items`, because(`${nestedAt}.items`)));
    else errors.push(...missing(nestedItems, items, `${nestedAt}.items`, `${at}.items`));
  }
  for (const [name, property] of Object.entries(nested.properties ?? {})) {
    const own = structure && propertyOf(structure, name);
    const [path, nestedPath] = [`${at}.properties[${name}]`, `${nestedAt}.properties[${name}]`];
    if (!own) errors.push(required(path, because(nestedPath)));
    else errors.push(...missing(property, own, nestedPath, path));
  }
  return errors;
}
