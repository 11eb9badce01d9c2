// The kind APIService of apiregistration.k8s.io/v1: a group version, served here (Local) or by the server behind a Service.
import { type FieldError, invalid, required } from '../../apimachinery/field.js';
import { isDns1035Label, isDns1123Subdomain, isPortNumber } from '../../apimachinery/names.js';
import { invalids } from '../checks.js';
import { ageColumn, nameColumn } from '../columns.js';
import { CLIENT_META, type Column, defineKind } from '../define.js';
import type { APIService, APIServiceCondition } from '../types/apiregistration_v1.js';

const DEFAULT_PORT = 443;
const MAX_GROUP_PRIORITY = 20_000;
const MAX_VERSION_PRIORITY = 1000;

const columns: readonly Column<APIService>[] = [
  nameColumn,
  { name: 'Service', type: 'string', description: 'The Service that serves it, or Local', cell: serviceCell },
  { name: 'Available', type: 'string', description: 'Whether it is served', cell: availableCell },
  ageColumn,
];

export const apiServices = defineKind<APIService>({
  group: 'apiregistration.k8s.io',
  version: 'v1',
  kind: 'APIService',
  plural: 'apiservices',
  categories: ['api-extensions'],
  namespaced: false,
  schema: 'apiregistration.v1.APIService',
  columns,
  defaults({ spec }) {
    if (spec.service) spec.service.port ??= DEFAULT_PORT;
  },
  // Any that can stand in a path; validate says which it must be.
  validateName: () => [],
  validate: (service) => [...validateName(service), ...validateSpec(service.spec)],
  prepareForCreate(service) {
    service.status = {};
    if (!service.spec.service)
      service.status.conditions = [{ ...LOCAL_CONDITION, lastTransitionTime: service.metadata.creationTimestamp! }];
  },
  statusKeeps: CLIENT_META,
  subresources: { status: true },
});

const LOCAL_CONDITION = { type: 'Available', status: 'True', reason: 'Local', message: 'Local APIServices are always available' };

export const availableCondition = ({ status }: APIService): APIServiceCondition | undefined =>
  status?.conditions?.find(({ type }) => type === 'Available');

export const isAvailable = (service: APIService): boolean => availableCondition(service)?.status === 'True';

function serviceCell({ spec: { service } }: APIService): string {
  return service ? `${service.namespace}/${service.name}` : 'Local';
}

function availableCell(service: APIService): string {
  const condition = availableCondition(service);
  if (!condition) return 'Unknown';
  return condition.status === 'True' ? 'True' : `${condition.status} (${condition.reason ?? ''})`;
}

function validateName({ metadata, spec }: APIService): FieldError[] {
  const wanted = `${spec.version ?? ''}.${spec.group ?? ''}`;
  if (metadata.name === wanted) return [];
  return [invalid('metadata.name', metadata.name, `must be \`spec.version+"."+spec.group\`: ${JSON.stringify(wanted)}`)];
}

function validateSpec(spec: APIService['spec']): FieldError[] {
  const { group = '', version = '', groupPriorityMinimum: groupPriority, versionPriority, service, caBundle, insecureSkipTLSVerify } = spec;
  const errors: FieldError[] = [];
  if (!group && version !== 'v1') errors.push(required('spec.group', 'only v1 may have an empty group and it better be legacy kube'));
  if (group) errors.push(...invalids('spec.group', group, isDns1123Subdomain(group)));
  errors.push(...invalids('spec.version', version, isDns1035Label(version)));
  if (!(groupPriority > 0 && groupPriority <= MAX_GROUP_PRIORITY)) {
    errors.push(invalid('spec.groupPriorityMinimum', groupPriority ?? 0, `must be positive and less than ${MAX_GROUP_PRIORITY}`));
  }
  if (!(versionPriority > 0 && versionPriority <= MAX_VERSION_PRIORITY)) {
    errors.push(invalid('spec.versionPriority', versionPriority ?? 0, `must be positive and less than ${MAX_VERSION_PRIORITY}`));
  }
  if (service) return [...errors, ...validateService(service), ...validateTrust(insecureSkipTLSVerify, caBundle)];
  const bytes = Buffer.from(caBundle ?? '', 'base64').length;
  if (bytes > 0) errors.push(invalid('spec.caBundle', `${bytes} bytes`, 'local APIServices may not have a caBundle'));
  if (insecureSkipTLSVerify) {
    errors.push(invalid('spec.insecureSkipTLSVerify', true, 'local APIServices may not have insecureSkipTLSVerify'));
  }
  return errors;
}

function validateService({ name, namespace, port }: NonNullable<APIService['spec']['service']>): FieldError[] {
  const wrongPort = isPortNumber(port ?? DEFAULT_PORT);
  return [
    ...(namespace ? [] : [required('spec.service.namespace')]),
    ...(name ? [] : [required('spec.service.name')]),
    ...(wrongPort.length > 0 ? [invalid('spec.service.port', port, `port is not valid: ${wrongPort.join(', ')}`)] : []),
  ];
}

const validateTrust = (insecure: boolean | undefined, caBundle: string | undefined): FieldError[] =>
  insecure && caBundle ? [invalid('spec.insecureSkipTLSVerify', true, 'may not be true if caBundle is present')] : [];
