// Validation of an Ingress's spec: its rules, their paths, and where they lead.
import { isIP } from 'node:net';
import { type FieldError, invalid, notSupported, required } from '../../apimachinery/field.js';
import { isDns1035Label, isDns1123Subdomain, isPortName, isPortNumber, isWildcardDns1123Subdomain } from '../../apimachinery/names.js';
import { invalids } from '../checks.js';
import { validateTypedReference } from '../object-reference.js';
import type { HTTPIngressPath, IngressBackend, IngressRule, IngressSpec, IngressTLS } from '../types/networking_v1.js';

const PATH_TYPES = ['Exact', 'ImplementationSpecific', 'Prefix'];
/** What servers take for another path than it looks like. */
const PATH_PARTS = ['//', '/./', '/../', '%2f', '%2F'];
const PATH_ENDS = ['/..', '/.'];

export function validateIngressSpec(at: string, spec: IngressSpec, old: IngressSpec | undefined): FieldError[] {
  const { rules = [], defaultBackend, tls = [], ingressClassName } = spec;
  const errors: FieldError[] = [];
  if (rules.length === 0 && !defaultBackend) {
    errors.push(invalid(at, rules as never, 'either `defaultBackend` or `rules` must be specified'));
  }
  if (defaultBackend) errors.push(...validateBackend(`${at}.defaultBackend`, defaultBackend));
  for (const [i, rule] of rules.entries()) errors.push(...validateRule(`${at}.rules[${i}]`, rule, spared(old)));
  const anySecret = (old?.tls ?? []).some(({ secretName }) => secretName && isDns1123Subdomain(secretName).length > 0);
  for (const [i, entry] of tls.entries()) errors.push(...validateTls(`${at}.tls[${i}]`, entry, anySecret));
  if (ingressClassName !== undefined) {
    errors.push(...invalids(`${at}.ingressClassName`, ingressClassName, isDns1123Subdomain(ingressClassName)));
  }
  return errors;
}

/** Rules of wildcard hosts were not looked at once: what is stored may stay. */
const spared = (old: IngressSpec | undefined): boolean =>
  (old?.rules ?? []).some((rule) => rule.host?.includes('*') && validateRuleValue('', rule).length > 0);

function validateRule(at: string, rule: IngressRule, spareWildcards: boolean): FieldError[] {
  const { host = '' } = rule;
  const errors: FieldError[] = [];
  const wildcard = host.includes('*');
  if (host) {
    if (isIP(host)) errors.push(invalid(`${at}.host`, host, 'must be a DNS name, not an IP address'));
    errors.push(...invalids(`${at}.host`, host, wildcard ? isWildcardDns1123Subdomain(host) : isDns1123Subdomain(host)));
  }
  return wildcard && spareWildcards ? errors : [...errors, ...validateRuleValue(at, rule)];
}

function validateRuleValue(at: string, { http }: IngressRule): FieldError[] {
  if (!http) return [];
  if (http.paths.length === 0) return [required(`${at}.http.paths`)];
  return http.paths.flatMap((path, i) => validatePath(`${at}.http.paths[${i}]`, path));
}

function validatePath(at: string, { path = '', pathType, backend }: HTTPIngressPath): FieldError[] {
  if (pathType === undefined) return [required(`${at}.pathType`, 'pathType must be specified')];
  const errors: FieldError[] = [];
  const refuse = (why: string) => errors.push(invalid(`${at}.path`, path, why));
  if (!PATH_TYPES.includes(pathType)) errors.push(notSupported(`${at}.pathType`, pathType, PATH_TYPES));
  else {
    const free = pathType === 'ImplementationSpecific';
    if (!path.startsWith('/') && !(free && path === '')) refuse('must be an absolute path');
    for (const part of free ? [] : PATH_PARTS) if (path.includes(part)) refuse(`must not contain '${part}'`);
    for (const end of free ? [] : PATH_ENDS) if (path.endsWith(end)) refuse(`cannot end with '${end}'`);
  }
  return [...errors, ...validateBackend(`${at}.backend`, backend)];
}

function validateBackend(at: string, { resource, service }: IngressBackend): FieldError[] {
  if (resource && service) return [invalid(at, '', 'cannot set both resource and service backends')];
  if (resource) return validateTypedReference(`${at}.resource`, resource);
  if (!service) return [invalid(at, '', 'resource or service backend is required')];
  const errors = service.name
    ? invalids(`${at}.service.name`, service.name, isDns1035Label(service.name))
    : [required(`${at}.service.name`)];
  const { name, number } = service.port;
  if (name && number) errors.push(invalid(at, '', 'cannot set both port name & port number'));
  else if (name) errors.push(...invalids(`${at}.service.port.name`, name, isPortName(name)));
  else if (number) errors.push(...invalids(`${at}.service.port.number`, number, isPortNumber(number)));
  else errors.push(required(at, 'port name or number is required'));
  return errors;
}

function validateTls(at: string, { hosts = [], secretName = '' }: IngressTLS, anySecret: boolean): FieldError[] {
  return [
    ...hosts.flatMap((host, i) =>
      invalids(`${at}.hosts[${i}]`, host, host.includes('*') ? isWildcardDns1123Subdomain(host) : isDns1123Subdomain(host)),
    ),
    ...(secretName && !anySecret ? invalids(`${at}.secretName`, secretName, isDns1123Subdomain(secretName)) : []),
  ];
}
