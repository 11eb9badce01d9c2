// What a custom resource's schema may say at all, apart from being structural: keywords, list and map types, defaults.
import { isDeepStrictEqual } from 'node:util';
import { cloneJson } from '../clone.js';
import { type FieldError, forbidden, invalid, notSupported, required } from '../field.js';
import type { Json } from '../json.js';
import { pruneValue } from './prune.js';
import { itemsOf, type JsonSchema, META_FIELDS, propertyOf, type ValidationRule, valuesOf } from './schema.js';
import { validateValue } from './validate.js';

const TYPES = ['array', 'boolean', 'integer', 'number', 'object', 'string'];
const REASONS = ['FieldValueDuplicate', 'FieldValueForbidden', 'FieldValueInvalid', 'FieldValueRequired'];
const UNSUPPORTED = ['id', 'additionalItems', 'patternProperties', 'definitions', 'dependencies', '$ref'] as const;

interface Context {
  readonly root?: boolean;
  /** Inside of apiVersion, kind or metadata. */
  readonly meta?: boolean;
  /** Why there may be no defaults here. */
  readonly noDefaults?: string;
}

/** All that is wrong with a whole object's schema; `at` is the schema's path. */
export function checkWellFormed(schema: JsonSchema, at: string): readonly FieldError[] {
  return check(schema, at, { root: true });
}

function check(schema: JsonSchema, at: string, context: Context): FieldError[] {
  const whole = context.root || schema['x-kubernetes-embedded-resource'];
  const below: FieldError[] = [];
  const values = valuesOf(schema);
  if (values) {
    const noDefaults = context.meta ? { noDefaults: 'inside additionalProperties applying to object metadata' } : {};
    below.push(...check(values, `${at}.additionalProperties`, { ...inner(context), ...noDefaults }));
  }
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const meta = whole && META_FIELDS.has(name) ? { meta: true } : {};
    const noDefaults = context.root && META_FIELDS.has(name) ? { noDefaults: `in top-level ${name}` } : {};
    below.push(...check(property, `${at}.properties[${name}]`, { ...inner(context), ...meta, ...noDefaults }));
  }
  const { not, allOf = [], oneOf = [], anyOf = [] } = schema;
  if (not) below.push(...check(not, `${at}.not`, inner(context)));
  for (const [name, schemas] of Object.entries({ allOf, oneOf, anyOf })) {
    for (const [i, each] of schemas.entries()) below.push(...check(each, `${at}.${name}[${i}]`, inner(context)));
  }
  const items = itemsOf(schema);
  if (items) below.push(...check(items, `${at}.items`, inner(context)));
  return [
    ...checkKeywords(schema, at, context),
    ...checkDefault(schema, at, context),
    ...below,
    ...checkMapType(schema, at),
    ...checkListType(schema, at),
    ...checkRules(schema, at),
  ];
}

const inner = ({ root: _, ...context }: Context): Context => context;

function checkKeywords(schema: JsonSchema, at: string, { meta, noDefaults }: Context): FieldError[] {
  const errors: FieldError[] = [];
  const { type, properties = {} } = schema;
  if (type && type !== 'null' && !TYPES.includes(type)) errors.push(notSupported(`${at}.type`, type, TYPES));
  if (type === 'null') errors.push(forbidden(`${at}.type`, 'type cannot be set to null, use nullable as an alternative'));
  if (schema.default !== undefined && noDefaults) errors.push(forbidden(`${at}.default`, `must not be set ${noDefaults}`));
  for (const keyword of UNSUPPORTED) {
    if (schema[keyword] !== undefined) errors.push(forbidden(`${at}.${keyword}`, `${keyword} is not supported`));
  }
  if (Array.isArray(schema.items)) errors.push(forbidden(`${at}.items`, 'items must be a schema object and not an array'));
  if (meta && schema['x-kubernetes-embedded-resource']) {
    errors.push(forbidden(`${at}.x-kubernetes-embedded-resource`, 'must not be used inside of resource meta'));
  }
  if (schema.uniqueItems) {
    const why = 'uniqueItems cannot be set to true since the runtime complexity becomes quadratic';
    errors.push(forbidden(`${at}.uniqueItems`, why));
  }
  if (schema.additionalProperties !== undefined && schema.additionalProperties !== true && Object.keys(properties).length > 0) {
    errors.push(forbidden(`${at}.additionalProperties`, 'additionalProperties and properties are mutual exclusive'));
  }
  if (schema['x-kubernetes-preserve-unknown-fields'] === false) {
    errors.push(invalid(`${at}.x-kubernetes-preserve-unknown-fields`, false, 'must be true or undefined'));
  }
  return errors;
}

