// The kind ResourceClaim of resource.k8s.io/v1.
import { type FieldError, forbidden, invalid, notSupported, required } from '../../apimachinery/field.js';
import { checkImmutable } from '../checks.js';
import { column } from '../columns.js';
import { CLIENT_META, defineKind, type Mutable } from '../define.js';
import type { DeviceAllocationResult, ResourceClaim, ResourceClaimSpec, ResourceClaimStatus } from '../types/resource_v1.js';
import { checkDriverName, checkItems, checkLabelName, checkPoolName, checkSet, MAX_CONFIGS, validateConfiguration } from './checks.js';
import { requestNames, validateDeviceClaim, validateReference, validateReferences } from './claim-validation.js';

const MAX_CONSUMERS = 256;
const MAX_RESULTS = 32;
const MAX_DEVICES = 32;
const CONFIG_SOURCES = ['FromClaim', 'FromClass'];

export const resourceClaims = defineKind<ResourceClaim>({
  group: 'resource.k8s.io',
  version: 'v1',
  kind: 'ResourceClaim',
  plural: 'resourceclaims',
  namespaced: true,
  schema: 'resource.v1.ResourceClaim',
  generation: false,
  columns: [column('State', 'string', 'Whether it has its devices, and is in use', (claim) => stateOf(claim).join(','))],
  defaults: ({ spec }) => defaultClaimSpec(spec),
  validate: ({ spec }, old) => (old ? checkImmutable('spec', spec, old.spec) : validateDeviceClaim('spec.devices', spec.devices)),
  validateStatus,
  prepareForCreate(claim) {
    claim.status = {};
  },
  statusKeeps: CLIENT_META,
  subresources: { status: true },
});

/** Also of a template's. A request that says nothing of how many is for one. */
export function defaultClaimSpec({ devices }: Mutable<ResourceClaimSpec>): void {
  for (const { exactly, firstAvailable = [] } of devices.requests) {
    for (const request of exactly ? [exactly, ...firstAvailable] : firstAvailable) {
      request.allocationMode ||= 'ExactCount';
      if (request.allocationMode === 'ExactCount') request.count ||= 1;
      for (const toleration of request.tolerations ?? []) toleration.operator ||= 'Equal';
    }
  }
}

function stateOf({ metadata, status: { allocation, reservedFor = [] } }: ResourceClaim): string[] {
  const states = metadata.deletionTimestamp ? ['deleted'] : [];
  if (!allocation) return metadata.deletionTimestamp ? states : ['pending'];
  states.push('allocated');
  if (reservedFor.length > 0) states.push('reserved');
  return states;
}

function validateStatus({ metadata, spec, status }: ResourceClaim, { status: old }: ResourceClaim): FieldError[] {
  const errors = validateConsumers('status.reservedFor', status, old, metadata.deletionTimestamp !== undefined);
  const allocated = new Set((status.allocation?.devices.results ?? []).map(deviceId));
  errors.push(
    ...checkSet('status.devices', status.devices, MAX_DEVICES, deviceId, (field, device) => [
      ...checkDriverName(`${field}.driver`, device.driver),
      ...checkPoolName(`${field}.pool`, device.pool),
      ...checkLabelName(`${field}.device`, device.device),
      ...(allocated.has(deviceId(device)) ? [] : [invalid(field, deviceId(device), 'must be an allocated device in the claim')]),
    ]),
  );
  if (status.allocation && old.allocation) errors.push(...checkImmutable('status.allocation', status.allocation, old.allocation));
  else if (status.allocation) {
    errors.push(...validateAllocation('status.allocation.devices', status.allocation.devices, requestNames(spec.devices)));
  }
  return errors;
}

interface DeviceName {
  readonly driver: string;
  readonly pool: string;
  readonly device: string;
  readonly shareID?: string;
}

const deviceId = ({ driver, pool, device, shareID }: DeviceName) => [driver, pool, device, ...(shareID ? [shareID] : [])].join('/');

function validateConsumers(at: string, status: ResourceClaimStatus, old: ResourceClaimStatus, deleted: boolean): FieldError[] {
  const { reservedFor = [], allocation } = status;
  const uids = new Set((old.reservedFor ?? []).map(({ uid }) => uid));
  const errors = checkSet(
    at,
    reservedFor,
    MAX_CONSUMERS,
    ({ uid }) => uid,
    (field, consumer) =>
      (['resource', 'name', 'uid'] as const).filter((part) => !consumer[part]).map((part) => required(`${field}.${part}`)),
  );
  if (reservedFor.length > 0 && !allocation) errors.push(forbidden(at, 'may not be specified when `allocated` is not set'));
  else if (deleted && reservedFor.some(({ uid }) => !uids.has(uid))) {
    errors.push(forbidden(at, 'new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set'));
  }
  return errors;
}

function validateAllocation(at: string, { results, config }: DeviceAllocationResult, names: ReadonlySet<string>): FieldError[] {
  return [
    ...checkItems(`${at}.results`, results, MAX_RESULTS, (field, { request, driver, pool, device }) => [
      ...validateReference(`${field}.request`, request, names),
      ...checkDriverName(`${field}.driver`, driver),
      ...checkPoolName(`${field}.pool`, pool),
      ...checkLabelName(`${field}.device`, device),
    ]),
    // Those of the class and of the claim.
    ...checkItems(`${at}.config`, config, 2 * MAX_CONFIGS, (field, entry) => [
      ...(entry.source ? [] : [required(`${field}.source`)]),
      ...(entry.source && !CONFIG_SOURCES.includes(entry.source) ? [notSupported(`${field}.source`, entry.source, CONFIG_SOURCES)] : []),
      ...validateReferences(`${field}.requests`, entry.requests, names),
      ...validateConfiguration(field, entry),
    ]),
  ];
}
