// Escalation: what somebody is about to grant that they do not have themselves, as upstream tells it.
import type { PolicyRule } from '../../kinds/types/rbac_v1.js';
import type { UserInfo } from '../options.js';
import { uncovered } from './covers.js';
import { aggregate, type RbacAuthorizer } from './rbac.js';

/** Undefined where the user holds all of `rules` in the namespace. Call it only when the authoriser is ready. */
export function escalation(
  rbac: RbacAuthorizer,
  user: UserInfo,
  namespace: string | undefined,
  rules: readonly PolicyRule[],
): string | undefined {
  const { rules: owned, errors } = rbac.rulesFor(user, namespace);
  const missing = compact(rules.flatMap((rule) => uncovered(owned, rule)));
  if (missing.length === 0) return undefined;
  const groups = user.groups.map((group) => JSON.stringify(group)).join(' ');
  const who = `user ${JSON.stringify(user.name)} (groups=[${groups}])`;
  const lines = missing.map(ruleText).sort();
  const text = `${who} is attempting to grant RBAC permissions not currently held:\n${lines.join('\n')}`;
  return errors.length > 0 ? `${text}; resolution errors: ${aggregate(errors)}` : text;
}

/** Rules about the same single resource become one with all their verbs. */
function compact(parts: readonly PolicyRule[]): readonly PolicyRule[] {
  const bySubject = new Map<string, { rule: PolicyRule; verbs: Set<string> }>();
  for (const { verbs, ...rule } of parts) {
    const key = JSON.stringify(rule);
    const known = bySubject.get(key);
    if (known) for (const verb of verbs) known.verbs.add(verb);
    else bySubject.set(key, { rule: { ...rule, verbs }, verbs: new Set(verbs) });
  }
  return [...bySubject.values()].map(({ rule, verbs }) => ({ ...rule, verbs: [...verbs].sort() }));
}

function ruleText({ apiGroups, resources, nonResourceURLs, resourceNames, verbs }: PolicyRule): string {
  const parts = {
    APIGroups: apiGroups,
    Resources: resources,
    NonResourceURLs: nonResourceURLs,
    ResourceNames: resourceNames,
    Verbs: verbs,
  };
  const shown = Object.entries(parts).filter(([, values]) => values?.length);
  return `{${shown.map(([name, values]) => `${name}:[${values!.map((value) => JSON.stringify(value)).join(' ')}]`).join(', ')}}`;
}