/** What a default fills in is an object like any other. Those inside of metadata are for the object's own rules. */
function checkDefault(schema: JsonSchema, at: string, { meta, noDefaults }: Context): FieldError[] {
  if (schema.default === undefined || meta || noDefaults) return [];
  const pruned = cloneJson(schema.default);
  pruneValue(pruned, schema);
  const unknown = isDeepStrictEqual(pruned, schema.default)
    ? []
    : [invalid(`${at}.default`, schema.default, 'must not have unknown fields')];
  return [...unknown, ...validateValue(schema.default, schema, undefined, `${at}.default`)];
}

function mustBe(at: string, schema: JsonSchema, type: string, why: string): FieldError[] {
  if (schema.type === type) return [];
  return [schema.type ? invalid(`${at}.type`, schema.type, why) : required(`${at}.type`, why)];
}

function checkMapType(schema: JsonSchema, at: string): FieldError[] {
  const mapType = schema['x-kubernetes-map-type'];
  if (mapType === undefined) return [];
  return [
    ...mustBe(at, schema, 'object', 'must be object if x-kubernetes-map-type is specified'),
    ...(['atomic', 'granular'].includes(mapType) ? [] : [notSupported(`${at}.x-kubernetes-map-type`, mapType, ['atomic', 'granular'])]),
  ];
}

function checkListType(schema: JsonSchema, at: string): FieldError[] {
  const listType = schema['x-kubernetes-list-type'];
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  const errors: FieldError[] = [];
  const items = itemsOf(schema);
  if (listType !== undefined) {
    const wrongType = mustBe(at, schema, 'array', 'must be array if x-kubernetes-list-type is specified');
    errors.push(...wrongType);
    if (wrongType.length === 0 && listType === 'set' && items) errors.push(...checkSetItems(items, `${at}.items`));
    const types = ['atomic', 'set', 'map'];
    if (!types.includes(listType)) errors.push(notSupported(`${at}.x-kubernetes-list-type`, listType, types));
  }
  if (keys.length > 0 && listType !== 'map') {
    const why = 'must be map if x-kubernetes-list-map-keys is non-empty';
    errors.push(
      listType === undefined ? required(`${at}.x-kubernetes-list-type`, why) : invalid(`${at}.x-kubernetes-list-type`, listType, why),
    );
  }
  if (listType === 'map') errors.push(...checkMapItems(schema, items, keys, at));
  if ((listType === 'map' || listType === 'set') && items?.nullable) {
    errors.push(forbidden(`${at}.items.nullable`, `cannot be nullable when x-kubernetes-list-type is ${listType}`));
  }
  return errors;
}

function checkSetItems(items: JsonSchema, at: string): FieldError[] {
  const why = 'must be atomic as item of a list with x-kubernetes-list-type=set';
  const listType = items['x-kubernetes-list-type'];
  if (items.type === 'array' && listType !== undefined && listType !== 'atomic') {
    return [invalid(`${at}.x-kubernetes-list-type`, listType, why)];
  }
  if (items.type === 'object' && items['x-kubernetes-map-type'] !== 'atomic') {
    return [invalid(`${at}.x-kubernetes-map-type`, items['x-kubernetes-map-type'] ?? null, why)];
  }
  return [];
}

