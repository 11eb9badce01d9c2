// Checks of the kinds of flowcontrol.apiserver.k8s.io: whose requests a rule is for, which requests, and conditions.
import { duplicate, type FieldError, forbidden, invalid, notSupported, required } from '../../apimachinery/field.js';
import { isDns1123Label, isDns1123Subdomain } from '../../apimachinery/names.js';
import { invalids } from '../checks.js';
import type { NonResourcePolicyRule, PolicyRulesWithSubjects, ResourcePolicyRule, Subject } from '../types/flowcontrol_v1.js';

const SUBJECTS = { Group: 'group', ServiceAccount: 'serviceAccount', User: 'user' } as const;
const SUBJECT_KINDS = Object.keys(SUBJECTS);
const VERBS = [
  'connect',
  'create',
  'delete',
  'deletecollection',
  'get',
  'head',
  'list',
  'options',
  'patch',
  'post',
  'proxy',
  'put',
  'trace',
  'update',
  'watch',
];

export function validateConditions(at: string, conditions: readonly { readonly type?: string }[] = []): FieldError[] {
  return conditions.flatMap(({ type }, i) => [
    ...(conditions.findIndex((other) => other.type === type) < i ? [duplicate(`${at}[${i}].type`, type ?? '')] : []),
    ...(type ? [] : [required(`${at}[${i}].type`, 'must not be empty')]),
  ]);
}

export function validateRules(at: string, rules: readonly PolicyRulesWithSubjects[]): FieldError[] {
  return rules.flatMap(({ subjects, resourceRules = [], nonResourceRules = [] }, i) => {
    const field = `${at}[${i}]`;
    const errors = subjects.flatMap((subject, j) => validateSubject(`${field}.subjects[${j}]`, subject));
    if (subjects.length === 0) errors.push(required(`${field}.subjects`, 'subjects must contain at least one value'));
    if (resourceRules.length + nonResourceRules.length === 0) {
      errors.push(required(field, 'at least one of resourceRules and nonResourceRules has to be non-empty'));
    }
    return [
      ...errors,
      ...resourceRules.flatMap((rule, j) => validateResourceRule(`${field}.resourceRules[${j}]`, rule)),
      ...nonResourceRules.flatMap((rule, j) => validateNonResourceRule(`${field}.nonResourceRules[${j}]`, rule)),
    ];
  });
}

function validateSubject(at: string, subject: Subject): FieldError[] {
  const expected = SUBJECTS[subject.kind as keyof typeof SUBJECTS];
  if (!expected) return [notSupported(`${at}.kind`, subject.kind, SUBJECT_KINDS)];
  const errors: FieldError[] = [];
  if (!subject[expected]) errors.push(required(`${at}.${expected}`, `${expected} is required when subject kind is '${subject.kind}'`));
  else if (!subject[expected].name) errors.push(required(`${at}.${expected}.name`));
  if (expected === 'serviceAccount' && subject.serviceAccount)
    errors.push(...validateAccount(`${at}.serviceAccount`, subject.serviceAccount));
  for (const [kind, field] of Object.entries(SUBJECTS)) {
    if (field !== expected && subject[field])
      errors.push(forbidden(`${at}.${field}`, `${field} is forbidden when subject kind is not '${kind}'`));
  }
  return errors;
}

function validateAccount(at: string, { name, namespace }: { readonly name: string; readonly namespace: string }): FieldError[] {
  return [
    ...(name && name !== '*' ? invalids(`${at}.name`, name, isDns1123Subdomain(name)) : []),
    ...(namespace
      ? invalids(`${at}.namespace`, namespace, isDns1123Label(namespace))
      : [required(`${at}.namespace`, 'must specify namespace for service account')]),
  ];
}

/** A list of which `*` is the only member if it is one at all. */
function checkWildcard(field: string, list: readonly string[], empty: string, others: string): FieldError[] {
  if (list.length === 0) return [required(field, empty)];
  return list.length > 1 && list.includes('*') ? [invalid(field, list, `if '*' is present, must not specify other ${others}`)] : [];
}

function validateVerbs(field: string, verbs: readonly string[]): FieldError[] {
  const errors = checkWildcard(field, verbs, 'verbs must contain at least one value', 'verbs');
  if (verbs.includes('*') || verbs.every((verb) => VERBS.includes(verb))) return errors;
  return [...errors, notSupported(field, verbs, VERBS)];
}

function validateResourceRule(at: string, { verbs, apiGroups, resources, clusterScope, namespaces }: ResourcePolicyRule): FieldError[] {
  const errors = [
    ...validateVerbs(`${at}.verbs`, verbs),
    ...checkWildcard(`${at}.apiGroups`, apiGroups, 'resource rules must supply at least one api group', 'api groups'),
    ...checkWildcard(`${at}.resources`, resources, 'resource rules must supply at least one resource', 'resources'),
  ];
  if (namespaces.length === 0 && clusterScope) return errors;
  const empty = 'resource rules that are not cluster scoped must supply at least one namespace';
  errors.push(...checkWildcard(`${at}.namespaces`, namespaces, empty, 'namespaces'));
  if (namespaces.includes('*')) return errors;
  for (const [i, namespace] of namespaces.entries()) {
    const messages = isDns1123Label(namespace).map((message) => `each member of this list must be '*' or a DNS-1123 label; ${message}`);
    errors.push(...invalids(`${at}.namespaces[${i}]`, namespace, messages));
  }
  return errors;
}

function validateNonResourceRule(at: string, { verbs, nonResourceURLs: urls }: NonResourcePolicyRule): FieldError[] {
  const field = `${at}.nonResourceURLs`;
  const errors = validateVerbs(`${at}.verbs`, verbs);
  errors.push(...checkWildcard(field, urls, 'nonResourceURLs must contain at least one value', 'non-resource URLs'));
  if (urls.includes('*')) return errors;
  return [...errors, ...urls.flatMap((url, i) => checkNonResourceUrl(`${field}[${i}]`, url))];
}

function checkNonResourceUrl(field: string, url: string): FieldError[] {
  const refuse = (why: string) => [invalid(field, url, why)];
  if (url === '/') return [];
  if (url === '') return refuse('must not be empty');
  if (!url.startsWith('/')) return refuse('must start with slash');
  if (url.includes(' ')) return refuse('must not contain white-space');
  if (url.includes('//')) return refuse('must not contain double slash');
  return url.includes('*') && !/^[^*]*\/\*$/.test(url) ? refuse('wildcard can only do suffix matching') : [];
}
