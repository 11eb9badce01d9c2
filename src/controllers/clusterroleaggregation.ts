// clusterroleaggregation: watches ClusterRoles; gives each that gathers others by label the rules of those others.
import { isDeepStrictEqual } from 'node:util';
import { selectorOf } from '../apimachinery/labels.js';
import { isBeingDeleted, objectKey, parseKey } from '../apimachinery/object.js';
import type { Lister } from '../kinds/define.js';
import { clusterRoles } from '../kinds/rbac/clusterrole.js';
import type { ClusterRole, PolicyRule } from '../kinds/types/rbac_v1.js';
import { defineController } from './define.js';

const selectorsOf = ({ aggregationRule }: ClusterRole) => (aggregationRule?.clusterRoleSelectors ?? []).map(selectorOf);

export const clusterRoleAggregation = defineController({
  name: 'clusterrole-aggregation',
  inputs: [clusterRoles, clusterRoles.mapped((role, lister) => gatherersOf(role, lister))],
  outputs: [clusterRoles],
  async reconcile(key, { get, list, client }) {
    const role = get(clusterRoles, parseKey(key));
    const selectors = role ? selectorsOf(role) : [];
    if (!role || selectors.length === 0 || isBeingDeleted(role)) return;
    const rules = gather(role, selectors, list(clusterRoles));
    if (!isDeepStrictEqual(rules, role.rules ?? [])) await client.update<ClusterRole>(clusterRoles, { ...role, rules: [...rules] });
  },
});

/** The keys of the roles that gather this one. */
function gatherersOf({ metadata }: ClusterRole, { list }: Pick<Lister, 'list'>): readonly string[] {
  return list(clusterRoles)
    .filter((other) => other.metadata.name !== metadata.name && selectorsOf(other).some((selector) => selector.matches(metadata.labels)))
    .map(objectKey);
}

/** In the order of selectors and, within, of names; each rule once. */
function gather(role: ClusterRole, selectors: ReturnType<typeof selectorsOf>, all: readonly ClusterRole[]): readonly PolicyRule[] {
  const byName = all.filter(({ metadata }) => metadata.name !== role.metadata.name).sort((a, b) => (objectKey(a) < objectKey(b) ? -1 : 1));
  const rules: PolicyRule[] = [];
  for (const selector of selectors)
    for (const { metadata, rules: theirs } of byName) {
      if (!selector.matches(metadata.labels)) continue;
      for (const rule of theirs ?? []) if (!rules.some((known) => isDeepStrictEqual(known, rule))) rules.push(rule);
    }
  return rules;
}
