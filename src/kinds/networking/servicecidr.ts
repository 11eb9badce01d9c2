// The kind ServiceCIDR of networking.k8s.io/v1.
import { type FieldError, invalid, required } from '../../apimachinery/field.js';
import { checkImmutable } from '../checks.js';
import { column } from '../columns.js';
import { defineKind } from '../define.js';
import { checkCanonicalCidr, parseIpRange } from '../ip-checks.js';
import type { ServiceCIDR, ServiceCIDRSpec } from '../types/networking_v1.js';

/** One for each family. */
const MAX_CIDRS = 2;

export const serviceCidrs = defineKind<ServiceCIDR>({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'ServiceCIDR',
  plural: 'servicecidrs',
  namespaced: false,
  schema: 'networking.v1.ServiceCIDR',
  columns: [column('CIDRs', 'string', 'The ranges that Services get their addresses from', ({ spec }) => (spec.cidrs ?? []).join(','))],
  validate: ({ spec }, old) => (old ? checkImmutable('spec.cidrs', spec.cidrs, old.spec.cidrs) : validateCidrs('spec.cidrs', spec)),
  prepareForCreate(cidr) {
    cidr.status = {};
  },
  subresources: { status: true },
});

function validateCidrs(at: string, spec: ServiceCIDRSpec): FieldError[] {
  const { cidrs = [] } = spec;
  const refuse = (why: string) => [invalid(at, spec as never, why)];
  if (cidrs.length === 0) return [required(at, 'at least one CIDR required')];
  if (cidrs.length > MAX_CIDRS) return refuse('may only hold up to 2 values');
  const families = new Set(cidrs.map((cidr) => parseIpRange(cidr)?.family));
  if (cidrs.length === MAX_CIDRS && (families.size < MAX_CIDRS || families.has(undefined))) {
    return refuse('may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64');
  }
  return cidrs.flatMap((cidr, i) => checkCanonicalCidr(`${at}[${i}]`, cidr));
}
