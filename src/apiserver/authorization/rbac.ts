// The RBAC authoriser: allowed is what a role allows that a binding gives to the user or a group of theirs.
import { RBAC_GROUP } from '../../kinds/rbac/policy-rules.js';
import type { PolicyRule, RoleRef } from '../../kinds/types/rbac_v1.js';
import type { UserInfo } from '../options.js';
import type { Attributes } from './attributes.js';
import { type Decision, NO_OPINION } from './decision.js';
import type { Grant, RoleIndex } from './role-index.js';

export interface UserRules {
  readonly rules: readonly PolicyRule[];
  /** Roles that bindings name but that are not there. */
  readonly errors: readonly string[];
}

export class RbacAuthorizer {
  constructor(private readonly index: RoleIndex) {}

  authorize(attributes: Attributes): Decision {
    let missing: string[] | undefined;
    const namespace = attributes.isResource ? attributes.namespace : undefined;
    for (const grant of this.index.grants(attributes.user, namespace)) {
      const { roleRef, metadata } = grant.binding;
      const rules = this.index.rulesOf(roleRef, metadata.namespace);
      if (!rules) (missing ??= []).push(roleNotFound(roleRef));
      else for (const rule of rules) if (rule.allows(attributes)) return { allowed: true, reason: `RBAC: allowed by ${describe(grant)}` };
    }
    return missing ? { allowed: false, reason: `RBAC: ${aggregate(missing)}` } : NO_OPINION;
  }

  /** All that the user may do in the namespace, or in the whole cluster. */
  rulesFor(user: UserInfo, namespace: string | undefined): UserRules {
    const [rules, errors]: [PolicyRule[], string[]] = [[], []];
    for (const { binding } of this.index.grants(user, namespace)) {
      const compiled = this.index.rulesOf(binding.roleRef, binding.metadata.namespace);
      if (compiled) rules.push(...compiled.map(({ rule }) => rule));
      else errors.push(roleNotFound(binding.roleRef));
    }
    return { rules, errors };
  }

  /** Undefined where there is no such role. */
  rulesOf(roleRef: RoleRef, namespace: string | undefined): readonly PolicyRule[] | undefined {
    return this.index.rulesOf(roleRef, namespace)?.map(({ rule }) => rule);
  }
}

const roleNotFound = ({ kind, name }: RoleRef) => `${kind.toLowerCase()}.${RBAC_GROUP} ${JSON.stringify(name)} not found`;

/** As upstream joins errors: one as it is, several once each, in brackets. */
export function aggregate(errors: readonly string[]): string {
  const unique = [...new Set(errors)];
  return unique.length === 1 ? unique[0]! : `[${unique.join(', ')}]`;
}

function describe({ binding: { metadata, roleRef }, subject }: Grant): string {
  const { name, namespace } = metadata;
  const [kind, path] = namespace === undefined ? ['ClusterRoleBinding', name] : ['RoleBinding', `${name}/${namespace}`];
  const who = subject.kind === 'ServiceAccount' ? `${subject.name}/${subject.namespace || namespace}` : subject.name;
  const quote = JSON.stringify;
  return `${kind} ${quote(path)} of ${roleRef.kind} ${quote(roleRef.name)} to ${subject.kind} ${quote(who)}`;
}
