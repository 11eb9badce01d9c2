// SelfSubjectRulesReview (kubectl auth can-i --list): what may I do in this namespace?
import { badRequest } from '../../apimachinery/status.js';
import { selfSubjectRulesReviews } from '../../kinds/authorization/selfsubjectrulesreview.js';
import type { SelfSubjectRulesReview } from '../../kinds/types/authorization_v1.js';
import { aggregate } from '../authorization/rbac.js';
import { defineReview } from './review.js';

export const selfSubjectRulesReview = defineReview<SelfSubjectRulesReview>({
  kind: selfSubjectRulesReviews,
  async answer({ body: { spec }, user }, { authorizer }) {
    if (!spec?.namespace) throw badRequest('no namespace on request');
    const { rules, errors, incomplete } = await authorizer.rulesFor(user, spec.namespace);
    return {
      resourceRules: rules
        .filter(({ nonResourceURLs }) => !nonResourceURLs?.length)
        .map(({ verbs, apiGroups, resources, resourceNames }) => ({
          verbs,
          apiGroups,
          resources,
          ...(resourceNames && { resourceNames }),
        })),
      nonResourceRules: rules
        .filter(({ nonResourceURLs }) => nonResourceURLs?.length)
        .map(({ verbs, nonResourceURLs }) => ({ verbs, nonResourceURLs })),
      incomplete,
      ...(errors.length > 0 && { evaluationError: aggregate(errors) }),
    };
  },
});
