// The kind IngressClass of networking.k8s.io/v1.
import { type FieldError, forbidden, notSupported, required } from '../../apimachinery/field.js';
import { isDns1123Label } from '../../apimachinery/names.js';
import { checkDomainPrefixedPath, checkImmutable, checkLength, invalids } from '../checks.js';
import { column, NONE } from '../columns.js';
import { defineKind } from '../define.js';
import { validateTypedReference } from '../object-reference.js';
import type { IngressClass, IngressClassParametersReference } from '../types/networking_v1.js';

const MAX_CONTROLLER_bytes = 250;
const SCOPES = ['Cluster', 'Namespace'];

export const ingressClasses = defineKind<IngressClass>({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'IngressClass',
  plural: 'ingressclasses',
  namespaced: false,
  schema: 'networking.v1.IngressClass',
  generation: true,
  columns: [
    column('Controller', 'string', 'What serves Ingresses of this class', ({ spec }) => spec.controller ?? ''),
    column('Parameters', 'string', 'An object with the controller’s configuration', ({ spec }) => formatParameters(spec.parameters)),
  ],
  defaults({ spec }) {
    if (spec.parameters) spec.parameters.scope ??= 'Cluster';
  },
  validate: ({ spec: { controller = '', parameters } }, old) => [
    ...(old ? checkImmutable('spec.controller', controller, old.spec.controller ?? '') : []),
    ...checkLength('spec.controller', controller, MAX_CONTROLLER_bytes),
    ...checkDomainPrefixedPath('spec.controller', controller),
    ...(parameters ? validateParameters('spec.parameters', parameters) : []),
  ],
});

function formatParameters(parameters: IngressClassParametersReference | undefined): string {
  if (!parameters) return NONE;
  const { apiGroup, kind, name } = parameters;
  return `${kind}${apiGroup === undefined ? '' : `.${apiGroup}`}/${name}`;
}

function validateParameters(at: string, parameters: IngressClassParametersReference): FieldError[] {
  const { scope, namespace } = parameters;
  const errors = validateTypedReference(at, parameters);
  if (scope === undefined) return [...errors, required(`${at}.scope`)];
  if (!SCOPES.includes(scope)) return [...errors, notSupported(`${at}.scope`, scope, SCOPES)];
  if (scope === 'Cluster') {
    if (namespace !== undefined) errors.push(forbidden(`${at}.namespace`, "`parameters.scope` is set to 'Cluster'"));
  } else if (namespace === undefined) errors.push(required(`${at}.namespace`, "`parameters.scope` is set to 'Namespace'"));
  else errors.push(...invalids(`${at}.namespace`, namespace, isDns1123Label(namespace)));
  return errors;
}
