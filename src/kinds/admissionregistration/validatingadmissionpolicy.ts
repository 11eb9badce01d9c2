// The kind ValidatingAdmissionPolicy of admissionregistration.k8s.io/v1.
import { duplicate, type FieldError, invalid, notSupported, required } from '../../apimachinery/field.js';
import { isDns1035Label, isDns1123Subdomain, isQualifiedName } from '../../apimachinery/names.js';
import { invalids } from '../checks.js';
import { ageColumn, column, nameColumn, UNSET } from '../columns.js';
import { CLIENT_META, defineKind } from '../define.js';
import type {
  AuditAnnotation,
  ParamKind,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicySpec,
  Validation,
  Variable,
} from '../types/admissionregistration_v1.js';
import { type Declared, validateExpression } from './cel.js';
import { validateMatchConditions } from './match-conditions.js';
import { defaultMatchResources, missing, validateMatchResources } from './match-resources.js';
import { FAILURE_POLICIES } from './webhook.js';

const REASONS = ['Forbidden', 'Invalid', 'RequestEntityTooLarge', 'Unauthorized'];
const MAX_AUDIT_ANNOTATIONS = 20;
const MAX_VALUE_EXPRESSION_bytes = 5 * 1024;
const IDENTIFIER = /^[_a-zA-Z][_a-zA-Z0-9]*$/;
const RESERVED =
  /^(true|false|null|in|as|break|const|continue|else|for|function|if|import|let|loop|package|namespace|return|var|void|while)$/;

export const validatingAdmissionPolicies = defineKind<ValidatingAdmissionPolicy>({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'ValidatingAdmissionPolicy',
  plural: 'validatingadmissionpolicies',
  categories: ['api-extensions'],
  namespaced: false,
  schema: 'admissionregistration.v1.ValidatingAdmissionPolicy',
  columns: [
    nameColumn,
    column('Validations', 'integer', 'How many validations it has', ({ spec }) => spec.validations?.length ?? 0),
    column('ParamKind', 'string', 'The kind of its parameters', ({ spec }) => paramKindText(spec.paramKind)),
    ageColumn,
  ],
  defaults({ spec }) {
    spec.failurePolicy ??= 'Fail';
    defaultMatchResources(spec.matchConstraints);
  },
  validate: ({ metadata, spec }) => [...validateSpec(spec), ...validateAuditAnnotations(metadata.name, spec)],
  prepareForCreate(policy) {
    policy.status = {};
  },
  statusKeeps: CLIENT_META,
  subresources: { status: true },
});

const paramKindText = (kind: ParamKind | undefined) => (kind ? `${kind.apiVersion}/${kind.kind}` : UNSET);

function validateSpec(spec: ValidatingAdmissionPolicySpec): FieldError[] {
  const { failurePolicy = '', paramKind, matchConstraints, validations = [], auditAnnotations = [], variables = [] } = spec;
  const params = paramKind !== undefined;
  const errors = FAILURE_POLICIES.includes(failurePolicy) ? [] : [notSupported('spec.failurePolicy', failurePolicy, FAILURE_POLICIES)];
  if (paramKind) errors.push(...validateParamKind('spec.paramKind', paramKind));
  if (!matchConstraints) errors.push(required('spec.matchConstraints'));
  else {
    errors.push(...validateMatchResources('spec.matchConstraints', matchConstraints));
    if (!matchConstraints.resourceRules?.length) errors.push(required('spec.matchConstraints.resourceRules'));
  }
  errors.push(...validateMatchConditions('spec.matchConditions', spec.matchConditions, { params }));
  const declared = { params, variables: variables.length > 0 };
  errors.push(...variables.flatMap((variable, i) => validateVariable(`spec.variables[${i}]`, variable, declared)));
  if (validations.length + auditAnnotations.length === 0) {
    const why = 'validations or auditAnnotations must contain at least one item';
    errors.push(required('spec.validations', why), required('spec.auditAnnotations', why));
  }
  return [...errors, ...validations.flatMap((validation, i) => validateValidation(`spec.validations[${i}]`, validation, declared))];
}

