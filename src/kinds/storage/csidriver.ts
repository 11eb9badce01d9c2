// The kind CSIDriver of storage.k8s.io/v1.
import { duplicate, type FieldError, invalid, notSupported, required } from '../../apimachinery/field.js';
import { checkImmutable } from '../checks.js';
import { column, NONE, UNSET } from '../columns.js';
import { defineKind } from '../define.js';
import type { CSIDriver, CSIDriverSpec, TokenRequest } from '../types/storage_v1.js';

const GROUP_POLICIES = ['File', 'None', 'ReadWriteOnceWithFSType'];
const LIFECYCLE_MODES = ['Persistent', 'Ephemeral'];
const MIN_TOKEN_s = 600;
const MAX_TOKEN_s = 2 ** 32;
const MIN_ALLOCATABLE_PERIOD_s = 10;
/** Booleans that defaults set, in the order of upstream's checks; the first is told under an odd name. */
const GIVEN = [
  ['attachRequired', 'attachedRequired'],
  ['podInfoOnMount', 'podInfoOnMount'],
  ['storageCapacity', 'storageCapacity'],
] as const;

export const csiDrivers = defineKind<CSIDriver>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'CSIDriver',
  plural: 'csidrivers',
  namespaced: false,
  schema: 'storage.v1.CSIDriver',
  returnDeletedObject: true,
  generation: true,
  columns: [
    column('AttachRequired', 'boolean', 'Whether volumes are attached to a node first', ({ spec }) => spec.attachRequired ?? true),
    column('PodInfoOnMount', 'boolean', 'Whether it is told of the pod', ({ spec }) => spec.podInfoOnMount ?? false),
    column('StorageCapacity', 'boolean', 'Whether it says how much room it has', ({ spec }) => spec.storageCapacity ?? false),
    column('TokenRequests', 'string', 'The audiences of the tokens it gets', ({ spec }) =>
      spec.tokenRequests ? spec.tokenRequests.map(({ audience }) => audience).join(',') : UNSET,
    ),
    column('RequiresRepublish', 'boolean', 'Whether it is called again and again', ({ spec }) => spec.requiresRepublish ?? false),
    column(
      'Modes',
      'string',
      'What its volumes may be: a claim’s or a pod’s own',
      ({ spec }) => spec.volumeLifecycleModes?.join(',') || NONE,
    ),
  ],
  defaults({ spec }) {
    spec.attachRequired ??= true;
    spec.podInfoOnMount ??= false;
    spec.storageCapacity ??= false;
    spec.fsGroupPolicy ??= 'ReadWriteOnceWithFSType';
    if (!spec.volumeLifecycleModes?.length) spec.volumeLifecycleModes = ['Persistent'];
    spec.requiresRepublish ??= false;
    spec.seLinuxMount ??= false;
  },
  validate: ({ spec }, old) => [
    ...validateSpec('spec', spec),
    ...(old ? checkImmutable('spec.attachedRequired', spec.attachRequired, old.spec.attachRequired) : []),
    ...(old ? checkImmutable('spec.volumeLifecycleModes', spec.volumeLifecycleModes, old.spec.volumeLifecycleModes) : []),
  ],
});

function validateSpec(at: string, spec: CSIDriverSpec): FieldError[] {
  const { fsGroupPolicy, tokenRequests = [], volumeLifecycleModes = [], nodeAllocatableUpdatePeriodSeconds: period } = spec;
  const errors = GIVEN.filter(([part]) => spec[part] === undefined).map(([, told]) => required(`${at}.${told}`));
  if (fsGroupPolicy !== undefined && !GROUP_POLICIES.includes(fsGroupPolicy)) {
    errors.push(notSupported(`${at}.fsGroupPolicy`, fsGroupPolicy, GROUP_POLICIES));
  }
  errors.push(...validateTokenRequests(`${at}.tokenRequests`, tokenRequests));
  for (const mode of volumeLifecycleModes) {
    if (!LIFECYCLE_MODES.includes(mode)) errors.push(notSupported(`${at}.volumeLifecycleModes`, mode, LIFECYCLE_MODES));
  }
  if (period !== undefined && period < MIN_ALLOCATABLE_PERIOD_s) {
    const why = `must be greater than or equal to ${MIN_ALLOCATABLE_PERIOD_s} seconds`;
    errors.push(invalid(`${at}.nodeAllocatableUpdatePeriodSeconds`, period, why));
  }
  return errors;
}

function validateTokenRequests(at: string, requests: readonly TokenRequest[]): FieldError[] {
  const audiences = requests.map(({ audience }) => audience);
  return requests.flatMap(({ audience, expirationSeconds: seconds }, i) => {
    if (audiences.indexOf(audience) < i) return [duplicate(`${at}[${i}].audience`, audience)];
    const refuse = (why: string) => [invalid(`${at}[${i}].expirationSeconds`, seconds, why)];
    if (seconds !== undefined && seconds < MIN_TOKEN_s) return refuse('may not specify a duration less than 10 minutes');
    return seconds !== undefined && seconds > MAX_TOKEN_s ? refuse('may not specify a duration larger than 2^32 seconds') : [];
  });
}
