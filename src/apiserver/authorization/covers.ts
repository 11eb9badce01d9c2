// Whether some rules grant all that another rule does: what keeps people from giving away more than they have.
import type { PolicyRule } from '../../kinds/types/rbac_v1.js';
import { pathMatches } from './rules.js';

const NONE: readonly string[] = [];
const ALL = '*';

/** Every single thing that `rule` allows is allowed by one of `owned`. */
export function covers(owned: readonly PolicyRule[], rule: PolicyRule): boolean {
  return uncovered(owned, rule).length === 0;
}

/** What of `rule`, broken down to single verbs, groups, resources, names and paths, none of `owned` allows. */
export function uncovered(owned: readonly PolicyRule[], rule: PolicyRule): readonly PolicyRule[] {
  return breakDown(rule).filter((part) => !owned.some((each) => coversPart(each, part)));
}

function breakDown({
  verbs = NONE,
  apiGroups = NONE,
  resources = NONE,
  resourceNames = NONE,
  nonResourceURLs = NONE,
}: PolicyRule): PolicyRule[] {
  const parts: PolicyRule[] = [];
  for (const group of apiGroups)
    for (const resource of resources)
      for (const verb of verbs) {
        const part = { apiGroups: [group], resources: [resource], verbs: [verb] };
        if (resourceNames.length === 0) parts.push(part);
        else for (const name of resourceNames) parts.push({ ...part, resourceNames: [name] });
      }
  for (const url of nonResourceURLs) for (const verb of verbs) parts.push({ nonResourceURLs: [url], verbs: [verb] });
  return parts;
}

function coversPart(owner: PolicyRule, part: PolicyRule): boolean {
  if (!has(owner.verbs, part.verbs[0]!)) return false;
  const url = part.nonResourceURLs?.[0];
  if (url !== undefined) return (owner.nonResourceURLs ?? NONE).some((pattern) => pathMatches(pattern, url));
  return (
    has(owner.apiGroups, part.apiGroups![0]!) && coversResource(owner.resources ?? NONE, part.resources![0]!) && coversName(owner, part)
  );
}

const has = (values: readonly string[] = NONE, wanted: string) => values.includes(ALL) || values.includes(wanted);

function coversResource(resources: readonly string[], wanted: string): boolean {
  if (has(resources, wanted)) return true;
  const slash = wanted.indexOf('/');
  return slash >= 0 && resources.includes(`*${wanted.slice(slash)}`);
}

function coversName(owner: PolicyRule, part: PolicyRule): boolean {
  const names = owner.resourceNames ?? NONE;
  return names.length === 0 || (part.resourceNames !== undefined && names.includes(part.resourceNames[0]!));
}