function validateParamKind(at: string, { apiVersion = '', kind = '' }: ParamKind): FieldError[] {
  const errors = [...missing(`${at}.apiVersion`, apiVersion), ...missing(`${at}.kind`, kind)];
  const [group, version, ...more] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion];
  if (more.length > 0) errors.push(invalid(`${at}.apiVersion`, apiVersion, `unexpected GroupVersion string: ${apiVersion}`));
  else if (apiVersion) {
    if (group) errors.push(...invalids(`${at}.apiVersion`, group, isDns1123Subdomain(group)));
    errors.push(...invalids(`${at}.apiVersion`, version, isDns1035Label(version!)));
  }
  const wrong = kind ? isDns1035Label(kind.toLowerCase()) : [];
  if (wrong.length > 0) errors.push(invalid(`${at}.kind`, kind, `may have mixed case, but should otherwise match: ${wrong.join(',')}`));
  return errors;
}

function validateVariable(at: string, { name, expression }: Variable, declared: Declared): FieldError[] {
  const errors: FieldError[] = [];
  if (!name?.trim()) errors.push(required(`${at}.name`, 'name is not specified'));
  else if (!IDENTIFIER.test(name) || RESERVED.test(name)) errors.push(invalid(`${at}.name`, name, 'name is not a valid CEL identifier'));
  if (!expression?.trim()) return [...errors, required(`${at}.expression`, 'expression is not specified')];
  return [...errors, ...validateExpression(`${at}.expression`, expression, [], declared, true)];
}

function validateValidation(at: string, { expression, message, messageExpression, reason }: Validation, declared: Declared): FieldError[] {
  const errors: FieldError[] = [];
  if (!expression?.trim()) errors.push(required(`${at}.expression`, 'expression is not specified'));
  else errors.push(...validateExpression(`${at}.expression`, expression, ['bool'], declared));
  if (messageExpression && !messageExpression.trim()) {
    errors.push(invalid(`${at}.messageExpression`, messageExpression, 'must be non-empty if specified'));
  } else if (messageExpression) {
    errors.push(...validateExpression(`${at}.messageExpression`, messageExpression, ['string'], { ...declared, authorizer: false }));
  }
  if (message && !message.trim()) errors.push(invalid(`${at}.message`, message, 'message must be non-empty if specified'));
  else if (message && /[\n\r]/.test(message.trim())) errors.push(invalid(`${at}.message`, message, 'message must not contain line breaks'));
  if (reason !== undefined && !REASONS.includes(reason)) errors.push(notSupported(`${at}.reason`, reason, REASONS));
  return errors;
}

function validateAuditAnnotations(
  policy: string,
  { auditAnnotations = [], paramKind, variables = [] }: ValidatingAdmissionPolicySpec,
): FieldError[] {
  const declared = { params: paramKind !== undefined, variables: variables.length > 0 };
  const keys = auditAnnotations.map(({ key }) => key);
  const errors = auditAnnotations.flatMap((annotation, i) => [
    ...validateAuditAnnotation(`spec.auditAnnotations[${i}]`, policy, annotation, declared),
    ...(keys.indexOf(annotation.key) < i ? [duplicate(`spec.auditAnnotations[${i}].key`, annotation.key)] : []),
  ]);
  if (auditAnnotations.length > MAX_AUDIT_ANNOTATIONS) {
    errors.push(
      invalid('spec.auditAnnotations', auditAnnotations as never, `must not have more than ${MAX_AUDIT_ANNOTATIONS} auditAnnotations`),
    );
  }
  return errors;
}

function validateAuditAnnotation(at: string, policy: string, { key, valueExpression }: AuditAnnotation, declared: Declared): FieldError[] {
  const full = `${policy}/${key}`;
  const errors = invalids(`${at}.key`, full, isQualifiedName(full));
  const expression = valueExpression?.trim() ?? '';
  if (!expression) return [...errors, required(`${at}.valueExpression`, 'valueExpression is not specified')];
  if (expression.length > MAX_VALUE_EXPRESSION_bytes) {
    return [...errors, required(`${at}.valueExpression`, `must not exceed ${MAX_VALUE_EXPRESSION_bytes} bytes in length`)];
  }
  return [...errors, ...validateExpression(`${at}.valueExpression`, expression, ['string', 'null', 'null_type'], declared)];
}
