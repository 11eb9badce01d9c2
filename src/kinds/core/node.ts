// The kind Node of v1.
import { isIP } from 'node:net';
import { duplicate, type FieldError, forbidden, invalid } from '../../apimachinery/field.js';
import { checkNonNegativeQuantity, sameJson } from '../checks.js';
import { ageColumn, NONE, nameColumn } from '../columns.js';
import { type Column, defineKind } from '../define.js';
import type { Node, NodeSystemInfo } from '../types/core_v1.js';
import { validateTaint } from './scheduling-validation.js';

const LABEL_ROLE_PREFIX = 'node-role.kubernetes.io/';
const LABEL_ROLE = 'kubernetes.io/role';
const UNKNOWN = '<unknown>';

const address = (name: string, type: string): Column<Node> => ({
  name,
  type: 'string',
  priority: 1,
  description: `Its address of the type ${type}`,
  cell: ({ status }) => status.addresses?.find((item) => item.type === type)?.address ?? NONE,
});

const info = (name: string, field: keyof Omit<NodeSystemInfo, 'swap'>, description: string): Column<Node> => ({
  name,
  type: 'string',
  priority: 1,
  description,
  cell: ({ status }) => status.nodeInfo?.[field] || UNKNOWN,
});

export const nodes = defineKind<Node>({
  group: '',
  version: 'v1',
  kind: 'Node',
  plural: 'nodes',
  shortNames: ['no'],
  namespaced: false,
  schema: 'core.v1.Node',
  generation: false,
  columns: [
    nameColumn,
    { name: 'Status', type: 'string', description: 'Whether it is ready, and takes pods', cell: statusOf },
    { name: 'Roles', type: 'string', description: 'Its roles, by its labels', cell: rolesOf },
    ageColumn,
    {
      name: 'Version',
      type: 'string',
      description: 'The version of its kubelet',
      cell: ({ status }) => status.nodeInfo?.kubeletVersion ?? '',
    },
    address('Internal-IP', 'InternalIP'),
    address('External-IP', 'ExternalIP'),
    info('OS-Image', 'osImage', 'Its operating system'),
    info('Kernel-Version', 'kernelVersion', 'Its kernel'),
    info('Container-Runtime', 'containerRuntimeVersion', 'What runs its containers'),
  ],
  defaults({ status }) {
    if (status.capacity && !status.allocatable) status.allocatable = { ...status.capacity };
  },
  validate: (node, old) => [...validateNode(node), ...(old ? validateUpdate(node, old) : [])],
  selectableFields: { 'spec.unschedulable': ({ spec }) => String(spec.unschedulable ?? false) },
  subresources: { status: true, connect: ['proxy'] },
});

function statusOf({ spec, status }: Node): string {
  const ready = status.conditions?.find(({ type }) => type === 'Ready')?.status;
  const word = ready === undefined ? 'Unknown' : ready === 'True' ? 'Ready' : 'NotReady';
  return spec.unschedulable ? `${word},SchedulingDisabled` : word;
}

function rolesOf({ metadata }: Node): string {
  const roles = new Set<string>();
  for (const [key, value] of Object.entries(metadata.labels ?? {})) {
    const role = key.startsWith(LABEL_ROLE_PREFIX) ? key.slice(LABEL_ROLE_PREFIX.length) : key === LABEL_ROLE ? value : '';
    if (role) roles.add(role);
  }
  return roles.size === 0 ? NONE : [...roles].sort().join(',');
}

function validateNode({ spec, status }: Node): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [i, taint] of (spec.taints ?? []).entries()) {
    errors.push(...validateTaint(`spec.taints[${i}]`, taint));
    const key = `${taint.key}:${taint.effect}`;
    if (seen.has(key)) errors.push(duplicate(`spec.taints[${i}]`, { key: taint.key, effect: taint.effect }));
    seen.add(key);
  }
  for (const [i, cidr] of (spec.podCIDRs ?? []).entries()) {
    if (!isCidr(cidr)) errors.push(invalid(`spec.podCIDRs[${i}]`, cidr, 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)'));
  }
  for (const list of ['capacity', 'allocatable'] as const) {
    for (const [resource, quantity] of Object.entries(status.capacity ? (status[list] ?? {}) : {})) {
      errors.push(...checkNonNegativeQuantity(`status.${list}[${resource}]`, quantity));
    }
  }
  return errors;
}

function isCidr(text: string): boolean {
  const [ip = '', bits = '', ...rest] = text.split('/');
  const family = isIP(ip);
  return rest.length === 0 && family !== 0 && /^\d+$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128);
}

/** Its pods have addresses of its CIDR, and the cloud knows it by its ID: both are set once. */
function validateUpdate({ spec }: Node, { spec: old }: Node): FieldError[] {
  const errors: FieldError[] = [];
  if (old.podCIDRs?.length && !sameJson(spec.podCIDRs, old.podCIDRs)) {
    errors.push(forbidden('spec.podCIDRs', 'node updates may not change podCIDR except from "" to valid'));
  }
  if (old.providerID && spec.providerID !== old.providerID) {
    errors.push(forbidden('spec.providerID', 'node updates may not change providerID except from "" to valid'));
  }
  return errors;
}