function checkMapItems(schema: JsonSchema, items: JsonSchema | undefined, keys: readonly string[], at: string): FieldError[] {
  const errors: FieldError[] = [];
  const keysAt = `${at}.x-kubernetes-list-map-keys`;
  if (keys.length === 0) errors.push(required(keysAt, 'must not be empty if x-kubernetes-list-type is map'));
  if (!schema.items) errors.push(required(`${at}.items`, 'must have a schema if x-kubernetes-list-type is map'));
  if (!items) return errors;
  if (items.type !== 'object') {
    errors.push(invalid(`${at}.items.type`, items.type ?? '', "must be object if parent array's x-kubernetes-list-type is map"));
    return errors;
  }
  for (const [index, key] of keys.entries()) {
    const property = propertyOf(items, key);
    const propertyAt = `${at}.items.properties[${key}]`;
    if (!property) errors.push(invalid(keysAt, keys as Json, 'entries must all be names of item properties'));
    if (keys.indexOf(key) < index) errors.push(invalid(keysAt, keys as Json, 'must not contain duplicate entries'));
    if (!property) continue;
    if (property.type === 'array' || property.type === 'object') {
      errors.push(invalid(`${propertyAt}.type`, property.type, "must be a scalar type if parent array's x-kubernetes-list-type is map"));
    }
    if (!items.required?.includes(key) && property.default === undefined) {
      const why = 'this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property';
      errors.push(required(`${propertyAt}.default`, why));
    }
    if (property.nullable) {
      errors.push(forbidden(`${propertyAt}.nullable`, 'this property is in x-kubernetes-list-map-keys, so it cannot be nullable'));
    }
  }
  return errors;
}

/** Of the rules only what is around their expressions. */
function checkRules(schema: JsonSchema, at: string): FieldError[] {
  return (schema['x-kubernetes-validations'] ?? []).flatMap((rule, i) => checkRule(rule, schema, `${at}.x-kubernetes-validations[${i}]`));
}

const hasLineBreak = (text: string) => /[\n\r]/.test(text);

function checkRule(rule: ValidationRule, schema: JsonSchema, at: string): FieldError[] {
  const errors: FieldError[] = [];
  const { message = '', messageExpression = '', fieldPath = '', reason } = rule;
  if (!rule.rule.trim()) errors.push(required(`${at}.rule`, 'rule is not specified'));
  else if (message && !message.trim()) errors.push(invalid(`${at}.message`, message, 'must be non-empty if specified'));
  else if (hasLineBreak(message.trim())) errors.push(invalid(`${at}.message`, message, 'must not contain line breaks'));
  else if (hasLineBreak(rule.rule.trim()) && !message.trim()) {
    errors.push(required(`${at}.message`, 'message must be specified if rule contains line breaks'));
  }
  if (messageExpression && !messageExpression.trim()) {
    errors.push(required(`${at}.messageExpression`, 'messageExpression must be non-empty if specified'));
  }
  if (reason !== undefined && !REASONS.includes(reason)) errors.push(notSupported(`${at}.reason`, reason, REASONS));
  if (!fieldPath) return errors;
  if (!fieldPath.trim()) errors.push(invalid(`${at}.fieldPath`, fieldPath, 'must be non-empty if specified'));
  if (hasLineBreak(fieldPath)) errors.push(invalid(`${at}.fieldPath`, fieldPath, 'must not contain line breaks'));
  if (!schemaAt(schema, fieldPath)) errors.push(invalid(`${at}.fieldPath`, fieldPath, 'must be a valid path'));
  return errors;
}

/** The schema of the field at a path such as `.spec.ports` or `['a.b'].c`; undefined for a path that leads nowhere. */
export function schemaAt(schema: JsonSchema, path: string): JsonSchema | undefined {
  const steps = fieldPathSteps(path);
  let at: JsonSchema | undefined = schema;
  for (const step of steps ?? []) at = at && (propertyOf(at, step) ?? valuesOf(at));
  return steps ? at : undefined;
}

/** The names that such a path goes through; undefined if it is none. */
export function fieldPathSteps(path: string): readonly string[] | undefined {
  const steps: string[] = [];
  let rest = path;
  while (rest !== '') {
    const found = /^(?:\.([A-Za-z_][A-Za-z0-9_]*)|\['((?:[^'\\]|\\.)*)'\])/.exec(rest);
    if (!found) return undefined;
    steps.push(found[1] ?? found[2]!.replaceAll(/\\(.)/g, '$1'));
    rest = rest.slice(found[0].length);
  }
  return steps.length > 0 ? steps : undefined;
}
