// What the four kinds of rbac.authorization.k8s.io share: their group, names, and what is wrong with rules, references and subjects.
import { type FieldError, invalid, notSupported, required } from '../../apimachinery/field.js';
import type { Json } from '../../apimachinery/json.js';
import { isDns1123Subdomain, isPathSegmentName } from '../../apimachinery/names.js';
import type { KubeObject } from '../../apimachinery/object.js';
import { invalids, sameJson } from '../checks.js';
import { ageColumn, nameColumn } from '../columns.js';
import type { Column, Mutable } from '../define.js';
import type { PolicyRule, RoleRef, Subject } from '../types/rbac_v1.js';

export const RBAC_GROUP = 'rbac.authorization.k8s.io';

interface Binding extends KubeObject {
  readonly subjects?: readonly Subject[];
  readonly roleRef: RoleRef;
}

export const roleColumns: readonly Column<KubeObject>[] = [
  nameColumn,
  { name: 'Created At', type: 'date', description: 'When the role was made', cell: ({ metadata }) => metadata.creationTimestamp },
];

const ofKind = ({ subjects = [] }: Binding, kind: string) => subjects.filter((subject) => subject.kind === kind);
const names = (subjects: readonly Subject[]) => subjects.map(({ name }) => name).join(', ');

export const bindingColumns: readonly Column<Binding>[] = [
  nameColumn,
  { name: 'Role', type: 'string', description: 'The role that is given', cell: ({ roleRef }) => `${roleRef.kind}/${roleRef.name}` },
  ageColumn,
  { name: 'Users', type: 'string', priority: 1, description: 'The users that have it', cell: (binding) => names(ofKind(binding, 'User')) },
  {
    name: 'Groups',
    type: 'string',
    priority: 1,
    description: 'The groups that have it',
    cell: (binding) => names(ofKind(binding, 'Group')),
  },
  {
    name: 'ServiceAccounts',
    type: 'string',
    priority: 1,
    description: 'The service accounts that have it',
    cell: (binding) =>
      ofKind(binding, 'ServiceAccount')
        .map(({ namespace, name }) => `${namespace ?? ''}/${name}`)
        .join(', '),
  },
];

export function bindingDefaults({ roleRef, subjects }: Mutable<Binding>): void {
  if (roleRef) roleRef.apiGroup ||= RBAC_GROUP;
  for (const subject of subjects ?? []) {
    if (!subject.apiGroup && (subject.kind === 'User' || subject.kind === 'Group')) subject.apiGroup = RBAC_GROUP;
  }
}

/** The rules of a role; those of a namespaced one cannot be about paths. */
export function validateRules(rules: readonly PolicyRule[] | undefined, namespaced: boolean): FieldError[] {
  return (rules ?? []).flatMap((rule, i) => validateRule(`rules[${i}]`, rule, namespaced));
}

function validateRule(at: string, rule: PolicyRule, namespaced: boolean): FieldError[] {
  const { verbs, apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule;
  const errors: FieldError[] = [];
  if (!verbs?.length) errors.push(required(`${at}.verbs`, 'verbs must contain at least one value'));
  if (nonResourceURLs.length > 0) {
    const field = `${at}.nonResourceURLs`;
    if (namespaced) errors.push(invalid(field, nonResourceURLs, 'namespaced rules cannot apply to non-resource URLs'));
    if (apiGroups.length + resources.length + resourceNames.length > 0) {
      errors.push(invalid(field, nonResourceURLs, 'rules cannot apply to both regular resources and non-resource URLs'));
    }
    return errors;
  }
  if (apiGroups.length === 0) errors.push(required(`${at}.apiGroups`, 'resource rules must supply at least one api group'));
  if (resources.length === 0) errors.push(required(`${at}.resources`, 'resource rules must supply at least one resource'));
  return errors;
}

export function validateBinding({ roleRef, subjects }: Binding, old: Binding | undefined, namespaced: boolean): FieldError[] {
  const errors: FieldError[] = [];
  if (roleRef.apiGroup !== RBAC_GROUP) errors.push(notSupported('roleRef.apiGroup', roleRef.apiGroup, [RBAC_GROUP]));
  const kinds = namespaced ? ['Role', 'ClusterRole'] : ['ClusterRole'];
  if (!kinds.includes(roleRef.kind)) errors.push(notSupported('roleRef.kind', roleRef.kind, kinds));
  if (!roleRef.name) errors.push(required('roleRef.name'));
  else errors.push(...invalids('roleRef.name', roleRef.name, isPathSegmentName(roleRef.name)));
  errors.push(...(subjects ?? []).flatMap((subject, i) => validateSubject(`subjects[${i}]`, subject, namespaced)));
  // Who may change a binding could else give away any role with it.
  if (old && !sameJson(roleRef, old.roleRef)) errors.push(invalid('roleRef', { ...roleRef } as Json, 'cannot change roleRef'));
  return errors;
}

function validateSubject(at: string, { kind, apiGroup = '', name, namespace }: Subject, namespaced: boolean): FieldError[] {
  const errors: FieldError[] = name ? [] : [required(`${at}.name`)];
  switch (kind) {
    case 'ServiceAccount':
      if (name) errors.push(...invalids(`${at}.name`, name, isDns1123Subdomain(name)));
      if (apiGroup) errors.push(notSupported(`${at}.apiGroup`, apiGroup, ['']));
      if (!namespaced && !namespace) errors.push(required(`${at}.namespace`));
      return errors;
    case 'User':
    case 'Group':
      if (apiGroup !== RBAC_GROUP) errors.push(notSupported(`${at}.apiGroup`, apiGroup, [RBAC_GROUP]));
      return errors;
    default:
      return [...errors, notSupported(`${at}.kind`, kind, ['ServiceAccount', 'User', 'Group'])];
  }
}
