// Policy rules compiled for quick answers: does this rule allow this request?
import type { PolicyRule } from '../../kinds/types/rbac_v1.js';
import type { Attributes } from './attributes.js';

const ALL = '*';

export interface CompiledRule {
  readonly rule: PolicyRule;
  allows(attributes: Attributes): boolean;
}

export function compileRule(rule: PolicyRule): CompiledRule {
  const verbs = matcher(rule.verbs);
  if (rule.nonResourceURLs?.length) {
    const paths = rule.nonResourceURLs;
    return { rule, allows: (a) => !a.isResource && verbs(a.verb) && paths.some((pattern) => pathMatches(pattern, a.path)) };
  }
  const [groups, resources] = [matcher(rule.apiGroups), resourceMatcher(rule.resources ?? [])];
  const names = rule.resourceNames?.length ? new Set(rule.resourceNames) : undefined;
  return {
    rule,
    allows: (a) =>
      a.isResource &&
      verbs(a.verb) &&
      groups(a.group) &&
      resources(a.resource, a.subresource) &&
      (!names || (a.name !== undefined && names.has(a.name))),
  };
}

/** A pattern's star counts at its end only. */
export function pathMatches(pattern: string, path: string): boolean {
  if (pattern === ALL || pattern === path) return true;
  return pattern.endsWith(ALL) && path.startsWith(pattern.slice(0, -1));
}

function matcher(values: readonly string[] = []): (value: string) => boolean {
  if (values.includes(ALL)) return () => true;
  if (values.length === 1) return (value) => value === values[0];
  const set = new Set(values);
  return (value) => set.has(value);
}

/** `pods`, `pods/log`, a star for all with their subresources, or a star and `/scale` for that subresource of all. */
function resourceMatcher(resources: readonly string[]): (resource: string, subresource: string | undefined) => boolean {
  if (resources.includes(ALL)) return () => true;
  const set = new Set(resources);
  return (resource, subresource) => {
    if (subresource === undefined) return set.has(resource);
    return set.has(`${resource}/${subresource}`) || set.has(`${ALL}/${subresource}`);
  };
}
