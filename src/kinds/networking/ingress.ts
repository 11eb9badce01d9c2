// The kind Ingress of networking.k8s.io/v1.

import { isIP } from 'node:net';
import { type FieldError, invalid } from '../../apimachinery/field.js';
import type { Json } from '../../apimachinery/json.js';
import { isDns1123Subdomain } from '../../apimachinery/names.js';
import { checkIp, invalids } from '../checks.js';
import { column, formatCount, NONE } from '../columns.js';
import { defineKind } from '../define.js';
import type { Ingress, IngressRule } from '../types/networking_v1.js';
import { validateIngressSpec } from './ingress-validation.js';

/** How the class was given before the spec had a field for it. */
const ANNOTATION_CLASS = 'kubernetes.io/ingress.class';

export const ingresses = defineKind<Ingress>({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'Ingress',
  plural: 'ingresses',
  shortNames: ['ing'],
  namespaced: true,
  schema: 'networking.v1.Ingress',
  warnings: ({ metadata, spec }) =>
    metadata.annotations?.[ANNOTATION_CLASS] !== undefined && !spec.ingressClassName
      ? [`annotation "${ANNOTATION_CLASS}" is deprecated, please use 'spec.ingressClassName' instead`]
      : [],
  columns: [
    column('Class', 'string', 'The class that says which controller serves it', ({ spec }) => spec.ingressClassName ?? NONE),
    column('Hosts', 'string', 'The hosts that its rules are for', ({ spec }) => hosts(spec.rules ?? [])),
    column('Address', 'string', 'Where it is served', ({ status }) =>
      (status.loadBalancer.ingress ?? [])
        .map(({ ip, hostname }) => ip || hostname)
        .filter(Boolean)
        .join(','),
    ),
    column('Ports', 'string', 'The ports it is served on', ({ spec }) => (spec.tls?.length ? '80, 443' : '80')),
  ],
  validate: (ingress, old) => [...validateIngressSpec('spec', ingress.spec, old?.spec), ...(old ? [] : validateClass(ingress))],
  validateStatus,
  prepareForCreate(ingress) {
    ingress.status = { loadBalancer: {} };
  },
  subresources: { status: true },
});

function hosts(rules: readonly IngressRule[]): string {
  const named = rules.map(({ host }) => host ?? '').filter(Boolean);
  return named.length === 0 ? '*' : formatCount(named, rules.length);
}

function validateClass({ metadata, spec }: Ingress): FieldError[] {
  const annotation = metadata.annotations?.[ANNOTATION_CLASS];
  if (annotation === undefined || spec.ingressClassName === undefined || annotation === spec.ingressClassName) return [];
  return [invalid(`annotations.${ANNOTATION_CLASS}`, annotation, 'must match `ingressClassName` when both are specified')];
}

function validateStatus({ status }: Ingress): FieldError[] {
  return (status.loadBalancer.ingress ?? []).flatMap(({ ip, hostname }, i) => {
    const at = `status.loadBalancer.ingress[${i}]`;
    const errors: FieldError[] = ip ? checkIp(`${at}.ip`, ip) : [];
    if (!hostname) return errors;
    errors.push(...invalids(`${at}.hostname`, hostname as Json, isDns1123Subdomain(hostname)));
    if (isIP(hostname)) errors.push(invalid(`${at}.hostname`, hostname, 'must be a DNS name, not an IP address'));
    return errors;
  });
}
