// Policies: the ValidatingAdmissionPolicies that are in force, each with its bindings, as an API server keeps them.
import { validatingAdmissionPolicies } from '../../kinds/admissionregistration/validatingadmissionpolicy.js';
import { validatingAdmissionPolicyBindings } from '../../kinds/admissionregistration/validatingadmissionpolicybinding.js';
import type { ValidatingAdmissionPolicyBinding } from '../../kinds/types/admissionregistration_v1.js';
import { RequestMatcher } from '../admission/matching.js';
import { CacheView } from '../cache-view.js';
import type { Resources } from '../resources.js';
import { CompiledPolicy } from './policy.js';

export interface Binding {
  readonly binding: ValidatingAdmissionPolicyBinding;
  /** Absent: it is about all that its policy is about. */
  readonly matcher: RequestMatcher | undefined;
}

export class Policies {
  readonly policies;
  readonly bindings;

  constructor(resources: Resources) {
    this.policies = new CacheView(resources, validatingAdmissionPolicies, (all) => all.map((policy) => new CompiledPolicy(policy)));
    this.bindings = new CacheView(resources, validatingAdmissionPolicyBindings, byPolicy);
  }
}

function byPolicy(bindings: readonly ValidatingAdmissionPolicyBinding[]): ReadonlyMap<string, readonly Binding[]> {
  const out = new Map<string, Binding[]>();
  for (const binding of bindings) {
    const name = binding.spec.policyName ?? '';
    out.set(name, [...(out.get(name) ?? []), { binding, matcher: matcherOf(binding) }]);
  }
  return out;
}

const ALL = [{ operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*', '*/*'] }];

function matcherOf({ spec: { matchResources } }: ValidatingAdmissionPolicyBinding): RequestMatcher | undefined {
  if (!matchResources) return undefined;
  const { resourceRules, excludeResourceRules: excludeRules, matchPolicy, namespaceSelector, objectSelector } = matchResources;
  const rules = resourceRules?.length ? resourceRules : ALL;
  return new RequestMatcher({ rules, excludeRules, matchPolicy, namespaceSelector, objectSelector });
}
