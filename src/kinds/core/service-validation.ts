// Validation of a Service: its type, ports, addresses and policies. Whether an address or node port is free is the allocators' matter.
import { duplicate, type FieldError, forbidden, invalid, required } from '../../apimachinery/field.js';
import { isDns1123Label, isDns1123Subdomain } from '../../apimachinery/names.js';
import {
  checkIp,
  checkOneOf,
  checkPort,
  checkPortNumOrName,
  checkRange,
  checkReachableIp,
  invalids,
  PROTOCOLS,
  sameJson,
} from '../checks.js';
import type { Service, ServicePort, ServiceSpec } from '../types/core_v1.js';
import { validateLabels } from '../validation.js';
import { validateReach } from './service-reach.js';

const TYPES = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];
const POLICIES = ['Cluster', 'Local'];
/** A day. */
const MAX_AFFINITY_TIMEOUT_s = 86_400;
const HEADLESS = 'None';

/** Traffic can come to it from outside of the cluster. */
export function isExternallyAccessible(spec: ServiceSpec): boolean {
  if (spec.type === 'LoadBalancer' || spec.type === 'NodePort') return true;
  return spec.type === 'ClusterIP' && (spec.externalIPs?.length ?? 0) > 0;
}

export function validateService(service: Service, old: Service | undefined): readonly FieldError[] {
  const { spec } = service;
  return [
    ...checkOneOf('spec.type', spec.type, TYPES),
    ...validateByType(spec),
    ...validateAffinity(spec),
    ...validateLabels('spec.selector', spec.selector),
    ...validatePorts('spec.ports', spec),
    ...(spec.externalIPs ?? []).flatMap((ip, i) => checkReachableIp(`spec.externalIPs[${i}]`, ip)),
    ...validateClusterIps(spec),
    ...validatePolicies(spec),
    ...validateReach(spec, old?.spec),
    ...(old ? validateUpdate(spec, old.spec) : []),
  ];
}

const isHeadless = (spec: ServiceSpec) => spec.clusterIPs?.[0] === HEADLESS || spec.clusterIP === HEADLESS;

function validateByType(spec: ServiceSpec): FieldError[] {
  const errors: FieldError[] = [];
  if (spec.type === 'ExternalName') {
    const name = (spec.externalName ?? '').replace(/\.$/, '');
    if (!name) errors.push(required('spec.externalName'));
    else errors.push(...invalids('spec.externalName', name, isDns1123Subdomain(name)));
    if (spec.clusterIP) errors.push(forbidden('spec.clusterIP', 'may not be set for ExternalName services'));
    return errors;
  }
  if (!isHeadless(spec)) {
    if ((spec.ports ?? []).length === 0) errors.push(required('spec.ports'));
  } else if (spec.type !== 'ClusterIP') {
    errors.push(invalid('spec.clusterIPs[0]', HEADLESS, `may not be set to 'None' for ${spec.type} services`));
  }
  return errors;
}

function validateAffinity({ sessionAffinity, sessionAffinityConfig }: ServiceSpec): FieldError[] {
  const errors = checkOneOf('spec.sessionAffinity', sessionAffinity, ['ClientIP', 'None']);
  if (sessionAffinity === 'None' && sessionAffinityConfig) {
    errors.push(forbidden('spec.sessionAffinityConfig', 'must not be set when session affinity is None'));
  }
  if (sessionAffinity === 'ClientIP') {
    const field = 'spec.sessionAffinityConfig.clientIP.timeoutSeconds';
    const seconds = sessionAffinityConfig?.clientIP?.timeoutSeconds;
    if (seconds === undefined) errors.push(required(field));
    else if (seconds <= 0 || seconds > MAX_AFFINITY_TIMEOUT_s) {
      errors.push(invalid(field, seconds, `must be greater than 0 and less than ${MAX_AFFINITY_TIMEOUT_s}`));
    }
  }
  return errors;
}

