// Validation of one version of a CustomResourceDefinition: its schema, subresources, columns and selectable fields.

import { loadedCel } from '../../apimachinery/cel/library.js';
import { duplicate, type FieldError, forbidden, invalid, required, tooMany } from '../../apimachinery/field.js';
import { isSimplePath } from '../../apimachinery/jsonpath.js';
import { compileRules, hasRules } from '../../apimachinery/structural/rules/compile.js';
import { checkDefaults } from '../../apimachinery/structural/rules/defaults.js';
import type { JsonSchema } from '../../apimachinery/structural/schema.js';
import { checkStructural } from '../../apimachinery/structural/structurality.js';
import { checkWellFormed, fieldPathSteps, schemaAt } from '../../apimachinery/structural/well-formed.js';
import type {
  CustomResourceColumnDefinition,
  CustomResourceDefinitionVersion,
  CustomResourceSubresources,
  SelectableField,
} from '../types/apiextensions_v1.js';

const COLUMN_TYPES = ['boolean', 'date', 'integer', 'number', 'string'];
const COLUMN_FORMATS = ['byte', 'date', 'date-time', 'double', 'float', 'int32', 'int64', 'password'];
const MAX_WARNING_LENGTH = 256;
/** Each costs a look at every object of every list and watch that asks for it. */
const MAX_SELECTABLE_FIELDS = 8;
/** What the schema of a whole object may say where its status is written apart. */
const AT_ROOT: ReadonlySet<string> = new Set([
  'description',
  'type',
  'format',
  'title',
  'maximum',
  'exclusiveMaximum',
  'minimum',
  'exclusiveMinimum',
  'maxLength',
  'minLength',
  'pattern',
  'maxItems',
  'minItems',
  'uniqueItems',
  'multipleOf',
  'required',
  'items',
  'properties',
  'externalDocs',
  'example',
  'x-kubernetes-preserve-unknown-fields',
  'x-kubernetes-validations',
]);

export function validateVersion(version: CustomResourceDefinitionVersion, at: string): readonly FieldError[] {
  const schema = version.schema?.openAPIV3Schema as JsonSchema | undefined;
  return [
    ...validateDeprecation(version, at),
    ...(schema ? validateSchema(schema, `${at}.schema.openAPIV3Schema`, Boolean(version.subresources?.status)) : []),
    ...validateSubresources(version.subresources, `${at}.subresources`),
    ...(version.additionalPrinterColumns ?? []).flatMap((column, i) => validateColumn(column, `${at}.additionalPrinterColumns[${i}]`)),
    ...validateSelectableFields(version.selectableFields ?? [], schema, `${at}.selectableFields`),
  ];
}

function validateDeprecation({ deprecated, deprecationWarning }: CustomResourceDefinitionVersion, at: string): readonly FieldError[] {
  if (deprecationWarning === undefined) return [];
  const wrong: string[] = [];
  if (!deprecated) wrong.push('can only be set for deprecated versions');
  else {
    if (deprecationWarning.length > MAX_WARNING_LENGTH) wrong.push(`must be <= ${MAX_WARNING_LENGTH} characters long`);
    if (deprecationWarning === '') wrong.push('must not be an empty string');
    const odd = deprecationWarning.search(/[^\P{C}\u{E000}-\u{F8FF}]/u);
    if (odd >= 0) wrong.push(`must only contain printable UTF-8 characters; non-printable character found at index ${odd}`);
  }
  return wrong.map((why) => invalid(`${at}.deprecationWarning`, deprecationWarning, why));
}

function validateSchema(schema: JsonSchema, at: string, hasStatus: boolean): readonly FieldError[] {
  const errors: FieldError[] = [];
  if (hasStatus) {
    if (schema.type !== 'object') {
      const why = 'only "object" is allowed as the type at the root of the schema if the status subresource is enabled';
      errors.push(invalid(`${at}.type`, schema.type ?? '', why));
    }
    const stray = Object.keys(schema).find((field) => !AT_ROOT.has(field));
    if (stray) {
      const allowed = [...AT_ROOT].join(' ');
      errors.push(invalid(at, '', `only [${allowed}] fields are allowed at the root of the schema if the status subresource is enabled`));
    }
  }
  if (schema.nullable) errors.push(forbidden(`${at}.nullable`, 'nullable cannot be true at the root'));
  errors.push(...checkStructural(schema, at), ...checkWellFormed(schema, at));
  // As upstream: about types that make no sense rules could only be misunderstood.
  if (errors.length > 0 || !hasRules(schema)) return errors;
  const rules = compileRules(schema, loadedCel(), at);
  return rules.errors.length === 0 && rules.root ? checkDefaults(rules.root, at) : rules.errors;
}

