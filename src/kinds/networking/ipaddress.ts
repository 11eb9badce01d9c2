// The kind IPAddress of networking.k8s.io/v1.
import { type FieldError, required } from '../../apimachinery/field.js';
import { isDns1123Subdomain, isPathSegmentName } from '../../apimachinery/names.js';
import { checkImmutable, invalids } from '../checks.js';
import { column, NONE } from '../columns.js';
import { defineKind } from '../define.js';
import { isCanonicalIp } from '../ip-checks.js';
import type { IPAddress, ParentReference } from '../types/networking_v1.js';

export const ipAddresses = defineKind<IPAddress>({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'IPAddress',
  plural: 'ipaddresses',
  shortNames: ['ip'],
  namespaced: false,
  schema: 'networking.v1.IPAddress',
  generation: true,
  columns: [column('ParentRef', 'string', 'The object that has the address', ({ spec }) => formatParent(spec.parentRef))],
  validateName: isCanonicalIp,
  validate: ({ spec }, old) =>
    old ? checkImmutable('spec.parentRef', spec.parentRef, old.spec.parentRef) : validateParent('spec.parentRef', spec.parentRef),
});

function formatParent(parent: ParentReference | undefined): string {
  if (!parent) return NONE;
  const { group, resource, namespace, name } = parent;
  return `${resource}${group ? `.${group}` : ''}${namespace ? `/${namespace}` : ''}/${name}`.toLowerCase();
}

function validateParent(at: string, parent: ParentReference | undefined): FieldError[] {
  if (!parent) return [required(at)];
  const { group = '', resource = '', namespace = '', name = '' } = parent;
  return [
    ...(group ? invalids(`${at}.group`, group, isDns1123Subdomain(group)) : []),
    ...(resource ? invalids(`${at}.resource`, resource, isPathSegmentName(resource)) : [required(`${at}.resource`)]),
    ...(name ? invalids(`${at}.name`, name, isPathSegmentName(name)) : [required(`${at}.name`)]),
    ...(namespace ? invalids(`${at}.namespace`, namespace, isPathSegmentName(namespace)) : []),
  ];
}
