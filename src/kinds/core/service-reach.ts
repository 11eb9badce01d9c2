// Validation of how far a Service reaches: load balancers and who may use them, IP families, health checks, where traffic prefers to go.
import { duplicate, type FieldError, forbidden, invalid, notSupported, required } from '../../apimachinery/field.js';
import { isQualifiedName } from '../../apimachinery/names.js';
import { invalids } from '../checks.js';
import { checkCidr } from '../ip-checks.js';
import type { ServiceSpec } from '../types/core_v1.js';

const BALANCED_ONLY = "may only be used when `type` is 'LoadBalancer'";
const IP_FAMILIES = ['IPv4', 'IPv6'];
const FAMILY_POLICIES = ['PreferDualStack', 'RequireDualStack', 'SingleStack'];
const DISTRIBUTIONS = ['PreferClose', 'PreferSameNode', 'PreferSameZone'];
/** One of each family. */
const MAX_IPS = 2;

export function validateReach(spec: ServiceSpec, old: ServiceSpec | undefined): FieldError[] {
  const { trafficDistribution, ports = [] } = spec;
  return [
    ...ports.flatMap(({ appProtocol }, i) =>
      appProtocol === undefined ? [] : invalids(`spec.ports[${i}].appProtocol`, appProtocol, isQualifiedName(appProtocol)),
    ),
    ...validateLoadBalancer(spec, old),
    ...validateHealthCheck(spec),
    ...validateFamilies(spec),
    ...(trafficDistribution !== undefined && !DISTRIBUTIONS.includes(trafficDistribution)
      ? [notSupported('spec.trafficDistribution', trafficDistribution, DISTRIBUTIONS)]
      : []),
  ];
}

function validateLoadBalancer(spec: ServiceSpec, old: ServiceSpec | undefined): FieldError[] {
  const { type, loadBalancerSourceRanges: ranges = [], allocateLoadBalancerNodePorts: allocate, loadBalancerClass } = spec;
  const balanced = type === 'LoadBalancer';
  // Upstream writes this field's name so.
  const rangesAt = 'spec.LoadBalancerSourceRanges';
  const errors = ranges.flatMap((range, i) => checkCidr(`${rangesAt}[${i}]`, range.trim()));
  if (ranges.length > 0 && !balanced) errors.push(forbidden(rangesAt, BALANCED_ONLY));
  if (allocate !== undefined && !balanced) errors.push(forbidden('spec.allocateLoadBalancerNodePorts', BALANCED_ONLY));
  if (allocate === undefined && balanced) errors.push(required('spec.allocateLoadBalancerNodePorts'));
  if (old?.type === 'LoadBalancer' && balanced && loadBalancerClass !== old.loadBalancerClass) {
    errors.push(invalid('spec.loadBalancerClass', loadBalancerClass, 'may not change once set'));
  }
  if (loadBalancerClass === undefined) return errors;
  if (!balanced) return [...errors, forbidden('spec.loadBalancerClass', BALANCED_ONLY)];
  return [...errors, ...invalids('spec.loadBalancerClass', loadBalancerClass, isQualifiedName(loadBalancerClass))];
}

function validateHealthCheck({ type, externalTrafficPolicy, healthCheckNodePort: port }: ServiceSpec): FieldError[] {
  if (!port || (type === 'LoadBalancer' && externalTrafficPolicy === 'Local')) return [];
  const why = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
  return [invalid('spec.healthCheckNodePort', port, why)];
}

function validateFamilies(spec: ServiceSpec): FieldError[] {
  const { type, clusterIPs = [], ipFamilies = [], ipFamilyPolicy: policy } = spec;
  if (type === 'ExternalName') {
    const why = 'may not be set for ExternalName services';
    return (['clusterIPs', 'ipFamilies', 'ipFamilyPolicy'] as const)
      .filter((field) => (Array.isArray(spec[field]) ? spec[field].length > 0 : spec[field] !== undefined))
      .map((field) => forbidden(`spec.${field}`, why));
  }
  const errors: FieldError[] = [];
  for (const [i, family] of ipFamilies.entries()) {
    if (!IP_FAMILIES.includes(family)) errors.push(notSupported(`spec.ipFamilies[${i}]`, family, IP_FAMILIES));
    if (ipFamilies.indexOf(family) < i) errors.push(duplicate(`spec.ipFamilies[${i}]`, family));
  }
  if (policy !== undefined && !FAMILY_POLICIES.includes(policy)) {
    errors.push(notSupported('spec.ipFamilyPolicy', policy, FAMILY_POLICIES));
  }
  if (clusterIPs.length > MAX_IPS) errors.push(invalid('spec.clusterIPs', clusterIPs, 'may only hold up to 2 values'));
  return errors;
}