function validateSubresources(subresources: CustomResourceSubresources | undefined, at: string): readonly FieldError[] {
  if (!subresources?.scale) return [];
  const { specReplicasPath, statusReplicasPath, labelSelectorPath } = subresources.scale;
  const within = (path: string, field: string, roots: readonly string[], what: string): readonly FieldError[] => {
    const wrong = validatePath(path, `${at}.scale.${field}`);
    if (wrong.length > 0 || roots.some((root) => path.startsWith(root))) return wrong;
    return [invalid(`${at}.scale.${field}`, path, `should be a json path under ${what}`)];
  };
  return [
    ...(specReplicasPath ? within(specReplicasPath, 'specReplicasPath', ['.spec.'], '.spec') : [required(`${at}.scale.specReplicasPath`)]),
    ...(statusReplicasPath
      ? within(statusReplicasPath, 'statusReplicasPath', ['.status.'], '.status')
      : [required(`${at}.scale.statusReplicasPath`)]),
    ...(labelSelectorPath ? within(labelSelectorPath, 'labelSelectorPath', ['.spec.', '.status.'], 'either .spec or .status') : []),
  ];
}

function validatePath(path: string, at: string): readonly FieldError[] {
  if (!path.startsWith('.')) return [invalid(at, path, 'must be a simple json path starting with .')];
  return isSimplePath(path) ? [] : [invalid(at, path, 'must be a json path in the dot notation')];
}

function validateColumn({ name, type, format, jsonPath }: CustomResourceColumnDefinition, at: string): readonly FieldError[] {
  const errors: FieldError[] = [];
  const oneOf = (allowed: readonly string[]) => `must be one of ${allowed.join(',')}`;
  if (!name) errors.push(required(`${at}.name`));
  if (!type) errors.push(required(`${at}.type`, oneOf(COLUMN_TYPES)));
  else if (!COLUMN_TYPES.includes(type)) errors.push(invalid(`${at}.type`, type, oneOf(COLUMN_TYPES)));
  if (format && !COLUMN_FORMATS.includes(format)) errors.push(invalid(`${at}.format`, format, oneOf(COLUMN_FORMATS)));
  if (!jsonPath) errors.push(required(`${at}.JSONPath`));
  else if (!jsonPath.startsWith('.')) errors.push(invalid(`${at}.JSONPath`, jsonPath, 'must be a simple json path starting with .'));
  return errors;
}

function validateSelectableFields(fields: readonly SelectableField[], schema: JsonSchema | undefined, at: string): readonly FieldError[] {
  if (fields.length === 0) return [];
  if (!schema) return [invalid(at, '', 'may only be set when `version.schema.openAPIV3Schema` is not included')];
  const paths = fields.map(({ jsonPath }) => jsonPath);
  const errors = paths.flatMap((path, i) => validateSelectableField(path, schema, `${at}[${i}].jsonPath`, paths.indexOf(path) < i));
  const count = new Set(paths).size;
  return count > MAX_SELECTABLE_FIELDS ? [...errors, tooMany(at, count, MAX_SELECTABLE_FIELDS)] : errors;
}

function validateSelectableField(path: string, schema: JsonSchema, at: string, again: boolean): readonly FieldError[] {
  if (!path) return [required(at)];
  const steps = fieldPathSteps(path);
  const found = schemaAt(schema, path);
  if (!steps || !found) return [invalid(at, path, 'is an invalid path: does not refer to a valid field')];
  const errors: FieldError[] = [];
  if (steps[0] === 'metadata') errors.push(invalid(at, path, 'must not point to fields in metadata'));
  if (!['string', 'boolean', 'integer'].includes(found.type ?? '')) {
    const why = 'must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.';
    errors.push(invalid(at, path, why));
  }
  if (again) errors.push(duplicate(at, path));
  return errors;
}
