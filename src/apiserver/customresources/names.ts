// Which names of a definition are accepted: those that no other kind of its group has, as conditions and accepted names.
import { isDeepStrictEqual } from 'node:util';
import { rfc3339 } from '../../apimachinery/clock.js';
import { ANNOTATION_API_APPROVED, hasWrongCaBundle, isProtectedGroup } from '../../kinds/apiextensions/crd-validation.js';
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionCondition,
  CustomResourceDefinitionNames,
} from '../../kinds/types/apiextensions_v1.js';

type Status = CustomResourceDefinition['status'];
type Condition = Omit<CustomResourceDefinitionCondition, 'lastTransitionTime' | 'observedGeneration'>;

export function isConditionTrue({ status }: CustomResourceDefinition, type: string): boolean {
  return status.conditions?.some((condition) => condition.type === type && condition.status === 'True') ?? false;
}

/** The status with `condition` in it; the time counts from when its status changed. */
export function withCondition(status: Status, condition: Condition, now_ms: number): Status {
  const old = status.conditions?.find(({ type }) => type === condition.type);
  const since = old?.status === condition.status && old.lastTransitionTime ? old.lastTransitionTime : rfc3339(now_ms);
  const next = {
    type: condition.type,
    status: condition.status,
    lastTransitionTime: since,
    reason: condition.reason,
    message: condition.message,
  };
  const conditions = (status.conditions ?? []).map((each) => (each === old ? next : each));
  return { ...status, conditions: (old ? conditions : [...conditions, next]) as CustomResourceDefinitionCondition[] };
}

/** The names that others of the same group have: `resources` in paths, `kinds` in bodies. */
export interface TakenNames {
  readonly resources: ReadonlySet<string>;
  readonly kinds: ReadonlySet<string>;
}

export function takenNames(names: readonly CustomResourceDefinitionNames[]): TakenNames {
  const present = (all: readonly (string | undefined)[]) => new Set(all.filter((name): name is string => Boolean(name)));
  return {
    resources: present(names.flatMap(({ plural, singular, shortNames = [] }) => [plural, singular, ...shortNames])),
    kinds: present(names.flatMap(({ kind, listKind }) => [kind, listKind])),
  };
}

/** The status that follows; the same one where there is nothing to change. */
export function reconcileStatus(definition: CustomResourceDefinition, taken: TakenNames, now_ms: number): Status {
  const { names, conflict } = acceptNames(definition, taken);
  let status: Status = { ...definition.status, acceptedNames: names };
  status = withCondition(status, conflict ?? NO_CONFLICTS, now_ms);
  if (!isConditionTrue(definition, 'Established')) {
    const usable = hasWrongCaBundle(definition.spec) ? NO_CA_BUNDLE : ESTABLISHED;
    status = withCondition(status, conflict ? NOT_ACCEPTED : usable, now_ms);
  }
  const approval = approvalOf(definition);
  if (approval) status = withCondition(status, approval, now_ms);
  return isDeepStrictEqual(status, definition.status) ? definition.status : status;
}

const NO_CONFLICTS: Condition = { type: 'NamesAccepted', status: 'True', reason: 'NoConflicts', message: 'no conflicts found' };
const NOT_ACCEPTED: Condition = { type: 'Established', status: 'False', reason: 'NotAccepted', message: 'not all names are accepted' };
const NO_CA_BUNDLE: Condition = {
  type: 'Established',
  status: 'False',
  reason: 'InvalidCABundle',
  message: 'The conversion webhook CABundle is invalid',
};
const ESTABLISHED: Condition = {
  type: 'Established',
  status: 'True',
  reason: 'InitialNamesAccepted',
  message: 'the initial names have been accepted',
};

function acceptNames({ spec, status }: CustomResourceDefinition, taken: TakenNames) {
  const { names: wanted } = spec;
  const accepted = status.acceptedNames;
  const names = { ...accepted } as { -readonly [K in keyof CustomResourceDefinitionNames]: CustomResourceDefinitionNames[K] };
  let conflict: Condition | undefined;
  const refuse = (reason: string, inUse: readonly string[]) => {
    const messages = inUse.map((name) => `${JSON.stringify(name)} is already in use`);
    const message = messages.length === 1 ? messages[0]! : `[${messages.join(', ')}]`;
    conflict = { type: 'NamesAccepted', status: 'False', reason, message };
  };
  const take = (field: 'plural' | 'singular' | 'kind' | 'listKind', others: ReadonlySet<string>, reason: string) => {
    const name = wanted[field];
    if (name && name !== accepted[field] && others.has(name)) refuse(reason, [name]);
    else if (name) names[field] = name;
  };
  take('plural', taken.resources, 'PluralConflict');
  take('singular', taken.resources, 'SingularConflict');
  const held = accepted.shortNames ?? [];
  const lost = (wanted.shortNames ?? []).filter((name) => !held.includes(name) && taken.resources.has(name));
  if (lost.length > 0) refuse('ShortNamesConflict', lost);
  else setOrDelete(names, 'shortNames', wanted.shortNames);
  take('kind', taken.kinds, 'KindConflict');
  take('listKind', taken.kinds, 'ListKindConflict');
  setOrDelete(names, 'categories', wanted.categories);
  return { names, conflict };
}

function setOrDelete<T, K extends keyof T>(target: T, key: K, value: T[K] | undefined): void {
  if (value === undefined) delete target[key];
  else target[key] = value;
}

function approvalOf({ metadata, spec }: CustomResourceDefinition): Condition | undefined {
  if (!isProtectedGroup(spec.group)) return undefined;
  const type = 'KubernetesAPIApprovalPolicyConformant';
  const approval = metadata.annotations?.[ANNOTATION_API_APPROVED];
  if (!approval) {
    const message = `protected groups must have approval annotation "${ANNOTATION_API_APPROVED}", see https://github.com/kubernetes/enhancements/pull/1111`;
    return { type, status: 'False', reason: 'MissingAnnotation', message };
  }
  if (approval.startsWith('unapproved')) {
    return { type, status: 'False', reason: 'UnapprovedAnnotation', message: `not approved: ${JSON.stringify(approval)}` };
  }
  return { type, status: 'True', reason: 'ApprovedAnnotation', message: `approved in ${approval}` };
}
