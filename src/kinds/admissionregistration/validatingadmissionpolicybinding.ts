// The kind ValidatingAdmissionPolicyBinding of admissionregistration.k8s.io/v1.
import { duplicate, type FieldError, forbidden, invalid, notSupported, required } from '../../apimachinery/field.js';
import { selectorOf, validateLabelSelector } from '../../apimachinery/labels.js';
import { isDns1123Subdomain } from '../../apimachinery/names.js';
import { invalids } from '../checks.js';
import { ageColumn, column, nameColumn, UNSET } from '../columns.js';
import { defineKind } from '../define.js';
import type { ParamRef, ValidatingAdmissionPolicyBinding } from '../types/admissionregistration_v1.js';
import { defaultMatchResources, missing, pathSegmentErrors, validateMatchResources } from './match-resources.js';

const ACTIONS = ['Audit', 'Deny', 'Warn'];
const NOT_FOUND_ACTIONS = ['Deny', 'Allow'];

export const validatingAdmissionPolicyBindings = defineKind<ValidatingAdmissionPolicyBinding>({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'ValidatingAdmissionPolicyBinding',
  plural: 'validatingadmissionpolicybindings',
  categories: ['api-extensions'],
  namespaced: false,
  schema: 'admissionregistration.v1.ValidatingAdmissionPolicyBinding',
  generation: true,
  columns: [
    nameColumn,
    column('PolicyName', 'string', 'The policy that it puts in force', ({ spec }) => spec.policyName ?? ''),
    column('ParamRef', 'string', 'The parameters that it gives to it', ({ spec }) => paramText(spec.paramRef)),
    ageColumn,
  ],
  defaults({ spec }) {
    defaultMatchResources(spec.matchResources);
  },
  validate: ({ spec }) => [
    ...missing('spec.policyName', spec.policyName),
    ...(spec.policyName ? invalids('spec.policyName', spec.policyName, isDns1123Subdomain(spec.policyName)) : []),
    ...(spec.paramRef ? validateParamRef('spec.paramRef', spec.paramRef) : []),
    // Upstream's misspelling, which tools may compare.
    ...(spec.matchResources ? validateMatchResources('spec.matchResouces', spec.matchResources) : []),
    ...validateActions('spec.validationActions', spec.validationActions ?? []),
  ],
});

function paramText(ref: ParamRef | undefined): string {
  if (ref?.name) return ref.namespace ? `${ref.namespace}/${ref.name}` : ref.name;
  return ref?.selector ? selectorOf(ref.selector).toString() : UNSET;
}

function validateParamRef(at: string, { name, selector, parameterNotFoundAction: action }: ParamRef): FieldError[] {
  const errors: FieldError[] = [];
  if (name) errors.push(...invalids(`${at}.name`, name, pathSegmentErrors(name)));
  if (name && selector) {
    const why = 'name and selector are mutually exclusive';
    errors.push(forbidden(`${at}.name`, why), forbidden(`${at}.selector`, why));
  }
  errors.push(...validateLabelSelector(selector, `${at}.selector`));
  if (!name && !selector) errors.push(required(at, 'one of name or selector must be specified'));
  if (!action) errors.push(required(`${at}.parameterNotFoundAction`));
  else if (!NOT_FOUND_ACTIONS.includes(action)) errors.push(notSupported(`${at}.parameterNotFoundAction`, action, NOT_FOUND_ACTIONS));
  return errors;
}

function validateActions(at: string, actions: readonly string[]): FieldError[] {
  if (actions.length === 0) return [required(at, 'at least one validation action is required')];
  const errors = actions.flatMap((action, i) => [
    ...(ACTIONS.includes(action) ? [] : [notSupported(`${at}[${i}]`, action, ACTIONS)]),
    ...(actions.indexOf(action) < i ? [duplicate(`${at}[${i}]`, action)] : []),
  ]);
  if (actions.includes('Deny') && actions.includes('Warn')) {
    const why =
      'must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)';
    errors.push(invalid(at, actions, why));
  }
  return errors;
}
