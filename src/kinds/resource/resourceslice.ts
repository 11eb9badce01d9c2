// The kind ResourceSlice of resource.k8s.io/v1.
import { type FieldError, invalid, required } from '../../apimachinery/field.js';
import { isDns1123Subdomain } from '../../apimachinery/names.js';
import { checkImmutable, invalids } from '../checks.js';
import { column, UNSET } from '../columns.js';
import { defineKind } from '../define.js';
import type { ResourceSlice, ResourceSliceSpec } from '../types/resource_v1.js';
import { checkDriverName, checkPoolName, checkSet } from './checks.js';
import { validateCounters, validateDevice } from './device-validation.js';

/** Upstream's bounds on what one object says of devices. */
const MAX_DEVICES = 128;
const MAX_DEVICES_WITH_MORE = 64;
const MAX_COUNTER_SETS = 8;

export const resourceSlices = defineKind<ResourceSlice>({
  group: 'resource.k8s.io',
  version: 'v1',
  kind: 'ResourceSlice',
  plural: 'resourceslices',
  namespaced: false,
  schema: 'resource.v1.ResourceSlice',
  generation: true,
  columns: [
    column('Node', 'string', 'The node that has the devices', ({ spec }) => spec.nodeName ?? UNSET),
    column('Driver', 'string', 'The driver that handles them', ({ spec }) => spec.driver),
    column('Pool', 'string', 'The pool that they are of', ({ spec }) => spec.pool.name),
  ],
  validate: ({ spec }, old) => [...validateSpec('spec', spec), ...(old ? validateUpdate('spec', spec, old.spec) : [])],
  selectableFields: { 'spec.nodeName': ({ spec }) => spec.nodeName ?? '', 'spec.driver': ({ spec }) => spec.driver },
});

function validateUpdate(at: string, { pool, driver, nodeName }: ResourceSliceSpec, old: ResourceSliceSpec): FieldError[] {
  return [
    ...checkImmutable(`${at}.pool.name`, pool.name, old.pool.name),
    ...checkImmutable(`${at}.driver`, driver, old.driver),
    ...checkImmutable(`${at}.nodeName`, nodeName, old.nodeName),
  ];
}

function validateSpec(at: string, spec: ResourceSliceSpec): FieldError[] {
  const { driver, pool, devices, sharedCounters, perDeviceNodeSelection } = spec;
  const errors = [...checkDriverName(`${at}.driver`, driver), ...checkPoolName(`${at}.pool.name`, pool.name)];
  const { resourceSliceCount: count, generation } = pool;
  if (count <= 0) errors.push(invalid(`${at}.pool.resourceSliceCount`, count, 'must be greater than zero'));
  if (generation < 0) errors.push(invalid(`${at}.pool.generation`, generation, 'must be greater than or equal to zero'));
  errors.push(...validateNodes(at, spec));
  if (sharedCounters && devices) errors.push(invalid(at, '', 'only one of `sharedCounters` or `devices` is allowed'));
  const more = (devices ?? []).some(({ taints, consumesCounters }) => taints?.length || consumesCounters?.length);
  return [
    ...errors,
    ...checkSet(
      `${at}.devices`,
      devices,
      more ? MAX_DEVICES_WITH_MORE : MAX_DEVICES,
      ({ name }) => name,
      (field, device) => validateDevice(field, device, perDeviceNodeSelection ?? false),
    ),
    ...checkSet(
      `${at}.sharedCounters`,
      sharedCounters,
      MAX_COUNTER_SETS,
      ({ name }) => name,
      (field, set) => validateCounters(field, 'name', set.name, set.counters),
    ),
  ];
}

/** Which nodes the devices are for: one way of saying it. */
function validateNodes(at: string, spec: ResourceSliceSpec): FieldError[] {
  const { nodeName, nodeSelector, allNodes, perDeviceNodeSelection } = spec;
  const ways = '`nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection`';
  const given = Object.entries({ nodeName, nodeSelector, allNodes, perDeviceNodeSelection }).filter(([, value]) => value);
  const errors: FieldError[] = nodeName ? invalids(`${at}.nodeName`, nodeName, isDns1123Subdomain(nodeName)) : [];
  if (nodeName === '') errors.push(invalid(`${at}.nodeName`, nodeName, 'must be either unset or set to a non-empty string'));
  if (nodeSelector && nodeSelector.nodeSelectorTerms.length !== 1) {
    const terms = nodeSelector.nodeSelectorTerms as never;
    errors.push(invalid(`${at}.nodeSelector.nodeSelectorTerms`, terms, 'must have exactly one node selector term'));
  }
  for (const [field, value] of Object.entries({ allNodes, perDeviceNodeSelection })) {
    if (value === false) errors.push(invalid(`${at}.${field}`, false, 'must be either unset or set to true'));
  }
  if (given.length === 0) errors.push(required(at, `exactly one of ${ways} is required`));
  if (given.length > 1) {
    const named = `{${given.map(([field]) => `\`${field}\``).join(', ')}}`;
    errors.push(invalid(at, named, `exactly one of ${ways} is required, but multiple fields are set`));
  }
  return errors;
}
