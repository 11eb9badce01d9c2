// The kind StatefulSet of apps/v1.

import { type FieldError, forbidden, invalid } from '../../apimachinery/field.js';
import type { Json } from '../../apimachinery/json.js';
import { isDns1123Label } from '../../apimachinery/names.js';
import { checkNonNegative, checkOneOf, sameJson } from '../checks.js';
import { templateColumns } from '../columns.js';
import { persistentVolumeClaims } from '../core/persistentvolumeclaim.js';
import { workloadWarnings } from '../core/pod-warnings.js';
import { defaultPodSpec } from '../core/podspec-defaults.js';
import { validateStatefulTemplate } from '../core/podspec-validation.js';
import { defineKind, type Mutable } from '../define.js';
import type { StatefulSet } from '../types/apps_v1.js';
import { checkIntOrPercent, isZero, scaleOf, validateSelector } from '../workload.js';

const REVISION_HISTORY = 10;
const RETENTION = ['Retain', 'Delete'];
const MUTABLE_SPEC = [
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
];

export const statefulSets = defineKind<StatefulSet>({
  group: 'apps',
  version: 'v1',
  kind: 'StatefulSet',
  plural: 'statefulsets',
  shortNames: ['sts'],
  categories: ['all'],
  namespaced: true,
  schema: 'apps.v1.StatefulSet',
  warnings: workloadWarnings,
  // Its pods' names become host names.
  validateName: isDns1123Label,
  columns: [
    {
      name: 'Ready',
      type: 'string',
      description: 'How many of its pods are ready, of how many',
      cell: ({ spec, status }) => `${status.readyReplicas ?? 0}/${spec.replicas ?? 0}`,
    },
    ...templateColumns<StatefulSet>(({ spec }) => spec.template),
  ],
  defaults,
  validate: (set, old) => [
    ...(old ? validateUpdate(set, old) : []),
    ...validateSelector('statefulset', set, undefined),
    ...checkNonNegative('spec.replicas', set.spec.replicas),
    ...checkNonNegative('spec.minReadySeconds', set.spec.minReadySeconds),
    ...checkNonNegative('spec.ordinals.start', set.spec.ordinals?.start),
    ...validatePolicies('spec', set.spec),
    ...validateStatefulTemplate('spec.template', set.spec.template),
  ],
  prepareForCreate(set) {
    set.status = { replicas: 0, availableReplicas: 0 };
  },
  subresources: { status: true, scale: scaleOf<StatefulSet>() },
});

function defaults({ spec }: Mutable<StatefulSet>): void {
  spec.replicas ??= 1;
  spec.revisionHistoryLimit ??= REVISION_HISTORY;
  spec.podManagementPolicy ||= 'OrderedReady';
  spec.updateStrategy ??= {};
  spec.updateStrategy.type ||= 'RollingUpdate';
  if (spec.updateStrategy.type === 'RollingUpdate') {
    spec.updateStrategy.rollingUpdate ??= {};
    spec.updateStrategy.rollingUpdate.partition ??= 0;
    spec.updateStrategy.rollingUpdate.maxUnavailable ??= 1;
  }
  const retention = (spec.persistentVolumeClaimRetentionPolicy ??= {});
  retention.whenDeleted ||= 'Retain';
  retention.whenScaled ||= 'Retain';
  for (const claim of spec.volumeClaimTemplates ?? []) {
    claim.apiVersion = persistentVolumeClaims.apiVersion;
    claim.kind = persistentVolumeClaims.kind;
    claim.spec.volumeMode ??= 'Filesystem';
    claim.status ??= {};
    claim.status.phase ||= 'Pending';
  }
  defaultPodSpec(spec.template.spec);
}

function validatePolicies(
  at: string,
  { podManagementPolicy, updateStrategy, persistentVolumeClaimRetentionPolicy }: StatefulSet['spec'],
): FieldError[] {
  const { whenDeleted, whenScaled } = persistentVolumeClaimRetentionPolicy ?? {};
  const errors: FieldError[] = [];
  if (!['OrderedReady', 'Parallel'].includes(podManagementPolicy ?? '')) {
    errors.push(invalid(`${at}.podManagementPolicy`, podManagementPolicy, "must be 'OrderedReady' or 'Parallel'"));
  }
  errors.push(
    ...validateUpdateStrategy(`${at}.updateStrategy`, updateStrategy),
    ...checkOneOf(`${at}.persistentVolumeClaimRetentionPolicy.whenDeleted`, whenDeleted, RETENTION),
    ...checkOneOf(`${at}.persistentVolumeClaimRetentionPolicy.whenScaled`, whenScaled, RETENTION),
  );
  return errors;
}

function validateUpdateStrategy(at: string, strategy: StatefulSet['spec']['updateStrategy']): FieldError[] {
  const { type, rollingUpdate } = strategy;
  const value = (field: unknown) => field as Json;
  if (type === 'OnDelete') {
    return rollingUpdate ? [invalid(`${at}.rollingUpdate`, value(rollingUpdate), "only allowed for updateStrategy 'RollingUpdate'")] : [];
  }
  if (type !== 'RollingUpdate') return [invalid(at, value(strategy), "must be 'RollingUpdate' or 'OnDelete'")];
  const { partition, maxUnavailable } = rollingUpdate ?? {};
  return [
    ...checkNonNegative(`${at}.rollingUpdate.partition`, partition),
    ...checkIntOrPercent(`${at}.rollingUpdate.maxUnavailable`, maxUnavailable, true),
    ...(maxUnavailable !== undefined && isZero(maxUnavailable)
      ? [invalid(`${at}.rollingUpdate.maxUnavailable`, maxUnavailable, 'cannot be 0')]
      : []),
  ];
}

/** What a running set was made with, claims and names above all, cannot be changed under it. */
function validateUpdate({ spec }: StatefulSet, { spec: old }: StatefulSet): FieldError[] {
  const fields = new Set([...Object.keys(spec), ...Object.keys(old)]) as Set<keyof StatefulSet['spec']>;
  const changed = [...fields].some((field) => !MUTABLE_SPEC.includes(field) && !sameJson(spec[field], old[field]));
  const allowed = MUTABLE_SPEC.map((field) => `'${field}'`);
  const list = `${allowed.slice(0, -1).join(', ')} and ${allowed.at(-1)}`;
  return changed ? [forbidden('spec', `updates to statefulset spec for fields other than ${list} are forbidden`)] : [];
}
