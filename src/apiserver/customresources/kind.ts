// customKind: one version of a custom resource as a kind like any other: names, columns, subresources, validation.

import { loadedCel } from '../../apimachinery/cel/library.js';
import type { MutableJsonObject } from '../../apimachinery/clone.js';
import { type FieldError, invalid } from '../../apimachinery/field.js';
import { isJsonObject, type Json } from '../../apimachinery/json.js';
import { type JsonPath, JsonPathError, parseJsonPath, simplePathSteps } from '../../apimachinery/jsonpath.js';
import type { KubeObject } from '../../apimachinery/object.js';
import { validateListTypes } from '../../apimachinery/structural/list-types.js';
import { checkRules } from '../../apimachinery/structural/rules/check.js';
import { compileRules, hasRules, type RuleNode } from '../../apimachinery/structural/rules/compile.js';
import type { JsonSchema } from '../../apimachinery/structural/schema.js';
import { validateValue } from '../../apimachinery/structural/validate.js';
import { fieldPathSteps } from '../../apimachinery/structural/well-formed.js';
import { ageOf } from '../../apimachinery/table.js';
import { compareVersions } from '../../apimachinery/version-order.js';
import { type AnyKind, CLIENT_META, type Column, defineKind, type ScaleSubresource } from '../../kinds/define.js';
import type {
  CustomResourceColumnDefinition,
  CustomResourceDefinition,
  CustomResourceDefinitionVersion,
  CustomResourceSubresourceScale,
} from '../../kinds/types/apiextensions_v1.js';

export function schemaOf(version: CustomResourceDefinitionVersion): JsonSchema {
  const preserved: JsonSchema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  return (version.schema?.openAPIV3Schema as JsonSchema | undefined) ?? preserved;
}

export function customKind(definition: CustomResourceDefinition, version: CustomResourceDefinitionVersion): AnyKind {
  const { group, scope } = definition.spec;
  const { plural, singular, kind, listKind, shortNames, categories } = definition.status.acceptedNames;
  const { status, scale } = version.subresources ?? {};
  const validate = validator(schemaOf(version));
  return defineKind<KubeObject>({
    group,
    version: version.name,
    kind,
    plural,
    ...(singular && { singular }),
    ...(listKind && { listKind }),
    ...(shortNames && { shortNames }),
    ...(categories && { categories }),
    namespaced: scope === 'Namespaced',
    schema: `${group}.${version.name}.${kind}`,
    ...(version.additionalPrinterColumns?.length && { columns: columnsOf(version.additionalPrinterColumns) }),
    validate,
    validateStatus: validate,
    statusKeeps: CLIENT_META,
    generation: true,
    allowUnconditionalUpdate: false,
    ...(status && {
      prepareForCreate(object) {
        delete (object as { status?: unknown }).status;
      },
    }),
    ...(version.selectableFields && {
      selectableFields: Object.fromEntries(version.selectableFields.map(({ jsonPath }) => [jsonPath.slice(1), fieldReader(jsonPath)])),
    }),
    subresources: { ...(status && { status: true }), ...(scale && { scale: scaleOf(scale) }) },
    ...(version.deprecated && { deprecationWarning: version.deprecationWarning ?? deprecationWarning(definition, version) }),
  });
}

export const hasVersionRules = (version: CustomResourceDefinitionVersion): boolean => hasRules(schemaOf(version));

/** Errors past which rules about the values would only confuse. */
const BLOCKING: ReadonlySet<FieldError['reason']> = new Set([
  'FieldValueTypeInvalid',
  'FieldValueRequired',
  'FieldValueTooLong',
  'FieldValueTooMany',
]);
const NOT_CHECKED =
  'some validation rules were not checked because the object was invalid; correct the existing errors to complete validation';

/** Rules are compiled when the first object is checked. Where there are any, CEL is loaded before the kind is served. */
function validator(schema: JsonSchema): (object: KubeObject, old: KubeObject | undefined) => readonly FieldError[] {
  const withRules = hasRules(schema);
  let root: RuleNode | undefined;
  return (object, old) => {
    const [value, before] = [object as unknown as Json, old as unknown as Json | undefined];
    const errors = [...validateValue(value, schema, before), ...validateListTypes(value, schema)];
    if (!withRules) return errors;
    if (errors.some(({ reason }) => BLOCKING.has(reason))) return [...errors, invalid('<nil>', undefined, NOT_CHECKED)];
    root ??= compileRules(schema, loadedCel(), '').root;
    return root ? [...errors, ...checkRules(root, value, before)] : errors;
  };
}

