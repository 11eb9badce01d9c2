// Rules of webhooks and policies: which operations on which resources they are about. Defaults and validation.
import { type FieldError, invalid, notSupported, required } from '../../apimachinery/field.js';
import type { Mutable } from '../define.js';
import type { RuleWithOperations } from '../types/admissionregistration_v1.js';

const OPERATIONS = ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE'];
const SCOPES = ['*', 'Cluster', 'Namespaced'];

export function defaultRules(rules: readonly Mutable<RuleWithOperations>[] | undefined): void {
  for (const rule of rules ?? []) rule.scope ??= '*';
}

export function validateRule(
  at: string,
  { operations = [], apiGroups = [], apiVersions = [], resources = [], scope }: RuleWithOperations,
): FieldError[] {
  return [
    ...notEmptyNorMixed(`${at}.operations`, operations, 'operations'),
    ...operations.flatMap((operation, i) =>
      OPERATIONS.includes(operation) ? [] : [notSupported(`${at}.operations[${i}]`, operation, OPERATIONS)],
    ),
    ...notEmptyNorMixed(`${at}.apiGroups`, apiGroups, 'API groups'),
    ...notEmptyNorMixed(`${at}.apiVersions`, apiVersions, 'API versions'),
    ...apiVersions.flatMap((version, i) => (version ? [] : [required(`${at}.apiVersions[${i}]`)])),
    ...validateResources(`${at}.resources`, resources),
    ...(scope === undefined || SCOPES.includes(scope) ? [] : [notSupported(`${at}.scope`, scope, SCOPES)]),
  ];
}

function notEmptyNorMixed(field: string, values: readonly string[], what: string): FieldError[] {
  if (values.length === 0) return [required(field)];
  return values.length > 1 && values.includes('*') ? [invalid(field, values, `if '*' is present, must not specify other ${what}`)] : [];
}

/** What a wildcard covers must not be named again beside it. */
function validateResources(field: string, resources: readonly string[]): FieldError[] {
  if (resources.length === 0) return [required(field)];
  const errors: FieldError[] = [];
  const [wholeResources, wholeSubresources] = [new Set<string>(), new Set<string>()];
  for (const [i, each] of resources.entries()) {
    const at = `${field}[${i}]`;
    const [resource, subresource] = splitOnce(each);
    if (each === '') errors.push(required(at));
    if (subresource === undefined) continue;
    if (wholeResources.has(resource)) errors.push(invalid(at, each, `if '${resource}/*' is present, must not specify ${each}`));
    if (wholeSubresources.has(subresource)) errors.push(invalid(at, each, `if '*/${subresource}' is present, must not specify ${each}`));
    if (subresource === '*') wholeResources.add(resource);
    if (resource === '*') wholeSubresources.add(subresource);
  }
  if (resources.length > 1 && resources.includes('*/*')) {
    errors.push(invalid(field, resources, "if '*/*' is present, must not specify other resources"));
  }
  if (resources.includes('*') && resources.some((each) => each !== '' && each !== '*' && !each.includes('/'))) {
    errors.push(invalid(field, resources, "if '*' is present, must not specify other resources without subresources"));
  }
  return errors;
}

function splitOnce(text: string): readonly [string, string?] {
  const slash = text.indexOf('/');
  return slash < 0 ? [text] : [text.slice(0, slash), text.slice(slash + 1)];
}
