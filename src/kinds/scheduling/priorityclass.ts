// The kind PriorityClass of scheduling.k8s.io/v1.
import { type FieldError, forbidden } from '../../apimachinery/field.js';
import { checkImmutable, checkOneOf } from '../checks.js';
import { ageColumn, column, nameColumn } from '../columns.js';
import { type Column, defineKind } from '../define.js';
import type { PriorityClass } from '../types/scheduling_v1.js';

const SYSTEM_PREFIX = 'system-';
/** Above these are the system's own pods. */
export const HIGHEST_USER_PRIORITY = 1_000_000_000;
export const SYSTEM_PRIORITIES: { readonly [name: string]: number } = {
  'system-cluster-critical': 2 * HIGHEST_USER_PRIORITY,
  'system-node-critical': 2 * HIGHEST_USER_PRIORITY + 1000,
};
const PREEMPTION_POLICIES = ['PreemptLowerPriority', 'Never'];

const columns: readonly Column<PriorityClass>[] = [
  nameColumn,
  column('Value', 'integer', 'The priority of its pods: those with a higher one go first', ({ value }) => value),
  column('Global-Default', 'boolean', 'Whether pods that name no class are of this one', ({ globalDefault }) => globalDefault ?? false),
  ageColumn,
  column('PreemptionPolicy', 'string', 'Whether its pods push others off their nodes', ({ preemptionPolicy }) => preemptionPolicy ?? ''),
];

export const priorityClasses = defineKind<PriorityClass>({
  group: 'scheduling.k8s.io',
  version: 'v1',
  kind: 'PriorityClass',
  plural: 'priorityclasses',
  shortNames: ['pc'],
  namespaced: false,
  schema: 'scheduling.v1.PriorityClass',
  generation: true,
  columns,
  defaults(priorityClass) {
    priorityClass.preemptionPolicy ??= 'PreemptLowerPriority';
  },
  undeletable: ({ metadata: { name } }) =>
    Object.hasOwn(SYSTEM_PRIORITIES, name) ? 'this is a system priority class and cannot be deleted' : undefined,
  validate: (priorityClass, old) => (old ? validateUpdate(priorityClass, old) : validateCreate(priorityClass)),
});

function validateCreate(priorityClass: PriorityClass): FieldError[] {
  const { metadata, value, preemptionPolicy } = priorityClass;
  const errors: FieldError[] = [];
  if (metadata.name.startsWith(SYSTEM_PREFIX)) {
    const why = unlikeSystemClass(priorityClass);
    const reserved = `priority class names with '${SYSTEM_PREFIX}' prefix are reserved for system use only. error: ${why}`;
    if (why) errors.push(forbidden('metadata.name', reserved));
  } else if (value > HIGHEST_USER_PRIORITY) {
    errors.push(forbidden('value', `maximum allowed value of a user defined priority is ${HIGHEST_USER_PRIORITY}`));
  }
  return [...errors, ...checkOneOf('preemptionPolicy', preemptionPolicy, PREEMPTION_POLICIES)];
}

function unlikeSystemClass({ metadata: { name }, value, globalDefault }: PriorityClass): string | undefined {
  const expected = SYSTEM_PRIORITIES[name];
  if (expected === undefined) return `${name} is not a known system priority class`;
  if (value !== expected) return `value of ${name} PriorityClass must be ${expected}`;
  return globalDefault ? `globalDefault of ${name} PriorityClass must be false` : undefined;
}

function validateUpdate({ value, preemptionPolicy }: PriorityClass, old: PriorityClass): FieldError[] {
  return [
    ...(value === old.value ? [] : [forbidden('value', 'may not be changed in an update.')]),
    ...checkImmutable('preemptionPolicy', preemptionPolicy, old.preemptionPolicy),
  ];
}