/** As upstream: by default it says which version to use instead, if there is a better one. */
function deprecationWarning({ spec, status }: CustomResourceDefinition, { name }: CustomResourceDefinitionVersion): string {
  const { group, versions } = spec;
  const { kind } = status.acceptedNames;
  const plain = `${group}/${name} ${kind} is deprecated`;
  const better = versions
    .filter((each) => each.served && !each.deprecated && compareVersions(each.name, name) > 0)
    .sort((a, b) => compareVersions(b.name, a.name))[0];
  return better ? `${plain}; use ${group}/${better.name} ${kind}` : plain;
}

function columnsOf(definitions: readonly CustomResourceColumnDefinition[]): readonly Column<KubeObject>[] {
  const name: Column<KubeObject> = {
    name: 'Name',
    type: 'string',
    format: 'name',
    description: 'Name must be unique within a namespace.',
    cell: ({ metadata }) => metadata.name,
  };
  return [name, ...definitions.map(columnOf)];
}

function columnOf({ name, type, format, description, priority, jsonPath }: CustomResourceColumnDefinition): Column<KubeObject> {
  const path = tolerantPath(jsonPath);
  return {
    name,
    type: type as Column<KubeObject>['type'],
    ...(priority && { priority }),
    ...(format && { format }),
    description: description ?? `Custom resource definition column (in JSONPath format): ${jsonPath}`,
    cell: (object, now_ms) => cellOf(type, path(object as unknown as Json)[0], now_ms),
  };
}

/** As upstream, a path that makes no sense shows nothing. */
function tolerantPath(path: string): JsonPath {
  try {
    return parseJsonPath(path);
  } catch (error) {
    if (!(error instanceof JsonPathError)) throw error;
    return () => [];
  }
}

/** What does not fit the column's type is left out. */
function cellOf(type: string, value: Json | undefined, now_ms: number): string | number | boolean | null {
  if (value === undefined || value === null) return null;
  switch (type) {
    case 'string':
      return typeof value === 'object' ? JSON.stringify(value) : String(value);
    case 'integer':
      return typeof value === 'number' ? Math.trunc(value) : null;
    case 'number':
      return typeof value === 'number' ? value : null;
    case 'boolean':
      return typeof value === 'boolean' ? value : null;
    default:
      return typeof value === 'string' ? ageOf(value, now_ms) : null;
  }
}

function fieldReader(jsonPath: string): (object: KubeObject) => string {
  const steps = fieldPathSteps(jsonPath) ?? [];
  return (object) => {
    const value = valueAt(object as unknown as Json, steps);
    return value === undefined || value === null || typeof value === 'object' ? '' : String(value);
  };
}

function valueAt(value: Json, steps: readonly string[]): Json | undefined {
  let at: Json | undefined = value;
  for (const step of steps) at = isJsonObject(at) && Object.hasOwn(at, step) ? at[step] : undefined;
  return at;
}

function scaleOf({
  specReplicasPath,
  statusReplicasPath,
  labelSelectorPath,
}: CustomResourceSubresourceScale): ScaleSubresource<KubeObject> {
  const [spec, status] = [simplePathSteps(specReplicasPath), simplePathSteps(statusReplicasPath)];
  const selector = labelSelectorPath ? simplePathSteps(labelSelectorPath) : undefined;
  const number = (value: Json | undefined) => (typeof value === 'number' ? value : 0);
  return {
    get(object) {
      const value = object as unknown as Json;
      const labels = selector && valueAt(value, selector);
      return {
        specReplicas: number(valueAt(value, spec)),
        statusReplicas: number(valueAt(value, status)),
        selector: typeof labels === 'string' ? labels : '',
      };
    },
    set(object, replicas) {
      setAt(object as unknown as MutableJsonObject, spec, replicas);
    },
  };
}

function setAt(object: MutableJsonObject, steps: readonly string[], value: number): void {
  let at = object;
  for (const step of steps.slice(0, -1)) {
    if (!isJsonObject(at[step])) at[step] = {};
    at = at[step] as MutableJsonObject;
  }
  at[steps.at(-1)!] = value;
}
