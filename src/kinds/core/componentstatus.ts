// The kind ComponentStatus of v1, deprecated: how each part of the control plane is, found out when somebody asks.
import { type Column, defineKind } from '../define.js';
import type { ComponentCondition, ComponentStatus } from '../types/core_v1.js';

const healthyOf = ({ conditions }: ComponentStatus): ComponentCondition | undefined => conditions?.find(({ type }) => type === 'Healthy');
const STATUSES: { readonly [status: string]: string } = { True: 'Healthy', False: 'Unhealthy' };

const columns: readonly Column<ComponentStatus>[] = [
  { name: 'Name', type: 'string', format: 'name', description: 'The component', cell: ({ metadata }) => metadata.name ?? '' },
  {
    name: 'Status',
    type: 'string',
    description: 'Whether it is healthy',
    cell: (component) => STATUSES[healthyOf(component)?.status ?? ''] ?? 'Unknown',
  },
  { name: 'Message', type: 'string', description: 'What it says of itself', cell: (component) => healthyOf(component)?.message ?? '' },
  { name: 'Error', type: 'string', description: 'Why it could not be asked', cell: (component) => healthyOf(component)?.error ?? '' },
];

export const componentStatuses = defineKind<ComponentStatus>({
  group: '',
  version: 'v1',
  kind: 'ComponentStatus',
  plural: 'componentstatuses',
  shortNames: ['cs'],
  namespaced: false,
  verbs: ['get', 'list'],
  schema: 'core.v1.ComponentStatus',
  columns,
  deprecationWarning: 'v1 ComponentStatus is deprecated in v1.19+',
});