function validatePorts(at: string, spec: ServiceSpec): FieldError[] {
  const ports = spec.ports ?? [];
  const errors: FieldError[] = [];
  const names = new Set<string>();
  for (const [i, port] of ports.entries()) {
    const field = `${at}[${i}]`;
    if (!port.name) {
      if (ports.length > 1) errors.push(required(`${field}.name`));
    } else if (names.has(port.name)) errors.push(duplicate(`${field}.name`, port.name));
    else errors.push(...invalids(`${field}.name`, port.name, isDns1123Label(port.name)));
    if (port.name) names.add(port.name);
    errors.push(
      ...checkPort(`${field}.port`, port.port),
      ...checkOneOf(`${field}.protocol`, port.protocol, PROTOCOLS),
      ...checkPortNumOrName(`${field}.targetPort`, port.targetPort),
      ...validateNodePort(`${field}.nodePort`, port, spec),
    );
  }
  return [...errors, ...findDuplicates(at, ports)];
}

function validateNodePort(field: string, { nodePort }: ServicePort, { type }: ServiceSpec): FieldError[] {
  if (!nodePort) return [];
  if (type === 'ClusterIP') return [forbidden(field, "may not be used when `type` is 'ClusterIP'")];
  if (type === 'ExternalName') return [forbidden(field, "may not be used when `type` is 'ExternalName'")];
  return checkRange(field, nodePort, 1, 65_535);
}

/** A port or node port can lead to one place only. */
function findDuplicates(at: string, ports: readonly ServicePort[]): FieldError[] {
  const errors: FieldError[] = [];
  for (const [i, { protocol = '', port, nodePort }] of ports.entries()) {
    const before = ports.slice(0, i).filter((other) => other.protocol === protocol);
    if (before.some((other) => other.port === port)) errors.push(duplicate(`${at}[${i}]`, { protocol, port }));
    if (nodePort && before.some((other) => other.nodePort === nodePort)) {
      errors.push(duplicate(`${at}[${i}].nodePort`, { protocol, nodePort }));
    }
  }
  return errors;
}

function validateClusterIps(spec: ServiceSpec): FieldError[] {
  const ips = spec.clusterIPs ?? (spec.clusterIP ? [spec.clusterIP] : []);
  const errors = ips.flatMap((ip, i) => (ip === HEADLESS ? [] : checkIp(`spec.clusterIPs[${i}]`, ip)));
  if (spec.clusterIP && spec.clusterIPs?.length && spec.clusterIPs[0] !== spec.clusterIP) {
    errors.push(invalid('spec.clusterIPs', ips, 'first value must match `clusterIP`'));
  }
  return errors;
}

function validatePolicies(spec: ServiceSpec): FieldError[] {
  const { type, externalTrafficPolicy, internalTrafficPolicy } = spec;
  const errors: FieldError[] = [];
  if (externalTrafficPolicy && !isExternallyAccessible(spec)) {
    const why = 'may only be set for externally-accessible services';
    errors.push(invalid('spec.externalTrafficPolicy', externalTrafficPolicy, why));
  } else errors.push(...checkOneOf('spec.externalTrafficPolicy', externalTrafficPolicy, POLICIES, !isExternallyAccessible(spec)));
  const needsInternal = type !== 'ExternalName' && TYPES.includes(type ?? '');
  errors.push(...checkOneOf('spec.internalTrafficPolicy', internalTrafficPolicy, POLICIES, !needsInternal));
  return errors;
}

function validateUpdate(spec: ServiceSpec, old: ServiceSpec): FieldError[] {
  if (spec.type === 'ExternalName' || old.type === 'ExternalName') return [];
  const before = old.clusterIPs ?? [];
  const now = spec.clusterIPs ?? [];
  if (before.length === 0 || sameJson(before[0], now[0])) return [];
  return [invalid('spec.clusterIPs[0]', now, 'may not change once set')];
}
